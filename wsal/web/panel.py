"""The side panel: quality so far, forecast, who does what, whether to stop."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

from wsal.active.stopping import kappa, stop_verdicts
from wsal.annotation.journal import RECHECK, FLAG, NOTE, UNSURE, Event, decision, decisions_in_force
from wsal.annotation.task_queue import TaskQueue
from wsal.artifacts import MANIFEST, Artifact
from wsal.evaluation.agreement import by_class, krippendorff
from wsal.evaluation.forecast import forecast
from wsal.rounds.learning_curve import forecast_sentences, learning_curve
from wsal.settings import StopSettings


def quality(run_dir: Path) -> dict[str, Any]:
    """Learning curve, forecast and stop rules, from the newest assessment; empty without one."""
    found = sorted(run_dir.glob(f"rounds/*/assessed/{MANIFEST}"))
    if not found:
        return {}
    assessed = [Artifact.open(one.parent).facts for one in found]
    config = json.loads((run_dir / "config.json").read_text())
    stop = StopSettings(**config["stop"])
    price = config["active"]["price_per_hour"]
    rules = stop_verdicts(assessed, stop, price)
    told: dict[str, Any] = {"stop": [said for holds, said in rules if holds]}
    facts = assessed[-1]
    if not facts["measured_on"]:
        return told
    target = stop.target or 0.95
    told["metric"] = stop.metric
    told["measured_on"] = facts["measured_on"]
    told["curve"] = [{"n_gold": one["n_gold"], **one[stop.metric]} for one in facts["rounds"]]
    ahead = forecast(learning_curve(facts, stop.metric), target)
    told["forecast"] = forecast_sentences(facts, ahead, price, stop.metric, target)
    return told


def progress(desk: TaskQueue) -> dict[str, Any]:
    """Counts of the round."""
    decided = desk.decided()
    n_open = len(desk.open_ids(decided))
    return {"round": desk.round.number, "n": len(desk.round.items), "open": n_open,
            "ties": len(desk.ties(decided)), "finished": desk.finished()}  # fmt: skip


def distribution(desk: TaskQueue) -> list[tuple[str, int]]:
    """How many texts of the round have each label, the most frequent first."""
    labels = (decision(said)[1] for said in desk.decided().values())
    return Counter(label for label in labels if label is not None).most_common()


def people(events: list[Event]) -> dict[str, Any]:
    """Each annotator's answers, speed, steadiness; how far they agree, as a whole and by class."""
    stands = decisions_in_force(events)
    answers: dict[str, dict[str, str]] = {}
    for one in stands:
        if one.label is not None and one.kind != RECHECK:
            answers.setdefault(one.id, {})[one.annotator] = one.label
    shared = [said for said in answers.values() if len(said) > 1]
    rows = []
    for name in sorted({one.annotator for one in stands}):
        own = [one for one in stands if one.annotator == name]
        times = sorted(one.seconds for one in own if one.seconds is not None)
        again = [(answers.get(e.id, {}).get(name), e.label) for e in own if e.kind == RECHECK]
        rows.append({
            "name": name, "answers": len({one.id for one in own if one.label is not None}),
            "unsure": len({one.id for one in own if one.kind == UNSURE}),
            "seconds": times[len(times) // 2] if times else None,
            "same_again": [sum(a == b for a, b in again), len(again)],
        })  # fmt: skip
    pairs = []
    for who, other in combinations([row["name"] for row in rows], 2):
        both = [(said[who], said[other]) for said in shared if who in said and other in said]
        if both:
            pairs.append([who, other, len(both), _cohen(both)])
    classes = {str(name): alpha for name, alpha in by_class(shared).items()}
    return {"people": rows, "pairs": pairs, "alpha": krippendorff(shared), "classes": classes}


def remarks(events: list[Event]) -> dict[str, list[str]]:
    """Flags and notes of each text."""
    found: dict[str, list[str]] = {}
    for one in events:
        if one.kind in (FLAG, NOTE):
            found.setdefault(one.id, []).append(f"{one.annotator}: {one.note or 'flagged'}")
    return found


def _cohen(both: list[tuple[str, str]]) -> float:
    import numpy as np  # noqa: PLC0415  arrays for the one call below

    names = sorted({label for pair in both for label in pair})
    codes = np.array([[names.index(a), names.index(b)] for a, b in both])
    return kappa(codes[:, 0], codes[:, 1])
