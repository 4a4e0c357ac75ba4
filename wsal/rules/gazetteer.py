"""A rule that looks for the terms of a file, each of which stands for a class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.contents import of_files
from wsal.errors import RuleError, UnknownNameError, did_you_mean, listed
from wsal.files import existing_file, numbered_table
from wsal.labels import LabelSet
from wsal.rules.base import Strings, as_tuple, column
from wsal.rules.finders import find_keys
from wsal.rules.normal import fold, single_spaced
from wsal.rules.terms import Terms, Voted
from wsal.text import clean


@dataclass(frozen=True)
class Gazetteer:
    r"""Votes for the class of the longest term that is found.

    Terms are cleaned as texts are. Case and signs are ignored in terms and texts alike: `Coca-Cola`
    and `coca - cola` are the same, and the length of a term is that without its signs. The rule
    abstains where the longest terms found stand for different classes. The file is read once.

    >>> from tempfile import TemporaryDirectory
    >>> from wsal.rules.testing import vote
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "terms.csv")
    ...     _ = path.write_text("term,label\ncola,drink\ncola bottles,food\n")
    ...     vote(Gazetteer(str(path)), "Cola!", "COLA-bottles", "tea", labels=["drink", "food"])
    [0, 1, -1]
    """

    path: str
    """A csv, tsv, parquet, jsonl or xlsx file of terms."""
    term: str = "term"
    """The column with the terms."""
    label: str = "label"
    """The column with the class that each stands for."""
    fields: Strings = ()
    """Fields to look in; empty for the whole text."""

    def __post_init__(self) -> None:
        """Make a tuple of a list.

        Raises:
            RuleError: `fields` is a single text.
        """
        object.__setattr__(self, "fields", as_tuple(self.fields, "fields"))

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class of the longest term in one of the fields, else `ABSTAIN`.

        Raises:
            RuleError: the file lacks a column; or a term is empty, or stands for two classes or for
                an unknown one, and the message names the rows of the file.
        """
        return self.vote_by_term(records, labels).votes[:, 0]

    def class_names(self) -> Iterable[str]:
        """The classes that terms stand for."""
        return self._terms["label"].drop_nulls().unique(maintain_order=True)

    def term_names(self) -> list[str]:
        """The terms as the file has them; of those that are the same when folded, the first."""
        return self._terms["term"].to_list()

    def vote_by_term(self, records: pl.DataFrame, labels: LabelSet) -> Voted:
        """The votes `(records, 1)`, and the longest terms, which cast them.

        Raises:
            RuleError: see `vote`.
        """
        keys, lengths = self._keys
        classes = self._classes(labels)
        rows_of_fields, keys_of_fields = [], []
        for field in self.fields or (None,):
            texts = column(records, field).cast(pl.String)
            field_rows, field_keys = find_keys(keys, texts, spaced=True)
            rows_of_fields.append(field_rows)
            keys_of_fields.append(field_keys)
        row, key = np.concatenate(rows_of_fields), np.concatenate(keys_of_fields)
        longest = np.zeros(len(records), dtype=np.int64)
        np.maximum.at(longest, row, lengths[key])
        is_longest = lengths[key] == longest[row]
        row, key = row[is_longest], key[is_longest]
        label = classes[key]
        votes = np.full(len(records), ABSTAIN, dtype=np.int16)
        votes[row] = label
        votes[row[votes[row] != label]] = ABSTAIN  # overwritten by a term of the same length
        cast = votes[row] != ABSTAIN
        terms = Terms.of(row[cast], np.zeros_like(row[cast]), key[cast])
        return Voted(votes[:, None], terms)

    def content(self) -> Mapping[str, Any]:
        """The file: votes become stale when it is edited.

        Raises:
            DataError: there is no such file.
        """
        return of_files([existing_file(Path(self.path))])

    @cached_property
    def _terms(self) -> pl.DataFrame:
        """Each folded term once, its class, and the first `row` of the file that has it."""
        table, row_numbers, _ = numbered_table(Path(self.path))
        for key, name in (("term", self.term), ("label", self.label)):
            if name not in table.columns:
                raise RuleError(
                    f"{self.path} has no column {name!r}{did_you_mean(name, table.columns)}; name "
                    f"its column in the rule: `{key}: COLUMN`"
                )
        terms = table[self.term].cast(pl.String)
        folded = single_spaced(fold(clean(terms), ascii_only=False)).str.strip_chars(" ")
        columns = {"key": folded, "term": terms, "label": clean(table[self.label].cast(pl.String))}
        rows = pl.DataFrame({"row": row_numbers} | columns)
        empty = rows.filter(pl.col("key").is_null() | (pl.col("key") == ""))
        if len(empty):
            row, term = empty["row"][0], empty["term"][0]
            raise RuleError(
                f"{self.path}, row {row}: the term is empty or has only signs ({term!r}); expected "
                "a word"
            )
        first = pl.col("row", "label").first().over("key").name.prefix("first_")
        both = rows.with_columns(first).filter(pl.col("label").ne_missing(pl.col("first_label")))
        if len(both):
            wrong = both.row(0, named=True)
            raise RuleError(
                f"{self.path}, row {wrong['row']}: {wrong['term']!r} stands for "
                f"{wrong['first_label']!r} (row {wrong['first_row']}) and {wrong['label']!r}; give "
                "it one class"
            )
        return rows.unique("key", keep="first", maintain_order=True)

    @cached_property
    def _keys(self) -> tuple[pl.Enum, np.ndarray]:
        """The terms as they occur in folded texts, and the length of each."""
        keys = self._terms["key"]
        return pl.Enum((" " + keys + " ").to_list()), keys.str.len_chars().to_numpy().astype(int)

    def _classes(self, labels: LabelSet) -> np.ndarray:
        """The class of each term; `ABSTAIN` for one that was removed."""
        known = {*labels.names, *labels.parents}
        known |= {other for other, name in labels.aliases.items() if name in known}
        numbers = {name: labels.code(name) for name in [*known, *labels.configured]}
        names = self._terms["label"]
        classes = names.replace_strict(numbers, default=None, return_dtype=pl.Int16)
        unknown = np.flatnonzero(classes.is_null().to_numpy())
        if len(unknown):
            wrong = self._terms[unknown].unique("label", maintain_order=True)
            errors = [
                f"row {row}: {UnknownNameError('label', name, labels.names)}"
                for row, name in wrong.select("row", "label").iter_rows()
            ]
            raise RuleError(
                f"{self.path}, {errors[0]}" if len(errors) == 1 else f"{self.path}:{listed(errors)}"
            )
        return classes.to_numpy()
