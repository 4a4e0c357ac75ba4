"""A rule that knows a file of terms, and what each stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.artifacts import file_digest
from wsal.errors import RuleError, UnknownNameError
from wsal.files import read_table
from wsal.labels import LabelSet
from wsal.rules.base import column
from wsal.rules.compiled import find_keys
from wsal.rules.normal import fold


@dataclass(frozen=True)
class Gazetteer:
    """Votes for the class of the longest term that is found; abstains where two are as long.

    Case does not count, and a sign counts as a space: `Coca-Cola` finds `coca cola`. Where the
    longest terms found stand for different classes, it abstains.
    """

    path: str
    """A csv, tsv, parquet, jsonl or xlsx file of terms."""
    term: str = "term"
    """The column with the terms."""
    label: str = "label"
    """The column with the class that each stands for."""
    fields: tuple[str, ...] = ()

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class of the longest term in one of the fields, else `ABSTAIN`.

        Raises:
            RuleError: a term is empty, stands for two classes, or for an unknown one; says where.
        """
        keys, classes = self._read(labels)
        kind = pl.Enum([f" {key} " for key in keys])
        sizes = np.array([len(key) for key in keys])
        votes = np.full(len(records), ABSTAIN, dtype=np.int16)
        longest = np.zeros(len(records), dtype=np.int64)
        for field in self.fields or (None,):
            rows, found = find_keys(kind, column(records, field).cast(pl.String))
            order = np.lexsort((classes[found], sizes[found]))
            for i in order:  # from the shortest up: what is longer has the last word
                row, size, label = rows[i], sizes[found[i]], classes[found[i]]
                if size > longest[row]:
                    longest[row], votes[row] = size, label
                elif size == longest[row] and votes[row] != label:
                    votes[row] = ABSTAIN
        return votes

    def content(self) -> Mapping[str, str]:
        """The file's digest: an edited file makes the votes stale."""
        return {"digest": file_digest(Path(self.path))}

    @cached_property
    def _table(self) -> pl.DataFrame:
        return read_table(Path(self.path))

    def _read(self, labels: LabelSet) -> tuple[list[str], np.ndarray]:
        """Each folded term once, and its class."""
        for name in (self.term, self.label):
            if name not in self._table.columns:
                raise UnknownNameError(f"column of {self.path}", name, self._table.columns)
        terms = self._table[self.term].cast(pl.String).str.strip_chars()
        known: dict[str, int] = {}
        folded = fold(terms, ascii_only=False)
        for row, (key, name) in enumerate(zip(folded, self._table[self.label], strict=True), 1):
            if key is None or not key.strip():
                raise RuleError(f"{self.path}, row {row}: the term is empty; fill it in")
            try:
                label = labels.index(str(name))
            except UnknownNameError as error:
                raise RuleError(f"{self.path}, row {row}: {error}") from error
            if known.setdefault(key, label) != label:
                raise RuleError(
                    f"{self.path}, row {row}: {terms[row - 1]!r} stands for "
                    f"{labels.names[known[key]]!r} and {name!r}; name one"
                )
        return list(known), np.array(list(known.values()), dtype=np.int64)
