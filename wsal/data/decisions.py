"""The second pass: decide which rows are kept, in which split; from keys alone, by partition."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from wsal.data.base import Layout
from wsal.data.batches import Periods
from wsal.data.keys import NONE, SPLITS, as_frame
from wsal.data.reading import Reading
from wsal.data.splits import assign_in_periods, assign_splits, keep_once
from wsal.errors import DataError

KEPT = np.dtype(
    [("row", "i8"), ("source", "i8"), ("n_copies", "i4"), ("label", "i4"), ("split", "i1")]
)
"""A text that is kept: its place among all rows, which is the row where it came first, the row that
it is read from (another one if that was changed since), and the position in `SPLITS`. The label is
a code or, with several classes per text, the number of a set of classes in `Reading.labels`."""
MOVED = np.dtype([("row", "i8"), ("place", "i8")])
"""A row that is kept, and its place where that is another row."""
FIRST = np.dtype([("row", "i8"), ("split", "i1")])
"""A row that would be kept without any batch."""
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
    moved: ByPart
    first: ByPart
    """Only if there are batches: what rules may learn from must not depend on them."""
    repeats: ByPart
    """Only if ids are made from texts."""
    sizes: dict[str, int]
    """Texts in each split."""
    sizes_of_periods: tuple[int, ...]
    """Texts of the pool in each period."""
    first_sizes: dict[str, int]
    """Texts in each split without any batch."""
    n_pool_gold: int
    n_replaced: int
    """Rows with text that were changed or withdrawn, or that only withdraw others."""
    n_lost: int
    """Gold labels left out, because their class was removed."""
    n_left_out: int
    """Rows of dev and test left out with them."""
    n_without_class: dict[str, int]
    """Texts in each split whose gold label is `wsal.labels.NONE`; they are among `sizes`."""


def decide(
    reading: Reading,
    layout: Layout,
    gold_codes: Sequence[int],
    n_classes: int,
    folder: Path,
    periods: Periods,
) -> Decisions:
    """Decide about all rows; `folder` takes scratch files.

    `gold_codes` are the codes of `reading.labels`, of which `n_classes` says that a text belongs to
    no class; `NONE`: the label is left out.

    Raises:
        DataError: two rows have the same id.
    """
    ends = [*(part.first for part in reading.parts), reading.n_rows]
    kept, moved = ByPart(folder, "kept", KEPT, ends), ByPart(folder, "moved", MOVED, ends)
    first, repeats = ByPart(folder, "first", FIRST, ends), ByPart(folder, "repeats", REPEATS, ends)
    counts = _alive(reading, layout, periods)
    require_unique_ids(reading, layout, counts)
    classes = np.array([*gold_codes, NONE], np.int32)
    sizes, n_without = dict.fromkeys(SPLITS, 0), dict.fromkeys(SPLITS, 0)
    of_periods, n_pool_gold = np.zeros(len(periods.ends), int), 0
    first_sizes, n_replaced, n_lost, n_left_out = dict.fromkeys(SPLITS, 0), 0, 0, 0
    labels_of_rows = _labels_kept(reading, layout, periods)
    for keys in reading.keys.partitions():
        if labels_of_rows is not None:
            keys["label"] = labels_of_rows[keys["row"]]
        frame = as_frame(keys)
        if periods:
            in_first = frame.filter(pl.col("row") < periods.ends[0])
            _add_first(first, first_sizes, assign_splits(in_first, layout))
            assigned = assign_in_periods(frame, layout, periods, counts)
            n_replaced += len(frame) - len(assigned)
        else:
            assigned = assign_splits(frame, layout)
        present = pl.Series(classes[assigned["label"].fill_null(NONE).to_numpy()])
        present = present.set(present == NONE, None)
        lost = present.is_null() & assigned["label"].is_not_null()
        n_lost += int(lost.sum())
        n_left_out += int((lost & (assigned["split"] != SPLITS.index("pool"))).sum())
        assigned = assigned.with_columns(label=present)
        for split in SPLITS:
            once = keep_once(assigned, split)
            values = np.zeros(len(once), KEPT)
            values["source"] = once["row"].to_numpy()
            values["row"] = once["place" if split == "pool" else "row"].to_numpy()
            for name in ("n_copies", "split"):
                values[name] = once[name].to_numpy()
            values["label"] = once["label"].fill_null(NONE).to_numpy()
            kept.add(values)
            others = values[values["row"] != values["source"]]
            moves = np.zeros(len(others), MOVED)
            moves["row"], moves["place"] = others["source"], others["row"]
            moved.add(moves)
            sizes[split] += len(once)
            n_without[split] += int((values["label"] == n_classes).sum())
            if split == "pool":
                n_pool_gold += int((values["label"] != NONE).sum())
                of_periods += np.bincount(periods.of(values["row"]), minlength=len(of_periods))
    for ids in () if layout.id else reading.ids.partitions():
        of_alive = as_frame(ids).filter(pl.Series(counts[ids["row"]]))
        same = of_alive.filter(pl.col("group").is_duplicated())
        nth = same.select("row", nth=pl.cum_count("row").over("group")).filter(pl.col("nth") > 1)
        values = np.zeros(len(nth), REPEATS)
        for name in ("row", "nth"):
            values[name] = nth[name].to_numpy()
        repeats.add(values)
    return Decisions(
        kept, moved, first, repeats, sizes, tuple(of_periods.tolist()), first_sizes,
        n_pool_gold - n_without["pool"], n_replaced, n_lost, n_left_out, n_without,
    )  # fmt: skip


def _add_first(first: ByPart, sizes: dict[str, int], assigned: pl.DataFrame) -> None:
    """Add the rows that would be kept without any batch."""
    for number, split in enumerate(SPLITS):
        once = keep_once(assigned, split)
        values = np.zeros(len(once), FIRST)
        values["row"], values["split"] = once["row"].to_numpy(), number
        first.add(values)
        sizes[split] += len(once)


def _alive(reading: Reading, layout: Layout, periods: Periods) -> np.ndarray:
    """`(rows,)`: whether each row counts: it was not changed or withdrawn, and withdraws none."""
    counts = np.ones(reading.n_rows, bool)
    if not periods:
        return counts
    counts[periods.withdraws[periods.of(np.arange(reading.n_rows))]] = False
    for ids in reading.ids.partitions() if layout.id else ():
        counts[periods.replaced(as_frame(ids), by_id=True)] = False
    for keys in reading.keys.partitions():
        counts[periods.replaced(as_frame(keys), by_id=False)] = False
    return counts


def _labels_kept(reading: Reading, layout: Layout, periods: Periods) -> np.ndarray | None:
    """`(rows,)`: the label of each row, where changed records keep theirs; None if none do."""
    if not layout.id or not periods.keeps_labels.any():
        return None
    labels = np.full(reading.n_rows, NONE, np.int32)
    for keys in reading.keys.partitions():
        labels[keys["row"]] = keys["label"]
    for ids in reading.ids.partitions():
        periods.with_labels_kept(as_frame(ids), labels)
    return labels


def require_unique_ids(reading: Reading, layout: Layout, counts: np.ndarray) -> None:
    """Check that no two rows that count have the same id.

    Raises:
        DataError: two rows have the same id; the message names them.
    """
    pairs = []  # the first two rows with an id that several rows have
    for ids in reading.ids.partitions() if layout.id else ():
        same = (
            as_frame(ids)
            .filter(pl.Series(counts[ids["row"]]))
            .filter(pl.col("group").is_duplicated())
        )
        if len(same):
            rows = same.group_by("group", maintain_order=True).agg("row")["row"][0]
            pairs.append((rows[0], rows[1]))
    if not pairs:
        return
    (repeated, first, file), (_, second, other) = map(reading.place_of, min(pairs))
    where = f"rows {first} and {second}"
    if file or other:
        where = " and ".join(
            f"row {row} of {of or 'the data'}" for row, of in ((first, file), (second, other))
        )
    raise DataError(
        f"id {repeated!r} occurs twice in column {layout.id!r}, {where}; "
        "ids must be unique (without data.layout.id, they are made from the texts)"
    )
