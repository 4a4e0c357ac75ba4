"""Show runs side by side: learning curves, differences with intervals, settings and costs.

It prints a table, and writes a page that opens without a network. Where a text may have several
classes, there is only the table.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from wsal.commands.status import REWRITE, json_in
from wsal.errors import ConfigError, MissingArtifactError
from wsal.run.folders import run_folders
from wsal.run.stage_lines import print_line
from wsal.run.summary_table import show_summaries
from wsal.run.vote_report import console

SIDE_BY_SIDE = 4  # runs whose learning curves fit beside each other; more have a row each
DAMAGED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal compare`."""
    runs = "the names or folders of runs; the folder of a sweep stands for all its runs"
    parser.add_argument("run", nargs="+", help=runs)
    out = "where to write the page (default: compare.html in this folder)"
    parser.add_argument("--out", type=Path, default=Path("compare.html"), metavar="FILE", help=out)
    plots = "write each chart to this folder, too, as PNG and SVG"
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help=plots)


def run(options: argparse.Namespace) -> None:
    """Print the table, write the page, and say where it is.

    Raises:
        UnknownNameError: there is no such run.
        MissingArtifactError: no run is finished.
        ConfigError: a summary is damaged.
    """
    from wsal.inspection.run_view import RunView  # noqa: PLC0415  takes a while
    from wsal.report.compare import compare_report  # noqa: PLC0415
    from wsal.report.compare_runs import ComparedRun, names_of  # noqa: PLC0415

    given = [folder for name in options.run for folder in run_folders(name)]
    folders = list({folder.resolve(): folder for folder in given}.values())
    finished = [folder for folder in folders if (folder / "summary.json").exists()]
    left_out = [
        f"{folder} is not finished, so it is left out; go on with `wsal run`, then compare"
        for folder in folders
        if folder not in finished
    ]
    if not finished:
        raise MissingArtifactError(
            f"{folders[0] / 'summary.json'} not found: this run is not finished; go on with "
            "`wsal run`, then compare"
        )
    names = names_of(finished)
    summaries: list[dict[str, Any]] = [
        json_in(folder / "summary.json") | {"name": name}
        for folder, name in zip(finished, names, strict=True)
    ]
    try:
        if len(summaries) > SIDE_BY_SIDE:
            _show_rows(summaries)
        else:
            show_summaries(summaries)
    except DAMAGED as error:
        raise ConfigError(
            f"damaged: a summary.json of {', '.join(options.run)} is incomplete "
            f"({type(error).__name__}: {error}); {REWRITE}"
        ) from error
    for sentence in left_out:
        print_line(sentence)
    if multilabel := [summary["name"] for summary in summaries if summary.get("multilabel")]:
        print_line(
            "No page is written: it compares single classes, and texts of "
            f"{', '.join(multilabel)} may have several."
        )
        return
    runs = [
        ComparedRun(name, RunView(folder), summary)
        for name, folder, summary in zip(names, finished, summaries, strict=True)
    ]
    report = compare_report(runs, left_out)
    path = report.save(options.out)
    print_line(f"The page with curves, differences and costs is {path.absolute()}")
    if options.plots:
        written = report.save_plots(options.plots)
        print_line(f"{options.plots}: {len(written)} images")


def _show_rows(summaries: Sequence[Mapping[str, Any]]) -> None:
    """Print a row for each run: its labels, the quality of its last classifier, and its time."""
    table = Table(title="the last classifier of each run, on held-out gold labels",
                  title_justify="left")  # fmt: skip
    table.add_column("run", overflow="fold")
    for name in ("gold labels", "macro-F1", "accuracy", "seconds"):
        table.add_column(name, justify="right")
    for summary in summaries:
        last = summary["rounds"][-1] if summary["rounds"] else {}
        metrics = (last.get("macro_f1"), last.get("accuracy"))
        table.add_row(
            escape(summary["name"]),
            f"{last.get('n_gold', 0):,}",
            *("-" if value is None else f"{value:.3f}" for value in metrics),
            f"{sum(summary['seconds'].values()):.0f}",
        )
    console().print(table)
