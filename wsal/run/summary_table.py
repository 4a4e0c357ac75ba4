"""Print what runs ended with: learning curves, times, bills, and how to use the model."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from wsal.active.money import Bill
from wsal.run.stage_lines import labels_in_words, print_line, trained_on
from wsal.run.vote_report import console


def show_summaries(summaries: Sequence[Mapping[str, Any]]) -> None:
    """Print learning curves side by side, the time of each stage, bills, how to use the model.

    `summaries` are what summary.json of each run holds; the model is that of the first run.
    """
    table = Table(title="macro-F1 on held-out gold labels", title_justify="left")
    table.add_column("trained on", min_width=40)
    for summary in summaries:
        table.add_column(str(summary["name"]), justify="right")
    table.add_row("rules alone, no model", *(_f1(summary["rules_alone"]) for summary in summaries))
    rounds = [{trained_on(r): r for r in summary["rounds"]} for summary in summaries]
    for labels in sorted({labels for by_labels in rounds for labels in by_labels}):
        name = labels_in_words(*labels) if any(labels) else "no gold labels (weak labels, if any)"
        table.add_row(name, *(_f1(by_labels.get(labels)) for by_labels in rounds))
    console().print(table)
    for summary in summaries:
        seconds = summary["seconds"]
        stages = ", ".join(f"{stage} {spent:.0f}" for stage, spent in seconds.items())
        print_line(f"{summary['name']}: {sum(seconds.values()):.0f} seconds ({stages})")
        for line in Bill.read(summary["bill"]).sentences() if "bill" in summary else ():
            print_line(line)
    if exported := summaries[0]["exported"]:
        print_line(
            f"\nThe model is in {exported}. To use it:\n\n"
            "    from transformers import pipeline\n"
            f"    classify = pipeline('text-classification', '{exported}')\n"
            "    classify('a product title', truncation=True)\n"
        )


def _f1(numbers: Mapping[str, Any] | None) -> str:
    if not numbers or numbers["macro_f1"] is None:
        return "-"
    return f"{numbers['macro_f1']:.3f}"
