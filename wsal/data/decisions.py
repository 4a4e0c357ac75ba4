"""The second pass: decide which rows are kept, in which split; from keys alone, by partition."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from wsal.data.base import Layout
from wsal.data.keys import NONE, SPLITS, as_frame
from wsal.data.reading import Reading
from wsal.data.splits import assign_splits, keep_once
from wsal.errors import DataError
from wsal.labels import LabelSet

KEPT = np.dtype([("row", "i8"), ("n_copies", "i4"), ("label", "i4"), ("split", "i1")])
"""A row that is kept; `split` is the position in `SPLITS`. `label` is a class or, with several per
text, the number of a set of classes in `Reading.labels`."""
REPEATS = np.dtype([("row", "i8"), ("nth", "i8")])
"""A row that is the second, third, ... with the same id."""


@dataclass
class ByPart:
    """Arrays with a field `row`, added in any order, and read for the rows of one part."""

    folder: Path
    name: str
    dtype: np.dtype
    ends: Sequence[int]
    """The first row of each part, and the number of all rows."""
    _bounds: list[np.ndarray] = field(default_factory=list)

    def add(self, values: np.ndarray) -> None:
        """Add some rows."""
        values = values[np.argsort(values["row"])]
        np.save(self._file(len(self._bounds)), values, allow_pickle=False)
        self._bounds.append(np.searchsorted(np.ascontiguousarray(values["row"]), self.ends))

    def of_part(self, part: int) -> np.ndarray:
        """The rows of a part, in their order."""
        slices = [np.empty(0, self.dtype)]
        for number, bounds in enumerate(self._bounds):
            if bounds[part] < bounds[part + 1]:
                file = np.load(self._file(number), mmap_mode="r", allow_pickle=False)
                slices.append(np.array(file[bounds[part] : bounds[part + 1]]))
        values = np.concatenate(slices)
        return values[np.argsort(values["row"])]

    def _file(self, number: int) -> Path:
        return self.folder / f"{self.name}-{number:05}.npy"


@dataclass(frozen=True)
class Decisions:
    """Which rows are kept, and the numbers that are added to repeated ids."""

    kept: ByPart
    repeats: ByPart
    sizes: dict[str, int]
    """Texts in each split."""
    n_pool_gold: int


def decide(reading: Reading, layout: Layout, labels: LabelSet, folder: Path) -> Decisions:
    """Decide about all rows; `folder` takes scratch files."""
    ends = [*(part.first for part in reading.parts), reading.n_rows]
    kept, repeats = ByPart(folder, "kept", KEPT, ends), ByPart(folder, "repeats", REPEATS, ends)
    numbers = range(len(reading.labels)) if layout.multilabel else map(labels.index, reading.labels)
    classes = np.array([*numbers, NONE], np.int32)
    sizes, n_pool_gold = dict.fromkeys(SPLITS, 0), 0
    for keys in reading.keys.partitions():
        assigned = assign_splits(as_frame(keys), layout)
        for split in SPLITS:
            once = keep_once(assigned, split)
            values = np.zeros(len(once), KEPT)
            for name in ("row", "n_copies", "split"):
                values[name] = once[name].to_numpy()
            values["label"] = classes[once["label"].fill_null(NONE).to_numpy()]
            kept.add(values)
            sizes[split] += len(once)
            if split == "pool":
                n_pool_gold += int((values["label"] != NONE).sum())
    for ids in () if layout.id else reading.ids.partitions():
        same = as_frame(ids).filter(pl.col("group").is_duplicated())
        nth = same.select("row", nth=pl.cum_count("row").over("group")).filter(pl.col("nth") > 1)
        values = np.zeros(len(nth), REPEATS)
        for name in ("row", "nth"):
            values[name] = nth[name].to_numpy()
        repeats.add(values)
    return Decisions(kept, repeats, sizes, n_pool_gold)


def require_unique_ids(reading: Reading, layout: Layout) -> None:
    """Check that no two rows have the same id.

    Raises:
        DataError: two rows have the same id; the message names them.
    """
    pairs = []  # the first two rows with an id that several rows have
    for ids in reading.ids.partitions() if layout.id else ():
        same = as_frame(ids).filter(pl.col("group").is_duplicated())
        if len(same):
            rows = same.group_by("group", maintain_order=True).agg("row")["row"][0]
            pairs.append((rows[0], rows[1]))
    if not pairs:
        return
    (repeated, first, file), (_, second, other) = map(reading.place_of, min(pairs))
    where = f"rows {first} and {second}"
    if file:
        where = f"row {first} of {file} and row {second} of {other}"
    raise DataError(
        f"id {repeated!r} occurs twice in column {layout.id!r}, {where}; "
        "ids must be unique (without data.layout.id, they are made from the texts)"
    )
