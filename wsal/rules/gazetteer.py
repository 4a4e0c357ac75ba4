"""A rule that knows a file of terms, and what each stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.contents import of_files
from wsal.errors import RuleError, UnknownNameError, listed
from wsal.files import existing_file, numbered_table
from wsal.labels import LabelSet
from wsal.rules.base import column
from wsal.rules.compiled import find_keys
from wsal.rules.normal import fold, single_spaced
from wsal.text import clean


@dataclass(frozen=True)
class Gazetteer:
    r"""Votes for the class of the longest term that is found; abstains where two are as long.

    Terms are cleaned as texts are. Neither case nor signs count, in terms and texts alike:
    `Coca-Cola` and `coca - cola` are the same. Length is that of the term without its signs. Where
    the longest terms found stand for different classes, it abstains. The file is read once.

    >>> from tempfile import TemporaryDirectory
    >>> from wsal.rules.testing import vote
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "terms.csv")
    ...     _ = path.write_text("term,label\ncola,drink\ncola bottles,food\n")
    ...     vote(Gazetteer(str(path)), "Cola!", "COLA-bottles", "tea", labels=("drink", "food"))
    [0, 1, -1]
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
        keys, sizes = self._keys
        classes = self._classes(labels)
        rows, found = [], []
        for field in self.fields or (None,):
            some_rows, some = find_keys(keys, column(records, field).cast(pl.String), spaced=True)
            rows.append(some_rows)
            found.append(some)
        row, key = np.concatenate(rows), np.concatenate(found)
        longest = np.zeros(len(records), dtype=np.int64)
        np.maximum.at(longest, row, sizes[key])
        best = sizes[key] == longest[row]
        row, said = row[best], classes[key[best]]
        votes = np.full(len(records), ABSTAIN, dtype=np.int16)
        votes[row] = said
        votes[row[votes[row] != said]] = ABSTAIN  # another term as long was written over
        return votes

    def content(self) -> Mapping[str, Any]:
        """The file: an edited one makes the votes stale.

        Raises:
            DataError: there is no such file.
        """
        return of_files([existing_file(Path(self.path))])

    @cached_property
    def _terms(self) -> pl.DataFrame:
        """Each folded term once, its class, and the `row` of the file it first stands in."""
        table, places, _ = numbered_table(Path(self.path))
        for name in (self.term, self.label):
            if name not in table.columns:
                raise UnknownNameError(f"column of {self.path}", name, table.columns)
        terms = table[self.term].cast(pl.String)
        folded = single_spaced(fold(clean(terms), ascii_only=False)).str.strip_chars(" ")
        columns = {"key": folded, "term": terms, "label": clean(table[self.label].cast(pl.String))}
        rows = pl.DataFrame({"row": places} | columns)
        empty = rows.filter(pl.col("key").is_null() | (pl.col("key") == ""))
        if len(empty):
            row, term = empty["row"][0], empty["term"][0]
            raise RuleError(
                f"{self.path}, row {row}: the term is empty or all signs ({term!r}); fill it in"
            )
        first = pl.col("row", "label").first().over("key").name.prefix("first_")
        clash = rows.with_columns(first).filter(pl.col("label").ne_missing(pl.col("first_label")))
        if len(clash):
            one = clash.row(0, named=True)
            raise RuleError(
                f"{self.path}, row {one['row']}: {one['term']!r} stands for {one['first_label']!r} "
                f"and {one['label']!r}; the former in row {one['first_row']}; name one"
            )
        return rows.unique("key", keep="first", maintain_order=True)

    @cached_property
    def _keys(self) -> tuple[pl.Enum, np.ndarray]:
        """The terms as they stand in folded texts, and how long each is."""
        keys = self._terms["key"]
        return pl.Enum((" " + keys + " ").to_list()), keys.str.len_chars().to_numpy().astype(int)

    def _classes(self, labels: LabelSet) -> np.ndarray:
        """The class of each term."""
        known = {name: i for i, name in enumerate(labels.names)}
        names = self._terms["label"]
        classes = names.replace_strict(known, default=-1, return_dtype=pl.Int16)
        unknown = np.flatnonzero(classes.fill_null(-1).to_numpy() < 0)
        if len(unknown):
            wrong = self._terms[unknown].unique("label", maintain_order=True)
            told = [
                f"row {row}: {UnknownNameError('label', name, labels.names)}"
                for row, name in wrong.select("row", "label").iter_rows()
            ]
            raise RuleError(
                f"{self.path}, {told[0]}" if len(told) == 1 else f"{self.path}:{listed(told)}"
            )
        return classes.to_numpy()
