"""A progress bar for long work: counts and rates on a terminal, silence elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """The rate with its unit, once there is one."""
        unit = task.fields.get("unit", "")
        return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else "", style="cyan")


@contextmanager
def bar(what: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """A bar of `total` units; call what is yielded with the number of units just done."""
    with bar_with_note(what, total, unit) as say:
        yield lambda done: say(done, "")


@contextmanager
def bar_with_note(
    what: str, total: int | None, unit: str, *, shown: bool = True
) -> Iterator[Callable[[int, str], None]]:
    """The same with a remark at its end; an empty one leaves the last standing."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    disable = not (shown and console.is_terminal)
    with Progress(*columns, console=console, disable=disable) as progress:
        task = progress.add_task(what, total=total, unit=unit, note="")

        def say(done: int, note: str) -> None:
            progress.advance(task, done)
            if note:
                progress.update(task, note=note)

        yield say
