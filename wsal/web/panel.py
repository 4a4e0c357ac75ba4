"""The side panel: quality so far, forecast, progress of each person, whether to stop."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from wsal.active.stopping import kappa, stop_verdicts, texts_left
from wsal.annotation.changes_log import changes_in
from wsal.annotation.journal import (
    FLAG,
    NOTE,
    RECHECK,
    UNSURE,
    Event,
    decision,
    decisions_in_force,
)
from wsal.annotation.questions import NOT_ALL, is_beside_texts
from wsal.annotation.task_queue import TaskQueue
from wsal.artifacts import Artifact
from wsal.digests import MANIFEST
from wsal.evaluation.agreement import by_class, krippendorff
from wsal.evaluation.forecast import forecast
from wsal.multilabel import names_in
from wsal.rounds.learning_curve import learning_curve
from wsal.rounds.mixtures import mixture_sentences
from wsal.run.bill import bill_of_run
from wsal.run.stage_table import CONFIG
from wsal.settings import StopSettings
from wsal.web.remaining import target_facts

DEFAULT_TARGET = 0.95  # of the forecast, where stop.target is not set


def quality(run_dir: Path) -> dict[str, Any]:
    """Learning curve, forecast, stop rules, bill; before the first assessment, only the plan."""
    manifests = sorted(run_dir.glob(f"rounds/*/assessed/{MANIFEST}"))
    if not (run_dir / CONFIG).exists():
        return {}
    config = json.loads((run_dir / CONFIG).read_text())
    if "active" not in config:  # of `wsal accept`: what is known so far would influence people
        return {"note": "shown when all is answered"}
    plan = {name: config["active"][name] for name in ("rounds", "query_size")}
    if not manifests:
        return {"plan": plan}
    assessed = [Artifact.open(path.parent).facts for path in manifests]
    stop, price = StopSettings(**config["stop"]), config["active"]["price_per_hour"]
    batches = changes_in(run_dir).batches
    verdicts = stop_verdicts(assessed, stop, price, batches)
    reasons = [message for holds, message in verdicts if holds]
    facts = assessed[-1]
    bill = bill_of_run(run_dir, facts, price).sentences()
    general = {"stop": reasons, "bill": bill, "price": price, "plan": plan}
    if not facts["measured_on"]:
        return general
    target = stop.target or DEFAULT_TARGET
    expected = forecast(learning_curve(facts, stop.metric), target)
    goal = target_facts(facts, expected, target, is_set=stop.target is not None)
    return {
        **general,
        "metric": stop.metric,
        "measured_on": facts["measured_on"],
        "curve": [{"n_gold": r["n_gold"], **r[stop.metric]} for r in facts["rounds"]],
        "target": goal | {"n_left": texts_left(facts, batches)},
        "forecast": mixture_sentences(facts, price, stop.metric, target),
    }


def progress(queues: Sequence[TaskQueue]) -> dict[str, Any]:
    """Counts of the open round, and how many texts are answered early; empty without queues."""
    counts: dict[str, Any] = {}
    for queue in queues:
        answers = queue.answers()
        if queue.round.is_early:
            counts = {"round": queue.round.number, "ties": 0, **counts, "early": len(answers)}
        else:
            counts = {
                "round": queue.round.number,
                "n": len(queue.round.items),
                "open": len(queue.open_ids(answers)),
                "ties": len(queue.ties(answers)),
                "finished": queue.finished(),
            }
    return counts


def distribution(queue: TaskQueue) -> list[tuple[str, int]]:
    """How many texts of the round have each label, the most frequent first."""
    items, counts = queue.round.items, Counter[str]()
    for text_id, answers in queue.answers().items():
        item, (_, label) = items[text_id], decision(answers)
        if label is not None and label != NOT_ALL and not item.is_word:
            names = names_in(label) or [label] if queue.round.multilabel else [label]
            counts.update(dict.fromkeys(names, len(item.examples) if item.is_group else 1))
    return counts.most_common()


def people(events: Sequence[Event]) -> dict[str, Any]:
    """Each annotator's progress and consistency; how far they agree, overall and by class."""
    decisions = decisions_in_force(events)
    labels: dict[str, dict[str, str]] = {}  # text id -> annotator -> label
    for event in decisions:
        if event.label is not None and event.kind != RECHECK and not is_beside_texts(event.id):
            labels.setdefault(event.id, {})[event.annotator] = event.label
    shared = [by_person for by_person in labels.values() if len(by_person) > 1]
    names = sorted({event.annotator for event in decisions})
    rows = []
    for name in names:
        own = [event for event in decisions if event.annotator == name]
        times = sorted(event.seconds for event in own if event.seconds is not None)
        rechecks = [event for event in own if event.kind == RECHECK]
        same = [labels.get(event.id, {}).get(name) == event.label for event in rechecks]
        rows.append(
            {
                "name": name,
                "answers": len({event.id for event in own if event.label is not None}),
                "unsure": len({event.id for event in own if event.kind == UNSURE}),
                "seconds": times[len(times) // 2] if times else None,
                "same_answer": [sum(same), len(same)],
            }
        )
    pairs = []
    for name, other in combinations(names, 2):
        both = [(text[name], text[other]) for text in shared if name in text and other in text]
        if both:
            pairs.append([name, other, len(both), kappa(*zip(*both, strict=True))])
    classes = {str(label): alpha for label, alpha in by_class(shared).items()}
    return {"people": rows, "pairs": pairs, "alpha": krippendorff(shared), "classes": classes}


def remarks(events: Sequence[Event]) -> dict[str, list[str]]:
    """Flags and notes on each text."""
    texts: dict[str, list[str]] = {}
    for event in events:
        if event.kind in (FLAG, NOTE):
            texts.setdefault(event.id, []).append(f"{event.annotator}: {event.note or 'flagged'}")
    return texts
