"""Strategies made of others. `OnePerGroup` goes outermost: what it wraps sees no duplicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wsal.active.candidates import Candidates, QueryStrategy, Selection, among, joined, noted
from wsal.active.ranking import ranked
from wsal.errors import ConfigError
from wsal.settings import Amount, Positive, Share


@dataclass(frozen=True)
class Mix:
    """Several strategies, each for its share of the query; no text twice.

    Raises:
        ConfigError: shares are not those of the parts, or all are 0.
    """

    parts: Mapping[str, QueryStrategy]
    shares: Mapping[str, Amount]
    """Of the query, by name of the part; scaled to sum to 1."""

    def __post_init__(self) -> None:
        if set(self.parts) != set(self.shares) or not any(self.shares.values()):
            raise ConfigError(
                f"a mix has the parts {sorted(self.parts)} and shares {dict(self.shares)}; "
                "expected one share a part, not all of them 0"
            )

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows of each part in turn, the first part's first."""
        left, chosen = np.arange(len(candidates)), []
        sizes = apportion([self.shares[name] for name in self.parts], min(size, len(left)))
        for part, part_size in zip(self.parts.values(), sizes, strict=True):
            if part_size:
                chosen.append(among(part, candidates, left, part_size, rng))
                left = np.setdiff1d(left, chosen[-1].rows)
        return joined(chosen)


@dataclass(frozen=True)
class ClassCap:
    """At most a share of the query predicted to be of any one class."""

    base: QueryStrategy
    most: Share = 0.4
    """Of the query; at least one text of a class is allowed."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """What `base` ranks highest under the cap; above it only when nothing else is left."""
        size = min(size, len(candidates))
        predicted = candidates.probs.argmax(axis=1)
        room = np.full(candidates.probs.shape[1], max(1, int(self.most * size + 1e-9)))
        free, chosen = np.ones(len(candidates), bool), list[Selection]()
        while n_missing := size - (~free).sum():
            rows = np.flatnonzero(free & (room[predicted] > 0))
            capped = len(rows) > 0
            rows = rows if capped else np.flatnonzero(free)
            found = among(self.base, candidates, rows, n_missing, rng)
            kept = _within(room, predicted[found.rows]) if capped else np.arange(len(found.rows))
            free[found.rows[kept]] = False
            np.subtract.at(room, predicted[found.rows[kept]], 1)
            part = Selection(
                found.rows[kept], found.scores[kept], [found.reasons[place] for place in kept]
            )
            chosen.append(part if capped else noted(part, "above the cap: nothing else is left"))
        return joined(chosen)


@dataclass(frozen=True)
class OnePerGroup:
    """At most one text of each group of near-duplicates: the one the classifier is least sure of.

    Where groups run out, the query is shorter. Without groups: what `base` chooses.
    """

    base: QueryStrategy

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """What `base` chooses among one text of each group."""
        if candidates.groups is None:
            return self.base.select(candidates, size, rng)
        order = ranked(candidates.doubt, rng)
        _, first, counts = np.unique(
            candidates.groups[order], return_index=True, return_counts=True
        )
        n_alike = np.zeros(len(candidates), np.int64)
        n_alike[order[first]] = counts
        chosen = among(self.base, candidates, order[first], size, rng)
        reasons = [
            f"{reason}; stands for {n_alike[row]} near-duplicates" if n_alike[row] > 1 else reason
            for row, reason in zip(chosen.rows, chosen.reasons, strict=True)
        ]
        return replace(chosen, reasons=reasons)


@dataclass(frozen=True)
class ColdStart:
    """One strategy while few texts are labelled, then another (Hacohen et al., 2022).

    Without rules, the classifier of the first round knows nothing that `base` could go by.
    """

    base: QueryStrategy
    first: QueryStrategy
    labels: Positive = 50
    """`first` chooses until so many texts are labelled."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """What the strategy whose turn it is chooses."""
        cold = candidates.labelled is None or len(candidates.labelled) < self.labels
        return (self.first if cold else self.base).select(candidates, size, rng)


def dropout_passes(strategy: QueryStrategy) -> int:
    """How many passes with dropout a strategy, or any it is made of, wants as samples; 0: none.

    >>> from wsal.active.bald import Bald
    >>> dropout_passes(ClassCap(Bald(passes=7)))
    7
    """
    inner = list(getattr(strategy, "parts", {}).values())
    if base := getattr(strategy, "base", None):
        inner.append(base)
    return max([getattr(strategy, "passes", 0), *map(dropout_passes, inner)])


def apportion(shares: Sequence[float], size: int) -> list[int]:
    """Whole numbers that sum to `size`, by largest remainder; the first of equals gets more.

    >>> apportion([0.7, 0.1, 0.2], 25)
    [18, 2, 5]
    """
    exact = (np.array(shares) / sum(shares) * size).round(9)
    whole = np.floor(exact).astype(int)
    short = size - whole.sum()
    whole[np.argsort(whole - exact, kind="stable")[:short]] += 1
    return [int(n) for n in whole]


def _within(room: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Places, in order, of the first `room` texts of each class."""
    seen, places = np.zeros_like(room), []
    for place, one in enumerate(classes):
        seen[one] += 1
        if seen[one] <= room[one]:
            places.append(place)
    return np.array(places, np.int64)


def looks_everywhere(strategy: QueryStrategy) -> bool:
    """Whether a strategy wants a random part of the pool for candidates, not the unsure ones.

    >>> from wsal.active.strategies import Dbal, Random
    >>> looks_everywhere(ClassCap(Random())), looks_everywhere(Dbal())
    (True, False)
    """
    inner = getattr(strategy, "base", strategy)
    if inner is not strategy:
        return looks_everywhere(inner)
    return bool(getattr(strategy, "everywhere", False))
