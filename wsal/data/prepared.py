"""From a source's rows to the pool and the splits with gold, in three passes over them.

1. Read (`reading`): clean the rows and write them to files; only their keys are kept apart.
2. Decide (`decisions`): from the keys, one hash partition at a time, which rows are kept and where.
3. Take: the rows that are kept, part by part in their order; only those of files that have changed
   (`pool_files`).

When records were appended, only their rows are read, and all decisions are made again.

Memory does not grow with the texts: one part of the rows, or one partition, is held at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from wsal.artifacts import Artifact
from wsal.changes import ClassEdit
from wsal.data.base import DataSource, Layout, parts_of
from wsal.data.batches import APPENDED, Batches, Periods
from wsal.data.class_history import ClassHistory
from wsal.data.decisions import Decisions, decide
from wsal.data.edited_classes import check_batch_labels, gold_codes, history_of, label_set_of
from wsal.data.keys import NONE, SPLITS, numbered_ids
from wsal.data.label_columns import check_columns
from wsal.data.multilabel import one_per_class, refuse_changes, sets_of
from wsal.data.pool_files import PoolFiles, cut, in_tables
from wsal.data.reading import CLEANED, USUAL, Reading, Sizes, read_rows
from wsal.data.row_keys import with_keys
from wsal.data.splits import empty_pool
from wsal.labels import LabelSet
from wsal.progress import bar
from wsal.text import compose

NO_BATCHES = Batches((), Path(APPENDED))
EXAMPLES = {"id": pl.String, "text": pl.String, "label": pl.String}
TAKE_BACK = "; to take the batch back: wsal append RUN --undo"


@dataclass(frozen=True)
class Preparation:
    """The rows of a source, cleaned, and what became of each."""

    layout: Layout
    classes: ClassHistory
    reading: Reading
    periods: Periods
    decisions: Decisions

    @property
    def labels(self) -> LabelSet:
        """The present classes."""
        return label_set_of(self.classes)

    @property
    def sizes(self) -> dict[str, int]:
        """`n_pool`, `n_dev`, `n_test`: texts in each table."""
        without = self.decisions.n_without_class
        return {
            f"n_{name}": n - (without[name] if name != "pool" else 0)
            for name, n in self.decisions.sizes.items()
        }

    def files(self, shard_rows: int, earlier: Artifact | None) -> PoolFiles:
        """The files of the pool, of which the `earlier` one may have some."""
        decisions, n_texts = self.decisions, self.sizes
        sizes = {
            "pool": [n for period in decisions.sizes_of_periods for n in cut(period, shard_rows)],
            **{name: [n_texts[f"n_{name}"]] for name in SPLITS[1:]},
            "none": [self.n_without_class],
            "gold": [decisions.n_pool_gold],
        }
        files = PoolFiles(sizes, shard_rows, earlier)
        about, has_ids = self.reading.digests, bool(self.layout.id)
        files.recognise(decisions, self.n_labels, self.periods, about, has_ids=has_ids)
        return files

    @property
    def n_without_class(self) -> int:
        """Texts whose gold label says that they belong to no class, in all splits."""
        return sum(self.decisions.n_without_class.values())

    @property
    def n_without_text(self) -> int:
        """Rows without text."""
        return self.reading.n_rows - self.reading.n_with_text

    @property
    def n_duplicates(self) -> int:
        """Rows whose text another row has."""
        n_kept = sum(self.decisions.sizes.values()) + self.decisions.n_left_out
        return self.reading.n_with_text - self.decisions.n_replaced - n_kept

    def taken(self, files: PoolFiles | None = None) -> Iterator[dict[str, pl.DataFrame]]:
        """The rows that are kept, part by part: a frame for each table.

        Frames have the columns `id`, `text`, `n_copies`, `fields`, `label` (a class, or with
        several per text a list of classes; null without gold), `split` and the keys of each row;
        see `row_keys`. The table `none` has the texts whose gold label is `wsal.labels.NONE`, and
        `gold` those of the pool with a class.

        With `files`, only rows of files that have to be written.
        """
        with bar("write the texts", self.reading.n_rows, "rows") as advance:
            for number, part in enumerate(self.reading.parts):
                kept = self.decisions.kept.of_part(number)
                of_table = in_tables(kept, self.n_labels)
                if files:
                    of_table = files.rows_to_write(of_table)
                if any(is_here.any() for is_here in of_table.values()):
                    yield self._of_part(number, kept, of_table)
                advance(part.n_rows)

    def first(self, split: str, most: int, about: int) -> Iterator[pl.DataFrame]:
        """The rows of a split without any batch: all up to `most`; of more about `about`, evenly.

        Frames have the columns `id`, `text` and `fields`.
        """
        n_all, n_before = self.decisions.first_sizes[split], 0
        step = 1 if n_all <= most else -(-n_all // about)
        for number in range(len(self.reading.parts)):
            first = self.decisions.first.of_part(number)
            rows = first["row"][first["split"] == SPLITS.index(split)]
            chosen = rows[-n_before % step :: step]
            n_before += len(rows)
            if len(chosen):
                yield self._records(number, chosen)

    def _of_part(
        self, number: int, kept: np.ndarray, of_table: Mapping[str, np.ndarray]
    ) -> dict[str, pl.DataFrame]:
        used = np.logical_or.reduce(list(of_table.values()))
        kept = kept[used]
        here = kept["row"] == kept["source"]
        records = self._records(number, kept["row"][here])
        if not here.all():
            places = pl.Series(kept["row"][~here])
            moved = self._moved.filter(pl.col("place").is_in(places.implode()))
            own = records.with_columns(place=pl.Series(kept["row"][here]))
            records = pl.concat([own, moved]).sort("place").drop("place")
        label = pl.Series(kept["label"].copy())
        label = label.set((label == NONE) | (label == self.n_labels), None)
        records = with_keys(records).with_columns(
            n_copies=pl.Series(kept["n_copies"].copy()),
            label=self._sets.gather(label) if self.layout.multilabel else label.cast(pl.Int16),
            split=pl.Series(SPLITS)[kept["split"].astype(np.int64)],
        )
        return {name: records.filter(pl.Series(rows[used])) for name, rows in of_table.items()}

    @cached_property
    def n_labels(self) -> int:
        """How many classes there are or, with several per text, sets of classes.

        In decisions, it stands for a text of no class.
        """
        return len(self.reading.labels) if self.layout.multilabel else len(self.labels)

    @cached_property
    def _sets(self) -> pl.Series:
        return sets_of(self.reading.labels, self.labels)

    def _records(self, number: int, rows: np.ndarray) -> pl.DataFrame:
        """`id`, `text` and `fields` of these rows of a part."""
        part = self.reading.parts[number]
        scratch = pl.read_ipc(part.path)
        if self.layout.id:
            ids = scratch["id"]
        else:
            ids = numbered_ids(scratch["id"], self.decisions.repeats.of_part(number), part.first)
        fields = scratch["fields"][rows - part.first]
        text = compose(fields.struct.unnest(), self.layout.text, self.layout.separator)
        return pl.DataFrame({"id": ids[rows - part.first], "text": text, "fields": fields})

    @cached_property
    def _moved(self) -> pl.DataFrame:
        """The records whose place is another row, with `place`; these were changed by batches."""
        frames = []
        for number in range(len(self.reading.parts)):
            moved = self.decisions.moved.of_part(number)
            if len(moved):
                records = self._records(number, moved["row"])
                frames.append(records.with_columns(place=pl.Series(moved["place"].copy())))
        return pl.concat(frames)


def preparation(
    source: DataSource,
    seed: int,
    folder: Path,
    sizes: Sizes = USUAL,
    batches: Batches = NO_BATCHES,
    edits: Sequence[ClassEdit] = (),
    cleaned: Path | None = None,
    origin: str = "",
) -> Preparation:
    """Clean the rows, find the classes, split by text, keep each text once.

    Args:
        source: the rows.
        seed: of the splits.
        folder: takes scratch files, which must stay until the rows are taken.
        sizes: how much is held in memory.
        batches: records that were appended. They may have the labels of present and former classes.
        edits: of the classes, which are carried out.
        cleaned: the folder with rows that were cleaned before, to which those of new batches are
            added; by default, a scratch folder.
        origin: what identifies the data and the seed; needed for `cleaned`.

    Raises:
        DataError: a column is missing or empty, an id occurs twice, a batch has an unknown label,
            or no row is left for the pool.
    """
    layout = source.layout
    if layout.multilabel:
        refuse_changes(edits, batches)
    with bar("read the data", None, "rows") as advance:
        of_rows = folder, cleaned or folder / CLEANED, origin, sizes, advance
        reading = read_rows(parts_of(source), batches, layout, seed, *of_rows)
    periods = reading.periods(batches.batches)
    check_columns(source, reading.n_with_text, reading.labels)
    classes = _classes(reading, layout, periods, edits)
    codes, n_classes = gold_codes(classes, reading.labels), len(classes.names)
    if layout.multilabel:  # each set has a number, also the empty one
        codes, n_classes = list(range(len(reading.labels))), len(reading.labels)
    decisions = decide(reading, layout, codes, n_classes, folder, periods)
    if not decisions.sizes["pool"]:
        raise empty_pool(layout)
    return Preparation(layout, classes, reading, periods, decisions)


def _classes(
    reading: Reading, layout: Layout, periods: Periods, edits: Sequence[ClassEdit]
) -> ClassHistory:
    """The classes of period 0, edited; batches bring no others."""
    examples = [pl.DataFrame(schema=EXAMPLES)]
    in_first = [part.first < periods.ends[0] for part in reading.parts]
    pairs = list(zip(reading.parts, reading.examples, in_first, strict=True))
    examples += [of_part for _, of_part, is_first in pairs if is_first]
    all_examples = pl.concat(examples)
    of_classes = one_per_class(all_examples) if layout.multilabel else all_examples
    classes = history_of(of_classes, layout, edits)
    for part, of_part, is_first in pairs:
        if not is_first:
            check_batch_labels(classes, of_part["label"], part.file, TAKE_BACK)
    return classes
