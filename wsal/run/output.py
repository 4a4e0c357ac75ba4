"""What a run prints: one short line for each stage, or all details; and always the warnings."""

import textwrap
from collections.abc import Callable

from rich.text import Text

from wsal.run.loop import Detail
from wsal.run.pipeline import Outcome
from wsal.run.short_lines import SHORT_LINES
from wsal.run.stage_lines import LINES, print_line
from wsal.run.stage_warnings import warnings_of
from wsal.run.vote_report import console, show_rules

WIDTH = 79  # of a line; wider terminals show the same, so that the eye finds the seconds
NAME_WIDTH = 18  # of the column with the stage


def reporter(*, verbose: bool) -> Callable[[Outcome | str], None]:
    """A function that prints what became of a stage, or a line about the loop."""

    def report(outcome: Outcome | str) -> None:
        if isinstance(outcome, Outcome):
            (_show_details if verbose else _show)(outcome)
            for warning in warnings_of(outcome.stage, outcome.artifact):
                _print_coloured(f"warning: {warning}", "yellow")
        elif verbose or not isinstance(outcome, Detail):
            print_line(outcome)

    return report


def short_line(outcome: Outcome, width: int = WIDTH) -> str:
    """The stage, what it made and its time, in columns; in more than one line if it is narrow."""
    name, what = _name(outcome), SHORT_LINES[outcome.stage](outcome.artifact.facts)
    made = outcome.state == "made"
    time = _duration(outcome.artifact.manifest["seconds"]) if made else outcome.state
    room = width - NAME_WIDTH - len(time) - 1
    first, *others = textwrap.wrap(what, max(room, 20)) if width < WIDTH else [what]
    lines = [f"{name:<{NAME_WIDTH}}{first:<{room}} {time}"]
    return "\n".join([*lines, *(" " * NAME_WIDTH + line for line in others)])


def _show(outcome: Outcome) -> None:
    width = min(console().width, WIDTH)
    style = "" if outcome.state == "made" else "dim"
    _print_coloured(short_line(outcome, width), style)
    if outcome.note:
        print_line(f"note: {outcome.note}")


def _show_details(outcome: Outcome) -> None:
    """Print all facts in one line; after `vote`, the table of rules."""
    artifact = outcome.artifact
    if outcome.state == "made":
        state = f"{artifact.manifest['seconds']:.1f} s"
    else:
        state = ": ".join(filter(None, (outcome.state, outcome.note)))
    print_line(f"{_name(outcome):<{NAME_WIDTH}} {LINES[outcome.stage](artifact.facts)}  ({state})")
    if outcome.stage == "vote" and outcome.state == "made":
        show_rules(artifact, n_examples=0, whole=False)


def _name(outcome: Outcome) -> str:
    in_round = "rounds" in str(outcome.artifact.path)
    return f"round {outcome.round} {outcome.stage}" if in_round else outcome.stage


def _duration(seconds: float) -> str:
    """Seconds, or minutes if there are many.

    >>> _duration(0.42), _duration(75), _duration(5400)
    ('0.4 s', '75.0 s', '90 min')
    """
    return f"{seconds:.1f} s" if seconds < 600 else f"{seconds / 60:,.0f} min"


def _print_coloured(line: str, style: str) -> None:
    """Print a line as it is; colours are for terminals only."""
    console().print(Text(line, style), soft_wrap=True)
