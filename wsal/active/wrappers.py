"""Strategies made of others. `OnePerGroup` goes outermost: what it wraps sees no duplicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wsal.active.candidates import Candidates, QueryStrategy, Selection, among, joined, noted
from wsal.active.ranking import ranked
from wsal.arrays import Rows
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
                rows = _for_part(part, candidates, left, part_size)
                chosen.append(among(part, candidates, rows, part_size, rng))
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
        return self.turn(_n_labelled(candidates)).select(candidates, size, rng)

    def turn(self, n_labelled: int) -> QueryStrategy:
        """The strategy that chooses when so many texts are labelled."""
        return self.first if n_labelled < self.labels else self.base


def active_strategies(strategy: QueryStrategy, n_labelled: int) -> list[QueryStrategy]:
    """The innermost strategies that would choose now, with so many texts labelled.

    >>> from wsal.active.strategies import Dbal, Random
    >>> active_strategies(ColdStart(Dbal(), first=ClassCap(Random()), labels=50), n_labelled=0)
    [Random()]
    """
    if isinstance(strategy, ColdStart):
        inner = [strategy.turn(n_labelled)]
    elif isinstance(strategy, Mix):
        inner = [part for name, part in strategy.parts.items() if strategy.shares[name]]
    else:
        inner = [strategy.base] if hasattr(strategy, "base") else []
    if not inner:
        return [strategy]
    return [leaf for part in inner for leaf in active_strategies(part, n_labelled)]


def dropout_passes(strategy: QueryStrategy, n_labelled: int) -> int:
    """How many passes with dropout the strategies that would choose now want as samples; 0: none.

    >>> from wsal.active.bald import Bald
    >>> dropout_passes(ClassCap(Bald(passes=7)), n_labelled=0)
    7
    """
    leaves = active_strategies(strategy, n_labelled)
    return max(getattr(leaf, "passes", 0) for leaf in leaves)


def candidate_sizes(strategy: QueryStrategy, n_labelled: int, size: int) -> tuple[int, int]:
    """How many candidates to draw at random, and how many to shortlist as unsure; `size` in all.

    Strategies that look everywhere (random, typicality, coverage) must not choose among unsure
    texts only, nor the others among random ones. Where both kinds choose now, each gets half.

    >>> from wsal.active.strategies import Dbal, Random
    >>> mix = Mix({"unsure": Dbal(), "random": Random()}, {"unsure": 0.8, "random": 0.2})
    >>> [candidate_sizes(one, 0, 5000) for one in (Dbal(), Random(), mix)]
    [(0, 5000), (5000, 0), (2500, 2500)]
    """
    everywhere = {_looks_everywhere(leaf) for leaf in active_strategies(strategy, n_labelled)}
    n_random = size // 2 if len(everywhere) == 2 else size if True in everywhere else 0
    return n_random, size - n_random


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


def _looks_everywhere(strategy: QueryStrategy) -> bool:
    return bool(getattr(strategy, "everywhere", False))


def _for_part(part: QueryStrategy, candidates: Candidates, left: Rows, size: int) -> Rows:
    """The rows of `left` that a part of a mix may choose from."""
    if candidates.drawn is None or candidate_sizes(part, _n_labelled(candidates), size)[1]:
        return left
    drawn = left[candidates.drawn[left]]  # among shortlisted texts, chance would favour unsure ones
    return drawn if len(drawn) >= size else left


def _n_labelled(candidates: Candidates) -> int:
    return len(candidates.labelled) if candidates.labelled else 0
