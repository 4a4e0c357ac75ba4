"""What a run prints at the end: learning curve, quality, bill, and how to use the model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from wsal.active.money import Bill
from wsal.run.quality_lines import METRICS
from wsal.run.stage_lines import print_line
from wsal.run.vote_report import console

Summary = Mapping[str, Any]
Labels = tuple[int, int, int]
"""Gold labels, texts answered by a language model, and how many earlier rounds had as many."""


def show_summaries(summaries: Sequence[Summary], *, by_stage: bool = True) -> None:
    """Print learning curves side by side, times, bills, and how to use the model.

    `summaries` are what summary.json of each run holds; the model is that of the first run. The
    time of each stage is printed if it is wanted `by_stage`.
    """
    table = Table(title="macro-F1 on held-out gold labels", title_justify="left")
    table.add_column("trained on", min_width=40)
    for summary in summaries:
        table.add_column(str(summary["name"]), justify="right")
    table.add_row("rules alone, no model", *(_f1(summary["rules_alone"]) for summary in summaries))
    rounds = [_by_labels(summary) for summary in summaries]
    for labels in sorted({labels for by_labels in rounds for labels in by_labels}):
        table.add_row(_name(labels), *(_f1(by_labels.get(labels)) for by_labels in rounds))
    console().print(table)
    for summary in summaries:
        seconds = summary["seconds"]
        stages = ", ".join(f"{stage} {spent:.0f}" for stage, spent in seconds.items())
        detail = f" ({stages})" if by_stage else ""
        print_line(f"{summary['name']}: {sum(seconds.values()):.0f} seconds{detail}")
        for line in (*_quality(summary), *_bill(summary)):
            print_line(line)
    if exported := summaries[0]["exported"]:
        all_classes, naming = "", ""
        if summaries[0].get("multilabel"):
            all_classes = ", top_k=None"
            naming = "\nA text has every class that reaches its threshold in thresholds.json.\n"
        print_line(
            f"\nThe model is in {exported}. To use it:\n\n"
            "    from transformers import pipeline\n"
            f"    classify = pipeline('text-classification', '{exported}'{all_classes})\n"
            f"    classify('a product title', truncation=True)\n{naming}"
        )


def _by_labels(summary: Summary) -> dict[Labels, Mapping[str, Any]]:
    """The rounds by what they were trained on."""
    seen: Counter[tuple[int, int]] = Counter()
    by_labels = {}
    for measured in summary["rounds"]:
        counts = (measured["n_gold"], measured.get("n_answered", 0))
        by_labels[*counts, seen[counts]] = measured
        seen[counts] += 1
    return by_labels


def _name(labels: Labels) -> str:
    """What a classifier was trained on, in words.

    >>> _name((0, 0, 0)), _name((7, 150, 1))
    ('no gold labels (weak labels, if any)', '7 gold labels, 150 answers of a language model (+1)')
    """
    n_gold, n_answered, n_before = labels
    name = f"{n_gold} gold labels" if n_gold else "no gold labels (weak labels, if any)"
    if n_answered:
        name = f"{n_gold or 'no'} gold labels, {n_answered:,} answers of a language model"
    return f"{name} (+{n_before})" if n_before else name


def _quality(summary: Summary) -> list[str]:
    """The quality of the last classifier with its interval, where it has one."""
    last = summary["rounds"][-1] if summary["rounds"] else {}
    if "macro_f1_interval" not in last:
        return []
    numbers = [
        f"{name} {last[key]:.3f} [{low:.3f}, {high:.3f}]"
        for key, name in METRICS.items()
        for low, high in [last[f"{key}_interval"]]
    ]
    on = f", on {last['measured_on']}" if "measured_on" in last else ""
    return [f"quality: {', '.join(numbers)} (90% intervals){on}"]


def _bill(summary: Summary) -> list[str]:
    return Bill.read(summary["bill"]).sentences() if "bill" in summary else []


def _f1(numbers: Mapping[str, Any] | None) -> str:
    if not numbers or numbers["macro_f1"] is None:
        return "-"
    return f"{numbers['macro_f1']:.3f}"
