"""What a user may have to act on after a stage: it is printed however short the output is."""

import re
from collections.abc import Callable, Iterable, Sequence

from wsal import schemas, tables
from wsal.active.stopping import how_to_measure
from wsal.annotation.set_aside import of_removed_message, set_aside_message
from wsal.artifacts import Artifact, Facts
from wsal.labels import LabelSet
from wsal.run.stage_table import STAGES

SHOWN = 5  # names in a warning


def warnings_of(stage: str, artifact: Artifact) -> list[str]:
    """The warnings about a finished stage, a sentence each; most stages have none."""
    if stage == "vote":
        return _of_rules(artifact)
    return list(WARNINGS[stage](artifact.facts)) if stage in WARNINGS else []


def _of_rules(votes: Artifact) -> list[str]:
    """Rules without votes, and classes without rules."""
    report = tables.read(votes.path / "rules.parquet", schemas.RULES)
    if report.is_empty():
        return ["there are no rules; `wsal rules suggest` suggests some"]
    silent = report.filter(report["n_votes"] == 0)["rule"].to_list()
    voted = set(report["classes"].explode().drop_nulls().to_list())
    pool = votes.path.parent / STAGES["prepare"].writes
    labels = LabelSet.of_pool(Artifact.open(pool).facts)
    for parent in voted & set(labels.parents):
        voted |= set(labels.parents[parent])
    lists = {
        "rules that vote on no text": silent,
        "classes that no rule votes for": [name for name in labels.names if name not in voted],
    }
    return [f"{words}: {_listed(names)}" for words, names in lists.items() if names]


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are.

    >>> _listed(["Tea", "Pets"])
    'Tea, Pets'
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _prepare(facts: Facts) -> Iterable[str]:
    if n := facts.get("n_bad_records"):
        yield f"{n:,} records cannot be parsed; they are in pool/bad_records.jsonl"
    if n := facts.get("n_without_text"):
        yield f"{n:,} rows have no text and are left out"


def _ask(facts: Facts) -> Iterable[str]:
    n_invalid = facts["statuses"].get("invalid", 0)
    if n_invalid:
        yield f"{n_invalid:,} replies of the language model could not be read (`wsal llm log`)"
    if facts["stopped"]:
        yield facts["stopped"]


def _select(facts: Facts) -> Iterable[str]:
    if message := facts.get("cut_sample"):
        yield message


def _annotate(facts: Facts) -> Iterable[str]:
    yield from facts.get("notes", [])
    if n := facts.get("n_unseen"):
        yield f"{n:,} texts were not answered; later rounds may select them again"
    if names := facts.get("returned_classes"):
        yield f"classes for which people answer again: {_listed(names)}"


def _reweigh(facts: Facts) -> Iterable[str]:
    if "set_aside" in facts and (message := set_aside_message(facts["set_aside"])):
        yield message
    if message := of_removed_message(facts.get("of_removed", {})):
        yield message


def _finetune(facts: Facts) -> Iterable[str]:
    if "amplified" in facts and not facts["amplified"]["used"]:
        yield "training with copies (amplify) was worse, so they are not used"


def _assess(facts: Facts) -> Iterable[str]:
    if facts["measured_on"]:
        notes = re.findall(r"\(([^)]*)\)", facts["measured_on"])
        yield from (note for note in notes if "the estimate" in note)
    elif facts["round"] == 1:
        yield (
            "stop rules and forecasts do not know the quality: there is neither an evaluation "
            f"sample nor a dev split; {how_to_measure(facts.get('n_frame'))}"
        )


def _export(facts: Facts) -> Iterable[str]:
    for name, result in facts["formats"].items():
        if isinstance(result, str):
            yield f"{name} is not written: {result}"


WARNINGS: dict[str, Callable[[Facts], Iterable[str]]] = {
    "prepare": _prepare,
    "ask": _ask,
    "select": _select,
    "annotate": _annotate,
    "reweigh": _reweigh,
    "finetune": _finetune,
    "assess": _assess,
    "export": _export,
}
"""Stage -> warnings from its facts. Those of `vote` are in its tables."""
