"""What the command line shows while it works: progress bars and log lines. Libraries are silent."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

show_progress: ContextVar[bool] = ContextVar("show_progress", default=False)
"""Whether `bar` shows anything; off unless the command line or a caller turns it on."""
keep_finished: ContextVar[bool] = ContextVar("keep_finished", default=True)
"""Whether a bar stays on the terminal when its work is done."""


def install_console_output() -> None:
    """For the command line: write log lines of wsal to stderr, and show progress bars."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("wsal")
    logger.handlers = [handler]  # replaced, so that calling this twice writes no line twice
    logger.setLevel(logging.INFO)
    logger.propagate = False  # Hydra and other libraries may configure the root logger
    show_progress.set(True)


@contextmanager
def progress_shown(*, shown: bool = True) -> Iterator[None]:
    """Show progress bars, or not, inside a `with` block: for callers from Python."""
    token = show_progress.set(shown)
    try:
        yield
    finally:
        show_progress.reset(token)


class Rate(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        """The rate with its unit; empty until it is known."""
        unit = task.fields.get("unit", "")
        return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else "", style="cyan")


@contextmanager
def bar(description: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """A progress bar of `total` units; yields a function to call with each number of units done."""
    with bar_with_note(description, total, unit) as advance:
        yield lambda n_done: advance(n_done, "")


@contextmanager
def bar_with_note(
    description: str, total: int | None, unit: str, *, shown: bool = True
) -> Iterator[Callable[[int, str], None]]:
    """The same with a note at the end of the bar; an empty note keeps the last one.

    It is shown on a terminal and in notebooks, if `show_progress` is on.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    console = _console()
    visible = console.is_terminal or console.is_jupyter
    disable = not (shown and show_progress.get() and visible)
    transient = not keep_finished.get()
    with Progress(*columns, console=console, disable=disable, transient=transient) as progress:
        task = progress.add_task(description, total=total, unit=unit, note="")

        def advance(n_done: int, note: str) -> None:
            progress.advance(task, n_done)
            if note:
                progress.update(task, note=note)

        yield advance


def _console() -> Console:
    console = Console(stderr=True)
    if console.is_jupyter and find_spec("ipywidgets") is None:
        # Without ipywidgets, rich shows no live bar in a notebook; as a terminal, it shows a line.
        return Console(stderr=True, force_jupyter=False, force_terminal=True)
    return console
