"""Show whether texts differ from a reference: their predicted classes, confidence or words.

Summaries are written by `wsal predict --summary FILE` and `wsal serve --summaries FOLDER`. The
reference is an exported model, or a summary of texts that were checked.

  wsal drift runs/shop/exported june.summary.json --out drift.html
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from wsal.errors import ConfigError
from wsal.run.stage_lines import print_line
from wsal.run.vote_report import console
from wsal.serving.comparison import (
    DRIFT,
    ERROR,
    FEATURES,
    LEAST_EFFECT,
    SLIGHT,
    Change,
    Comparison,
    compare,
)
from wsal.serving.summaries import REFERENCE, Summary, total

WORDS = {DRIFT: "drift", SLIGHT: "slight change"}
COLOURS = {DRIFT: "bold red", SLIGHT: "yellow"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal drift`."""
    option = parser.add_argument
    option("reference", type=Path, help="what to compare with: an exported folder, or a summary")
    summaries = "summaries, or folders written by `wsal serve --summaries`"
    option("summary", type=Path, nargs="+", help=summaries)
    option("--out", type=Path, metavar="FILE", help="write a page with charts to this file")
    least = f"the smallest effect that counts as drift, between 0 and 1 (default: {LEAST_EFFECT})"
    option("--least", type=float, default=LEAST_EFFECT, metavar="EFFECT", help=least)
    error = f"probability of a false alarm over all comparisons together (default: {ERROR})"
    option("--error", type=float, default=ERROR, metavar="SHARE", help=error)


def run(options: argparse.Namespace) -> None:
    """Print a table, and write the page.

    Raises:
        ConfigError: a file is no summary, a summary has no texts, or an option is not valid.
        MissingArtifactError: there is no such file.
    """
    for name in ("least", "error"):
        value = getattr(options, name)
        if not 0 < value < 1:
            raise ConfigError(f"--{name} is {value:g}; expected a number between 0 and 1")
    reference = _reference(options.reference)
    named = [pair for path in options.summary for pair in _summaries(path)]
    named = [(name, summary) for name, summary in named if summary.n_texts]
    if not named:
        raise ConfigError("the summaries have no texts, so there is nothing to compare")
    compared = compare(reference, named, options.least, options.error)
    _show(reference, compared)
    if options.out:
        from wsal.report.drift import drift_report  # noqa: PLC0415  takes a while

        page = drift_report(reference, compared, options.least, options.error)
        print_line(f"The page with charts is {page.save(options.out).absolute()}")


def _reference(path: Path) -> Summary:
    if not path.is_dir():
        return Summary.read(path)
    for folder in (path, path / "exported"):
        if (folder / REFERENCE).exists():
            return Summary.read(folder / REFERENCE)
    raise ConfigError(
        f"{path} has no {REFERENCE}; expected a folder that `wsal export` wrote with "
        "export.reference=true, or a summary"
    )


def _summaries(path: Path) -> Iterator[tuple[str, Summary]]:
    """The summaries at a path with names; in a folder, one for each period and model."""
    if not path.is_dir():
        yield path.name.removesuffix(".json").removesuffix(".summary"), Summary.read(path)
        return
    periods: dict[tuple[str, str], list[Summary]] = {}
    for file in sorted(path.glob("*.json")):
        summary = Summary.read(file)
        periods.setdefault((file.name.split("_")[0], summary.model), []).append(summary)
    if not periods:
        raise ConfigError(
            f"{path} has no summaries; expected a folder written by `wsal serve --summaries`"
        )
    several = len({model for _, model in periods}) > 1
    for (period, model), summaries in periods.items():
        yield f"{period} {model}" if several else period, total(summaries)


def _show(reference: Summary, compared: list[Comparison]) -> None:
    about = f" ({reference.about})" if reference.about else ""
    title = f"effects, compared with {reference.n_texts:,} texts{about}"
    table = Table(title=title, title_justify="left")
    table.add_column("texts", overflow="fold")
    for name in ("number", *FEATURES.values()):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for comparison in compared:
        changes = {change.feature: change for change in comparison.changes}
        table.add_row(
            escape(comparison.name),
            f"{comparison.summary.n_texts:,}",
            *(_cell(changes.get(feature)) for feature in FEATURES),
            _coloured(WORDS.get(comparison.verdict, "no drift"), comparison.verdict),
        )
    console().print(table)
    newest = compared[-1]
    if sure := [change for change in newest.classes if change.is_sure][:5]:
        listed = ", ".join(
            f"{reference.labels[c.number]} {c.before:.1%} -> {c.after:.1%}" for c in sure
        )
        print_line(f"classes of {newest.name} whose shares changed by more than chance: {listed}")
    if any(comparison.verdict == DRIFT for comparison in compared):
        print_line(
            "Check a sample before you trust these labels (wsal accept), and give uncertain texts "
            "to the next round (wsal harvest, wsal append)."
        )


def _cell(change: Change | None) -> str:
    if change is None:
        return "-"
    p = "<.0001" if change.p_value < 0.0001 else f"{change.p_value:.3f}".lstrip("0")
    return _coloured(f"{change.effect:.3f}\np {p}", change.verdict)


def _coloured(words: str, verdict: str) -> str:
    colour = COLOURS.get(verdict)
    return f"[{colour}]{words}[/]" if colour else words
