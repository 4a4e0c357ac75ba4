"""What people see: a line a stage, the learning curve."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.table import Table

from wsal.annotation.answers import set_aside_message
from wsal.artifacts import Facts
from wsal.run.pipeline import Outcome
from wsal.run.vote_report import console, show_rules


def _metrics(facts: Facts) -> str:
    shown = [
        f"{split}: macro-F1 {facts[split]['macro_f1']:.3f}, accuracy {facts[split]['accuracy']:.3f}"
        for split in ("test", "dev")
        if split in facts
    ]
    return "; ".join(shown) or "no gold to measure on"


def _before_after(facts: Facts) -> str:
    """Log loss and calibration error of weak labels without and with gold."""
    for split in ("test", "dev"):
        then, now = (f["covered"].get(split, {}) for f in (facts["before"], facts))
        if "log_loss" in then:
            return (
                f"covered {split} texts: log loss {then['log_loss']:.3f} -> {now['log_loss']:.3f}, "
                f"calibration error {then['calibration_error']:.3f} -> "
                f"{now['calibration_error']:.3f}, accuracy {then['accuracy']:.3f} -> "
                f"{now['accuracy']:.3f}"
            )
    return "no gold to measure on"


def _assessment(facts: Facts) -> str:
    """Quality, what the round brought, and what it cost."""
    said = [f"{facts['n_gold']} gold labels"]
    if facts["measured_on"]:
        now = facts["rounds"][-1]
        for name in ("macro_f1", "accuracy"):
            gain = facts["gain"][name]
            said.append(
                f"{name} {_interval(now[name])}, gain {gain['value']:+.3f} "
                f"[{gain['low']:+.3f}, {gain['high']:+.3f}]"
            )
        said.append(f"on {facts['measured_on']}")
    if facts["seconds"] is not None:
        said.append(f"{facts['seconds'] / 60:.1f} min of annotators")
    if facts["agreement"] is not None:
        said.append(f"agreement with the round before {facts['agreement']:.3f}")
    return "; ".join(said)


def _formats(facts: Facts) -> str:
    """Each format and its agreement with torch, or that it was left out."""
    said = facts["formats"].items()
    told = (f"{n} {v if isinstance(v, str) else format(v, '.2%')}" for n, v in said)
    return ", ".join(told) or "no further format"


def _aside(facts: Facts) -> list[str]:
    """Answers whose texts have left the pool, or changed."""
    told = set_aside_message(facts["set_aside"]) if "set_aside" in facts else ""
    return [told] if told else []


def _unseen(facts: Facts) -> list[str]:
    n = facts.get("n_unseen")
    return [f"{n} not asked: they may be chosen again"] if n else []


def _weighed(facts: Facts) -> list[str]:
    """What gold did to the weak labels."""
    if not facts["n_covered"]:
        return ["no votes to weigh"]
    return [facts["checked"], _before_after(facts), facts["label_model"]]


def _interval(one: Mapping[str, float]) -> str:
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


LINES: dict[str, Callable[[Facts], str]] = {
    "prepare": lambda f: (
        f"{f['n_rows']:,} rows -> pool {f['n_pool']:,}, dev {f['n_dev']:,}, test {f['n_test']:,}; "
        f"{len(f['labels'])} classes; {f['n_duplicates']:,} duplicates merged"
    ),
    "vote": lambda f: (
        f"{f['n_rules']} rules; coverage {f['coverage']:.3f}, overlap {f['overlap']:.3f}, "
        f"conflict {f['conflict']:.3f}"
    ),
    "aggregate": lambda f: (
        f"{f['n_covered']:,} of {f['n_texts']:,} texts; rules alone: {_metrics(f)}; "
        f"{f['label_model']}"
        if f["n_covered"]
        else f"no rule votes on any of the {f['n_texts']:,} texts"
    ),
    "tokenise": lambda f: (
        f"{f['n_pieces']:,} word pieces in the pool, {f['pieces_per_text']} a text"
    ),
    "pretrain": lambda f: f"{f['n_texts']:,} weak labels, {f['n_steps']} steps; {_metrics(f)}",
    "embed": lambda f: f"{f['n_texts']:,} texts, {f['n_dims']} numbers each",
    "select": lambda f: (
        f"{f['n_asked']} texts, {f['n_evaluation']} of them for evaluation; "
        f"{f['n_candidates']:,} candidates of {f['n_left']:,}"
    ),
    "annotate": lambda f: "; ".join(
        [f"{f['n_labels']} labels, {f['n_skipped']} skipped", *_unseen(f), *f.get("notes", [])]
    ),
    "reweigh": lambda f: "; ".join([f"{f['n_gold']} gold labels", *_aside(f), *_weighed(f)]),
    "finetune": lambda f: f"{f['n_gold']} gold labels; {_metrics(f)}",
    "assess": _assessment,
    "export": lambda f: f"{f['folder']}; same labels as torch: {_formats(f)}",
}


def show_outcome(outcome: Outcome) -> None:
    """One line: the stage, what it made, how long it took; after `vote`, the report."""
    name = (
        f"round {outcome.round} {outcome.stage}"
        if "rounds" in str(outcome.artifact.path)
        else outcome.stage
    )
    facts = outcome.artifact.facts
    line = LINES[outcome.stage](facts)
    seconds = (
        f"{outcome.artifact.manifest['seconds']:.1f} s"
        if outcome.state == "made"
        else ": ".join(filter(None, (outcome.state, outcome.note)))
    )
    out = console()
    out.print(f"{name:<18} {line}  ({seconds})", highlight=False, markup=False, soft_wrap=True)
    if outcome.stage == "vote" and outcome.state == "made":
        show_rules(outcome.artifact, n_examples=0, whole=False)


def show_summaries(summaries: Sequence[Mapping[str, Any]]) -> None:
    """Learning curves side by side, the time of each stage, how to load the first run's model."""
    out = console()
    table = Table(title="macro-F1 on gold that no model has seen", title_justify="left")
    table.add_column("trained on", min_width=40)
    for summary in summaries:
        table.add_column(str(summary["name"]), justify="right")
    table.add_row("rules alone, no model", *(_f1(s["rules_alone"]) for s in summaries))
    for n_gold in sorted({r["n_gold"] for s in summaries for r in s["rounds"]}):
        row = [{r["n_gold"]: r for r in s["rounds"]}.get(n_gold) for s in summaries]
        what = f"{n_gold} gold labels" if n_gold else "no gold label (weak labels, if any)"
        table.add_row(what, *map(_f1, row))
    out.print(table)
    for summary in summaries:
        spent = summary["seconds"]
        stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in spent.items())
        total = f"{summary['name']}: {sum(spent.values()):.0f} seconds ({stages})"
        out.print(total, highlight=False, soft_wrap=True)
    if exported := summaries[0]["exported"]:
        out.print(
            f"\nThe model lies in {exported}; to use it:\n\n"
            "    from transformers import pipeline\n"
            f"    classify = pipeline('text-classification', '{exported}')\n"
            "    classify('a product title', truncation=True)\n",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip


def _f1(numbers: Mapping[str, Any] | None) -> str:
    if not numbers or numbers["macro_f1"] is None:
        return "-"
    return f"{numbers['macro_f1']:.3f}"


def print_line(line: str) -> None:
    """Print a line as it is."""
    console().print(line, highlight=False, markup=False, soft_wrap=True)
