"""A plan as text: what was measured, a table, and what is computed or assumed."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from wsal import __version__
from wsal.planning.clusters import CORES_OF_GPU, Cluster
from wsal.planning.draws import Figure, figure
from wsal.planning.measuring import Measured
from wsal.planning.plan import ASSUMED, GPU_SPEED, Line, Plan
from wsal.planning.timing import processor_name

HEADS = ("stage", "rows or texts", "per second", "rate", "core-hours", "GPU-hours", "hours",
         "cost", "GB on disk")  # fmt: skip
SMALL = 0.001


def facts(path: Path, measured: Measured) -> list[str]:
    """What the sample says about the table, a line for each fact."""
    n_rows, (low, high) = figure(measured.n_rows), measured.repeated
    count = f"{n_rows.value:,.0f}" if measured.is_exact else f"about {_shown(n_rows)}"
    if low == high:
        repeated = f"{low:.1%} of the rows (all of them were read)"
    else:
        repeated = f"{low:.1%} to {high:.1%} of the rows; only a larger --rows narrows this"
    bad = f"; {measured.n_bad:,} lines cannot be parsed" if measured.n_bad else ""
    return [
        f"{path}: {count} rows, {measured.n_bytes / 1e9:,.3g} GB",
        f"sample: {measured.n_sample:,} rows from {measured.n_places:,} random places{bad}",
        f"size in the files: {measured.n_bytes / n_rows.value:,.3g} bytes a row",
        f"characters in a text: {_shown(figure(measured.characters))}",
        f"word pieces in a text: {_shown(figure(measured.pieces))}",
        f"repeat the text of another row: {repeated}",
    ]


def plan_table(plan: Plan, cluster: Cluster) -> Table:
    """A row for each stage, and one for all; below each number its 95% interval."""
    table = Table(title=f"on {cluster.name}, computed", title_justify="left")
    shown = (*plan.stages, plan.total)
    used = [head for head in HEADS if any(_cells(line)[head] for line in shown)]
    for head in used:
        side: Literal["left", "right"] = "left" if head in ("stage", "rate") else "right"
        table.add_column(head, justify=side, overflow="fold")
    for number, line in enumerate(shown):
        is_last = number >= len(plan.stages) - 1
        table.add_row(*(_cells(line)[head] for head in used), end_section=is_last)
    return table


def notes(measured: Measured, plan: Plan, cluster: Cluster, *, priced: bool) -> list[str]:
    """What was measured and how, what is computed from it, and what is assumed."""
    cores, on_gpu = os.cpu_count() or 1, cluster.gpus > 0
    lines = [
        f"Measured with wsal {__version__} on one of {cores} cores of {processor_name()} in "
        f"{measured.seconds:,.0f} seconds: rows or texts per second, and bytes."
    ]
    if measured.load > 0.5:
        lines.append(
            f"Other work ran meanwhile ({measured.load:.1f} processes on {cores} cores), so "
            "the rates may be too low."
        )
    if on_gpu and measured.gpu:
        lines.append(f"The model was measured on {measured.gpu}.")
    lines.append(
        f"Computed: hours on {_workers(cluster)}, as if each worker were as fast as one alone. "
        "Startup, idle workers, slow networks, other stages and people's work are not included."
    )
    if any(line.basis == ASSUMED for line in plan.stages):
        low, high = GPU_SPEED
        lines.append(
            f"ASSUMED, not measured: the speed of a GPU ({low:.0f} to {high:.0f} cores of this "
            "machine, unless --gpu-speed is given). Run this command on a machine with such a "
            "GPU, or give the rate that you measured: --gpu-rate."
        )
    if cluster.assumed:
        lines.append(
            f"ASSUMED: {CORES_OF_GPU} cores beside each GPU; "
            f"--on {cluster.name}+{cluster.cores}xCPU names another number."
        )
    if not priced:
        lines.append("No cost: give prices with --price-cpu and --price-gpu.")
    return lines


def as_json(measured: Measured, plan: Plan, cluster: Cluster, remarks: list[str]) -> dict[str, Any]:
    """The plan and its notes as JSON."""
    return {
        "on": asdict(cluster),
        "rows": asdict(figure(measured.n_rows)),
        "rows_are_exact": measured.is_exact,
        "texts": asdict(figure(measured.n_texts)),
        "repeated": measured.repeated,
        "characters": asdict(figure(measured.characters)),
        "word_pieces": asdict(figure(measured.pieces)),
        "bytes": measured.n_bytes,
        "sample": {"rows": measured.n_sample, "places": measured.n_places, "bad": measured.n_bad},
        "processor": processor_name(),
        "gpu": measured.gpu,
        "seconds": measured.seconds,
        "stages": [asdict(line) for line in plan.stages],
        "total": asdict(plan.total),
        "notes": remarks,
    }


def _cells(line: Line) -> dict[str, str]:
    has_gpu = line.gpu_hours.value > 0
    values = (
        line.stage, _cell(line.n), _cell(line.rate), line.basis, _cell(line.core_hours),
        _cell(line.gpu_hours) if has_gpu else "", _cell(line.hours), _cell(line.cost),
        _cell(line.gigabytes),
    )  # fmt: skip
    return dict(zip(HEADS, values, strict=True))


def _cell(value: Figure | None) -> str:
    """The number and, below it, its interval."""
    return "" if value is None else "\n".join(_parts(value, " to "))


def _shown(value: Figure) -> str:
    """The number and its interval, if that is not empty.

    >>> _shown(Figure(1.5, 1.25, 2000)), _shown(Figure(3e9, 3e9, 3e9))
    ('1.5 (1.25 to 2,000)', '3 bn')
    """
    number, *interval = _parts(value, " to ")
    return " ".join([number, *(f"({ends})" for ends in interval)])


def _parts(value: Figure, between: str) -> list[str]:
    low, high = _number(value.low), _number(value.high)
    return [_number(value.value), *([low + between + high] if low != high else [])]


def _number(value: float) -> str:
    if 0 < value < SMALL:
        return f"<{SMALL}"
    for unit, size in ((" bn", 1e9), (" M", 1e6)):
        if value >= size:
            return f"{value / size:,.3g}{unit}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _workers(cluster: Cluster) -> str:
    gpus = f" and {cluster.gpus} GPUs" if cluster.gpus else ""
    return f"{cluster.cores} cores{gpus}"
