"""A random sample of the rows of a table in files of any size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl

from wsal.errors import DataError
from wsal.files.kinds import kind_of
from wsal.files.table import files_of
from wsal.planning.cells import Cell, cells_of, file_size, rows_of_group, rows_of_text, selected
from wsal.planning.draws import Draws, constant, ratio


@dataclass(frozen=True)
class Sample:
    """The rows that were read, and what they say about the whole table."""

    blocks: Sequence[pl.DataFrame]
    """The rows of each cell."""
    n_rows: Draws
    """Rows of the whole table."""
    is_exact: bool
    """Whether that number is known."""
    n_bytes: int
    """The size of all files."""
    share: float
    """The part of the table that was read, in [0, 1]."""
    seconds: Sequence[float]
    """What reading took, for each row group or file."""
    n_read: Sequence[int]
    """How many rows were read meanwhile: rows before a cell must be read, too."""
    n_bad: int
    """Lines of the sample that could not be parsed."""


def read_sample(
    path: Path, names: Sequence[str], n_wanted: int, random: np.random.Generator
) -> Sample:
    """About `n_wanted` rows of the table at `path`, or all if it has fewer.

    Raises:
        DataError: the table has no rows, a file is damaged, or no line of the sample can be parsed.
    """
    files = files_of(path)
    cells = [cell for file in files for cell in cells_of(file, kind_of(file))]
    if not cells:
        raise DataError(f"{path} has no rows")
    order = [cells[number] for number in random.permutation(len(cells))]
    parts = list(_read_parquet(order, names, n_wanted) if cells[0].kind.name == "parquet"
                 else _read_text(order, names, n_wanted))  # fmt: skip
    frames = [frame for part in parts for frame in part.frames]
    taken = [cell.size for part in parts for cell in part.cells]
    n_sample, size = sum(map(len, frames)), sum(cell.size for cell in cells)
    if not n_sample:
        raise DataError(
            f"{path}: no row of the sample can be read; try `wsal prepare` on a few rows"
        )
    whole = len(taken) == len(cells)
    is_exact = whole or cells[0].kind.name == "parquet"
    if is_exact:
        n_rows = constant(n_sample if whole else size)
    else:
        n_rows = ratio([*map(len, frames)], taken, random) * size
    return Sample(
        blocks=[frame for frame in frames if len(frame)],
        n_rows=n_rows,
        is_exact=is_exact,
        n_bytes=sum(map(file_size, files)),
        share=1.0 if whole else n_sample / n_rows[0],
        seconds=[part.seconds for part in parts],
        n_read=[part.n_read for part in parts],
        n_bad=sum(part.n_bad for part in parts),
    )


@dataclass(frozen=True)
class _Part:
    """Cells that were read at once."""

    cells: Sequence[Cell]
    frames: Sequence[pl.DataFrame]
    seconds: float
    n_read: int
    n_bad: int = 0


def _read_text(order: list[Cell], names: Sequence[str], n_wanted: int) -> Iterator[_Part]:
    """Cells in this order until there are enough rows."""
    n = 0
    for number, cell in enumerate(order):
        if n >= n_wanted and number > 1:
            return
        start = perf_counter()
        frame, n_bad = rows_of_text(cell)
        frame = selected(frame, names)
        yield _Part([cell], [frame], perf_counter() - start, len(frame), n_bad)
        n += len(frame)


def _read_parquet(order: list[Cell], names: Sequence[str], n_wanted: int) -> Iterator[_Part]:
    """The first cells with enough rows, those of a row group at once."""
    before = np.cumsum([0, *(cell.size for cell in order)])
    groups: dict[tuple[Path, int], list[Cell]] = {}
    for cell in order[: max(2, int(np.searchsorted(before, n_wanted)))]:
        groups.setdefault((cell.file, cell.group), []).append(cell)
    for group in groups.values():
        start = perf_counter()
        frames, n_read = rows_of_group(group, names)
        yield _Part(group, frames, perf_counter() - start, n_read)
