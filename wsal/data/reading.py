"""The first pass over the rows: clean them, write them to scratch files, keep their keys apart."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from wsal.changes import Batch
from wsal.data.base import ROW, Layout, SourcePart
from wsal.data.batches import APPENDED, Periods
from wsal.data.keys import ID_KEYS, KEYS, NONE, PartKeys, keys_of
from wsal.data.records import as_texts, to_records
from wsal.data.runs import Runs
from wsal.errors import DataError

BAD_RECORDS = "bad_records.jsonl"
MAX_CLASSES = 2**15 - 1  # that 16 bits can number
MAX_THREADS = 4  # texts are hashed in Python, so more threads would only wait


class Sizes(NamedTuple):
    """How much is held in memory at a time."""

    rows_of_part: int = 200_000
    rows_of_run: int = 4_000_000  # keys, of 40 bytes
    partitions: int = 256


USUAL = Sizes()


class Part(NamedTuple):
    """Rows in a scratch file."""

    path: Path
    first: int  # the position of its first row among all rows
    n_rows: int
    file: str  # in a folder, the file that the rows are from


@dataclass
class Reading:
    """What the first pass made."""

    keys: Runs
    ids: Runs
    multilabel: bool = False
    """Whether each gold label is a set of classes."""
    parts: list[Part] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    """Each gold label, and its number in the keys: that of its first occurrence."""
    examples: list[pl.DataFrame] = field(default_factory=list)
    """`id`, `text` and `label` of the first row with each label."""
    n_rows: int = 0
    n_with_text: int = 0
    n_bad: int = 0

    def add(self, part: Part, made: PartKeys) -> None:
        """Add the keys of the next part."""
        names = made.labels["label"].to_list()
        new = [name not in self.labels for name in names]
        self.examples.append(made.labels.filter(new))
        for name in names:
            self.labels.setdefault(name, len(self.labels))
        if len(self.labels) > MAX_CLASSES and not self.multilabel:
            raise DataError(
                f"the column with gold labels has more than {MAX_CLASSES:,} different labels, such "
                f"as {names[-1]!r}; name another column (data.layout.label=COLUMN)"
            )
        numbers = np.array([*(self.labels[name] for name in names), NONE], np.int32)
        made.keys["label"] = numbers[made.keys["label"]]  # the last is that of NONE
        self.keys.add(made.keys)
        self.ids.add(made.ids)
        self.parts.append(part)
        self.n_with_text += len(made.keys)

    def periods(self, batches: tuple[Batch, ...]) -> Periods:
        """Which rows are from which batch."""
        files = ("", *(f"{APPENDED}/{batch.file}" for batch in batches))
        sizes = dict.fromkeys(files, 0)
        for part in self.parts:
            sizes[part.file if part.file in sizes else ""] += part.n_rows
        return Periods(batches, tuple(np.cumsum(list(sizes.values())).tolist()))

    def place_of(self, row: int) -> tuple[str, int, str]:
        """The id of a row, its position in its file, and the file if there are several."""
        part = next(p for p in self.parts if p.first <= row < p.first + p.n_rows)
        frame = pl.read_ipc(part.path)[row - part.first]
        return str(frame["id"][0]), int(frame[ROW][0]), part.file


def read_rows(
    parts: Iterable[SourcePart],
    layout: Layout,
    seed: int,
    folder: Path,
    sizes: Sizes,
    advance: Callable[[int], object],
) -> Reading:
    """Read all rows of a source; `folder` takes the scratch files, and bad records.

    Raises:
        DataError: a column is missing or is not text, a row has no id, or a split is unknown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = sizes.rows_of_run, sizes.partitions
    runs_of = Runs(folder, "keys", KEYS, *runs), Runs(folder, "ids", ID_KEYS, *runs)
    reading = Reading(*runs_of, multilabel=layout.multilabel)
    waiting: deque[tuple[Part, Future[PartKeys]]] = deque()

    def finish_first() -> None:
        part, future = waiting.popleft()
        reading.add(part, future.result())
        advance(part.n_rows)

    n_threads = min(MAX_THREADS, pl.thread_pool_size())
    with ThreadPoolExecutor(n_threads) as pool, (folder / BAD_RECORDS).open("w") as bad:
        for rows in _regrouped(parts, layout, sizes.rows_of_part):
            for record in rows.bad:
                bad.write(json.dumps(record) + "\n")
            reading.n_bad += len(rows.bad)
            path = folder / f"rows-{len(reading.parts) + len(waiting):06}.arrow"
            part = Part(path, reading.n_rows, len(rows.rows), rows.file)
            reading.n_rows += part.n_rows
            if part.n_rows:
                waiting.append((part, pool.submit(_read_part, part, rows.rows, layout, seed)))
            while len(waiting) > n_threads:
                finish_first()
        while waiting:
            finish_first()
    return reading


def _read_part(part: Part, rows: pl.DataFrame, layout: Layout, seed: int) -> PartKeys:
    try:
        records = to_records(rows, layout)
    except DataError as error:
        raise DataError(f"{part.file}: {error}" if part.file else str(error)) from error
    appended = part.file.startswith(f"{APPENDED}/")  # such rows may get the labels of others
    keys = keys_of(records, layout, seed, part.first, draw_all=appended)
    # The text is composed again from the fields, so it need not be stored twice.
    id_or_digest = records["id"] if layout.id else pl.Series("id", keys.ids["low"].copy())
    scratch = records.select("fields").with_columns(id_or_digest, rows[ROW])
    scratch.write_ipc(part.path, compression="lz4")
    return keys


def _regrouped(parts: Iterable[SourcePart], layout: Layout, most: int) -> Iterator[SourcePart]:
    """The rows in parts of `most`, as text; none has rows of two files."""
    waiting: list[SourcePart] = []
    for part in parts:
        if waiting and waiting[0].file != part.file:
            yield from _joined(waiting, most)
            waiting = []
        waiting.append(part._replace(rows=as_texts(part.rows, layout)))
        if sum(len(each.rows) for each in waiting) >= most:
            yield from _joined(waiting, most)
            waiting = []
    if waiting:
        yield from _joined(waiting, most)


def _joined(parts: list[SourcePart], most: int) -> Iterator[SourcePart]:
    rows = pl.concat([part.rows for part in parts])
    bad = [record for part in parts for record in part.bad]
    for first in range(0, max(len(rows), 1), most):
        yield SourcePart(rows[first : first + most], parts[0].file, [] if first else bad)
