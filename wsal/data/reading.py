"""The first pass over the rows: clean them, write them to files, keep their keys apart.

The files of each period are an artifact. `prepare` keeps them in the run folder, so that only the
rows of the new batch are cleaned when records are appended.
"""

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from wsal.artifacts import Artifact, Facts, create
from wsal.changes import Batch
from wsal.data.base import ROW, Layout, SourcePart
from wsal.data.batches import APPENDED, Batches, Periods
from wsal.data.keys import ID_KEYS, KEYS, NONE, PartKeys, keys_of
from wsal.data.records import as_texts, to_records
from wsal.data.runs import Runs
from wsal.errors import DataError

BAD_RECORDS = "bad_records.jsonl"
CLEANED = "cleaned"  # the folder of a run with its cleaned rows
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

    def beside(self, kind: str) -> Path:
        """The file with keys of its rows (`keys`), keys of their ids (`ids`), or `labels`."""
        return self.path.with_name(self.path.name.replace("rows", kind))


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
    digests: list[str] = field(default_factory=list)
    """What identifies the rows up to the end of each period."""
    bad_records: Path | None = None
    """The file with the records that could not be parsed, if there are any."""
    n_rows: int = 0
    n_with_text: int = 0
    n_bad: int = 0

    def add_period(self, cleaned: Artifact) -> None:
        """Add the rows of the next period."""
        for name, n_rows, file in cleaned.facts["parts"]:
            part = Part(cleaned.path / name, self.n_rows, n_rows, file)
            keys, ids = (np.load(part.beside(k).with_suffix(".npy")) for k in ("keys", "ids"))
            self._add(part, PartKeys(keys, ids, pl.read_ipc(part.beside("labels"))))
            self.n_rows += n_rows
        if n_bad := cleaned.facts["n_bad"]:
            self.n_bad, self.bad_records = n_bad, cleaned.path / BAD_RECORDS
        self.digests.append(cleaned.digest)

    def _add(self, part: Part, made: PartKeys) -> None:
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
    source: Iterable[SourcePart],
    batches: Batches,
    layout: Layout,
    seed: int,
    folder: Path,
    cleaned: Path,
    origin: str,
    sizes: Sizes,
    advance: Callable[[int], object],
) -> Reading:
    """Read all rows of a source and its batches; those that were cleaned before are reused.

    Args:
        source: the rows of the source.
        batches: records that were appended.
        layout: of the source.
        seed: of the splits.
        folder: takes scratch files, with keys that do not fit into memory.
        cleaned: the folder with the cleaned rows; it has an artifact for each period.
        origin: what identifies the data and the seed.
        sizes: how much is held in memory.
        advance: called with each number of rows cleaned.

    Raises:
        DataError: a column is missing or is not text, a row has no id, or a split is unknown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = sizes.rows_of_run, sizes.partitions
    runs_of = Runs(folder, "keys", KEYS, *runs), Runs(folder, "ids", ID_KEYS, *runs)
    reading = Reading(*runs_of, multilabel=layout.multilabel)
    names = [f"{number:03}" for number in range(1 + len(batches.batches))]
    periods = chain([({"data": origin}, source)], batches.parts(layout))
    for name, (config, parts) in zip(names, periods, strict=True):
        path = cleaned / name
        inputs = {"before": reading.digests[-1]} if reading.digests else {}
        if not (path.exists() and Artifact.open(path).made_from(config, inputs)):
            with create(path, config, inputs) as (work, facts):
                facts.update(_clean(parts, layout, seed, work, reading.n_rows, sizes, advance))
        reading.add_period(Artifact.open(path))
    for path in cleaned.iterdir():
        if path.name not in names:  # of batches that were taken back
            shutil.rmtree(path)
    return reading


def _clean(
    parts: Iterable[SourcePart],
    layout: Layout,
    seed: int,
    folder: Path,
    first: int,
    sizes: Sizes,
    advance: Callable[[int], object],
) -> Facts:
    """Write the cleaned rows of a period, the first of which is row `first`, and their keys."""
    waiting: deque[Future[None]] = deque()
    written: list[tuple[str, int, str]] = []
    n_threads, n_bad = min(MAX_THREADS, pl.thread_pool_size()), 0
    with ThreadPoolExecutor(n_threads) as pool, (folder / BAD_RECORDS).open("w") as bad:
        for rows in _regrouped(parts, layout, sizes.rows_of_part):
            for record in rows.bad:
                bad.write(json.dumps(record) + "\n")
            n_bad += len(rows.bad)
            if not len(rows.rows):
                continue
            path = folder / f"rows-{len(written):06}.arrow"
            part = Part(path, first, len(rows.rows), rows.file)
            waiting.append(pool.submit(_clean_part, part, rows.rows, layout, seed))
            written.append((path.name, part.n_rows, part.file))
            first += part.n_rows
            advance(part.n_rows)
            while len(waiting) > n_threads:
                waiting.popleft().result()
        while waiting:
            waiting.popleft().result()
    if not n_bad:
        (folder / BAD_RECORDS).unlink()
    return {"parts": written, "n_bad": n_bad}


def _clean_part(part: Part, rows: pl.DataFrame, layout: Layout, seed: int) -> None:
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
    np.save(part.beside("keys").with_suffix(".npy"), keys.keys, allow_pickle=False)
    np.save(part.beside("ids").with_suffix(".npy"), keys.ids, allow_pickle=False)
    keys.labels.write_ipc(part.beside("labels"))


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
