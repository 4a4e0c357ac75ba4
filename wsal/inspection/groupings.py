"""Texts in groups: by value of a field, length, rules that voted, class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import Classes
from wsal.inspection.judged import Judged
from wsal.inspection.run_view import RunView
from wsal.labels import LabelSet
from wsal.rounds.vote_tables import parts_at, read_rule_votes, votes_file
from wsal.tables import rows_of_shards

LEAST = 20  # texts of a group
MOST = 50  # values of a field that have a group of their own
BINS = 5  # of numbers, at most
NUMBERS = 0.95  # share of the values of a field that must be numbers for it to be in bins
NO_VALUE, OTHERS = "(no value)", "(other values)"


@dataclass(frozen=True)
class Grouping:
    """Texts in groups by one property; a text is in one group, or in none."""

    by: str
    values: tuple[str, ...]
    group: Classes  # (texts,): position in `values`, or -1


def groupings_of(view: RunView, judged: Judged) -> tuple[list[Grouping], list[str]]:
    """The judged texts grouped by every property, and the fields that have no groups.

    Properties are the fields of the records, the length of the text, the number of rules that
    voted, and the gold and the predicted class.
    """
    by_field = [by_value(column.name, column) for column in _fields(judged.records)]
    words = judged.records["text"].str.count_matches(r"\S+")
    groupings = [*by_field, by_number("words in the text", words)]
    if (n_votes := votes_on(view, judged)) is not None:
        groupings.append(by_votes(n_votes))
    groupings.append(by_class("gold class", judged.gold, view.labels))
    groupings.append(by_class("predicted class", judged.predicted, view.labels))
    ungrouped = [g.by for g in by_field if len(g.values) < 2]
    return [g for g in groupings if len(g.values) > 1], ungrouped


def by_value(name: str, values: pl.Series) -> Grouping:
    """Groups by value; numbers are in bins, and values of few texts together.

    >>> values = pl.Series(["a"] * 20 + ["b"] * 30 + ["rare"])
    >>> by_value("shop", values).values
    ('b', 'a')
    """
    text = values.cast(pl.String).str.strip_chars().replace("", None)
    numbers = text.cast(pl.Float64, strict=False)
    numbers = numbers.set(numbers.is_nan() | numbers.is_infinite(), None)
    given = len(text) - text.null_count()
    if numbers.count() >= NUMBERS * max(given, 1) and numbers.n_unique() > 2 * BINS:
        return by_number(name, numbers)
    text = text.fill_null(NO_VALUE)
    counts = text.value_counts().filter(pl.col("count") >= LEAST)
    counts = counts.sort(["count", text.name], descending=[True, False]).head(MOST)
    if counts.is_empty():
        return Grouping(name, (), np.full(len(text), -1))
    own = counts[text.name]
    group = text.replace_strict(own, np.arange(len(own)), default=-1, return_dtype=pl.Int64)
    return _with_others(name, own.to_list(), group.to_numpy())


def by_number(name: str, numbers: pl.Series) -> Grouping:
    """Bins with about as many texts each, named by their least and greatest number.

    >>> by_number("price", pl.Series([*range(100), None])).values
    ('0 to 19', '20 to 39', '40 to 59', '60 to 79', '80 to 99')
    """
    values = numbers.cast(pl.Float64).fill_null(np.nan).to_numpy()
    given = ~np.isnan(values)
    n_bins = int(np.clip(given.sum() // LEAST, 1, BINS))
    group = np.full(len(values), -1)
    if given.any():
        cuts = np.quantile(values[given], np.arange(1, n_bins) / n_bins)
        bins = np.searchsorted(np.unique(cuts), values[given], side="left")
        group[given] = np.unique(bins, return_inverse=True)[1]
    names = []
    for number in range(group.max(initial=-1) + 1):
        low, high = values[group == number].min(), values[group == number].max()
        names.append(f"{low:g}" if low == high else f"{low:g} to {high:g}")
    if (~given).sum() >= LEAST:
        group[~given] = len(names)
        names.append(NO_VALUE)
    return Grouping(name, tuple(names), group)


def by_votes(n_votes: np.ndarray) -> Grouping:
    """Groups by how many rules voted on a text `(texts,)`; the first is what no rule covers."""
    names = ("none (not covered)", "1", "2", "3 or more")
    return _without_small("rules that voted", names, np.minimum(n_votes, 3))


def by_class(name: str, classes: Classes, labels: LabelSet) -> Grouping:
    """Groups by class; classes of few texts are together."""
    group = np.where(np.bincount(classes, minlength=len(labels))[classes] < LEAST, -1, classes)
    kept = np.unique(group[group >= 0])
    position = np.full(len(labels), -1)
    position[kept] = np.arange(len(kept))
    group = np.where(group < 0, -1, position[group])
    return _with_others(name, [labels.names[c] for c in kept], group)


def votes_on(view: RunView, judged: Judged) -> np.ndarray | None:
    """How many rules voted on each judged text, `(texts,)`; None without votes."""
    votes, frame = view.artifact("vote"), view.measured
    if votes is None:
        return None
    split, rows = judged.reference.place, judged.reference.sample.rows
    if split == "frame":
        if frame is None:
            return None
        split, rows = "pool", frame.rows[rows]  # type: ignore[assignment]
    path = votes.path / votes_file(split)
    if not path.parent.exists() or not len(rows):
        return None
    ascending, order = np.unique(rows, return_inverse=True)
    counts = [
        np.diff(read_rule_votes(votes.path, split, part).starts)
        for part in parts_at(ascending, rows_of_shards(path))
    ]
    result: np.ndarray = np.concatenate(counts)[order]
    return result


def _fields(records: pl.DataFrame) -> list[pl.Series]:
    kind = records.schema["fields"]
    has_fields = isinstance(kind, pl.Struct) and bool(kind.fields)
    return records["fields"].struct.unnest().get_columns() if has_fields else []


def _with_others(name: str, values: Sequence[str], group: np.ndarray) -> Grouping:
    """The groups, and one of all other texts if they are enough."""
    group = group.astype(np.int64)
    if not values or (group < 0).sum() < LEAST:
        return Grouping(name, tuple(values), group)
    return Grouping(name, (*values, OTHERS), np.where(group < 0, len(values), group))


def _without_small(name: str, values: Sequence[str], group: np.ndarray) -> Grouping:
    """The groups with enough texts."""
    enough = np.bincount(group, minlength=len(values)) >= LEAST
    position = np.where(enough, np.cumsum(enough) - 1, -1)
    kept = tuple(value for value, has in zip(values, enough, strict=True) if has)
    return Grouping(name, kept, position[group])
