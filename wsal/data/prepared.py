"""From a source's rows to the pool and the splits with gold, in three passes over them.

1. Read (`reading`): clean the rows and write them to scratch files; only their keys are kept apart.
2. Decide (`decisions`): from the keys, one hash partition at a time, which rows are kept and where.
3. Take: the rows that are kept, part by part in their order.

Memory does not grow with the texts: one part of the rows, or one partition, is held at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from wsal.data.base import DataSource, Layout, parts_of
from wsal.data.decisions import Decisions, decide, require_unique_ids
from wsal.data.keys import NONE, SPLITS, made_ids
from wsal.data.multilabel import one_per_class
from wsal.data.reading import USUAL, Part, Reading, Sizes, read_rows
from wsal.data.records import label_set
from wsal.data.splits import empty_pool
from wsal.errors import DataError
from wsal.labels import LabelSet
from wsal.multilabel import names_in
from wsal.progress import bar
from wsal.text import compose

EXAMPLES = {"id": pl.String, "text": pl.String, "label": pl.String}


@dataclass(frozen=True)
class Preparation:
    """The rows of a source, cleaned, and what became of each."""

    layout: Layout
    labels: LabelSet
    reading: Reading
    decisions: Decisions

    @property
    def sizes(self) -> dict[str, int]:
        """`n_pool`, `n_dev`, `n_test`: texts in each table."""
        return {f"n_{name}": n for name, n in self.decisions.sizes.items()}

    @property
    def n_without_text(self) -> int:
        """Rows without text."""
        return self.reading.n_rows - self.reading.n_with_text

    @property
    def n_duplicates(self) -> int:
        """Rows whose text another row has."""
        return self.reading.n_with_text - sum(self.decisions.sizes.values())

    def taken(self) -> Iterator[dict[str, pl.DataFrame]]:
        """The rows that are kept, part by part: for each split a frame.

        Frames have the columns `id`, `text`, `n_copies`, `fields` and `label`: a class, or with
        several per text a list of classes; null without gold.
        """
        with bar("write the texts", self.reading.n_rows, "rows") as advance:
            for number, part in enumerate(self.reading.parts):
                yield self._of_part(number, part)
                advance(part.n_rows)

    @cached_property
    def _sets(self) -> pl.Series:
        """The sets of classes, in the order of their numbers."""
        sets = [sorted(map(self.labels.index, names_in(text))) for text in self.reading.labels]
        return pl.Series(sets, dtype=pl.List(pl.Int16))

    def _of_part(self, number: int, part: Part) -> dict[str, pl.DataFrame]:
        kept = self.decisions.kept.of_part(number)
        scratch = pl.read_ipc(part.path)
        if self.layout.id:
            ids = scratch["id"]
        else:
            ids = _numbered(scratch["id"], self.decisions.repeats.of_part(number), part.first)
        rows = kept["row"] - part.first
        fields = scratch["fields"][rows]
        label = pl.Series(kept["label"].copy(), dtype=pl.Int64)
        label = label.set(label == NONE, None)
        records = pl.DataFrame(
            {
                "id": ids[rows],
                "text": compose(fields.struct.unnest(), self.layout.text, self.layout.separator),
                "n_copies": kept["n_copies"].copy(),
                "fields": fields,
                "label": self._sets.gather(label) if self.layout.multilabel else label,
            }
        )
        return {name: records.filter(kept["split"] == i) for i, name in enumerate(SPLITS)}


def _numbered(digests: pl.Series, repeats: np.ndarray, first: int) -> pl.Series:
    """The ids made from texts; those of the second, third, ... row with a text have a number."""
    ids = made_ids(digests.to_numpy())
    rows = repeats["row"] - first
    numbered = pl.DataFrame({"id": ids[rows], "nth": repeats["nth"].copy()})
    return ids.scatter(rows, numbered.select(pl.format("{}-{}", "id", "nth")).to_series())


def preparation(source: DataSource, seed: int, folder: Path, sizes: Sizes = USUAL) -> Preparation:
    """Clean the rows, find the classes, split by text, keep each text once.

    Args:
        source: the rows.
        seed: of the splits.
        folder: takes scratch files, which must stay until the rows are taken.
        sizes: how much is held in memory.

    Raises:
        DataError: a column is missing, no row has text, an id occurs twice, or no row is left for
            the pool.
    """
    layout = source.layout
    with bar("read the data", None, "rows") as advance:
        reading = read_rows(parts_of(source), layout, seed, folder, sizes, advance)
    require_unique_ids(reading, layout)
    if not reading.n_with_text:
        raise DataError(f"no row has text in {list(layout.text)}; name other fields")
    examples = pl.concat([pl.DataFrame(schema=EXAMPLES), *reading.examples])
    labels = label_set(one_per_class(examples) if layout.multilabel else examples, layout)
    decisions = decide(reading, layout, labels, folder)
    if not decisions.sizes["pool"]:
        raise empty_pool(layout)
    return Preparation(layout, labels, reading, decisions)


@dataclass(frozen=True)
class Prepared:
    """Texts to label, texts with gold to measure on, and how many rows they came from.

    Tables have the columns `id`, `text`, `n_copies`, `fields` and `label` (a class, or null).
    """

    labels: LabelSet
    pool: pl.DataFrame
    dev: pl.DataFrame
    test: pl.DataFrame
    n_duplicates: int

    @property
    def sizes(self) -> dict[str, int]:
        """`n_pool`, `n_dev`, `n_test`: texts in each table."""
        return {"n_pool": len(self.pool), "n_dev": len(self.dev), "n_test": len(self.test)}


def prepared_of(source: DataSource, seed: int, sizes: Sizes = USUAL) -> Prepared:
    """The rows of a source, prepared in memory; see `preparation`.

    Raises:
        DataError: as for `preparation`.
    """
    with TemporaryDirectory() as folder:
        made = preparation(source, seed, Path(folder), sizes)
        parts = list(made.taken())
    tables = {name: pl.concat([part[name] for part in parts]).rechunk() for name in SPLITS}
    return Prepared(made.labels, **tables, n_duplicates=made.n_duplicates)
