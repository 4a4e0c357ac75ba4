"""Strategies made of others. Put `OnePerGroup` outermost: what it wraps sees no near-duplicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wsal.active.candidates import (
    Candidates,
    QueryStrategy,
    Selection,
    concatenated,
    select_among,
    with_note,
)
from wsal.active.ranking import ranked
from wsal.arrays import Rows
from wsal.errors import ConfigError
from wsal.settings import Amount, Positive, Share


@dataclass(frozen=True)
class Mix:
    """Several strategies, each for its share of the query; no text twice.

    Raises:
        ConfigError: the names in `shares` are not those of the parts, or all shares are 0.
    """

    parts: Mapping[str, QueryStrategy]
    """The strategies, by name."""
    shares: Mapping[str, Amount]
    """Share of the query for each part, by its name; scaled to sum to 1."""

    def __post_init__(self) -> None:
        if set(self.parts) != set(self.shares) or not any(self.shares.values()):
            raise ConfigError(
                f"a mix has the parts {sorted(self.parts)} and shares {dict(self.shares)}; "
                "expected one share per part, not all of them 0"
            )

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """The rows of each part, one part after the other."""
        remaining, chosen = np.arange(len(candidates)), []
        sizes = apportion([self.shares[name] for name in self.parts], min(size, len(remaining)))
        for part, part_size in zip(self.parts.values(), sizes, strict=True):
            if part_size:
                rows = _for_part(part, candidates, remaining, part_size)
                chosen.append(select_among(part, candidates, rows, part_size, rng))
                remaining = np.setdiff1d(remaining, chosen[-1].rows)
        return concatenated(chosen)


@dataclass(frozen=True)
class ClassCap:
    """Limits the share of the query that is predicted to be of any one class."""

    base: QueryStrategy
    """The strategy that ranks the texts."""
    most: Share = 0.4
    """Of the query; at least one text of each class is allowed."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """What `base` ranks highest under the cap; above it only if nothing else is left."""
        size = min(size, len(candidates))
        predicted = candidates.probs.argmax(axis=1)
        quota = np.full(candidates.probs.shape[1], max(1, int(self.most * size + 1e-9)))
        free, chosen = np.ones(len(candidates), bool), list[Selection]()
        while n_missing := size - (~free).sum():
            rows = np.flatnonzero(free & (quota[predicted] > 0))
            capped = len(rows) > 0
            rows = rows if capped else np.flatnonzero(free)
            part = select_among(self.base, candidates, rows, n_missing, rng)
            if capped:
                part = _take(part, _within(quota, predicted[part.rows]))
            else:
                part = with_note(part, "above the cap: nothing else is left")
            free[part.rows] = False
            np.subtract.at(quota, predicted[part.rows], 1)
            chosen.append(part)
        return concatenated(chosen)


@dataclass(frozen=True)
class OnePerGroup:
    """At most one text of each group of near-duplicates: the one the classifier is least sure of.

    If there are too few groups, the query is shorter. Without groups: what `base` chooses.
    """

    base: QueryStrategy
    """The strategy that ranks the texts."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """What `base` chooses among one text of each group."""
        if candidates.groups is None:
            return self.base.select(candidates, size, rng)
        order = ranked(candidates.uncertainty, rng)
        _, first, counts = np.unique(
            candidates.groups[order], return_index=True, return_counts=True
        )
        group_size = np.zeros(len(candidates), np.int64)
        group_size[order[first]] = counts
        chosen = select_among(self.base, candidates, order[first], size, rng)
        reasons = [
            f"{reason}; one of {group_size[row]} near-duplicates" if group_size[row] > 1 else reason
            for row, reason in zip(chosen.rows, chosen.reasons, strict=True)
        ]
        return replace(chosen, reasons=reasons)


@dataclass(frozen=True)
class ColdStart:
    """One strategy while few texts are labelled, then another (Hacohen et al., 2022).

    Without rules, the predictions of the first round's classifier mean nothing to `base`.
    """

    base: QueryStrategy
    """The strategy once enough texts are labelled."""
    first: QueryStrategy
    """The strategy until then."""
    labels: Positive = 50
    """`first` chooses until this many texts are labelled."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """What the strategy for the present number of labels chooses."""
        return self.strategy_for(_n_labelled(candidates)).select(candidates, size, rng)

    def strategy_for(self, n_labelled: int) -> QueryStrategy:
        """The strategy that chooses when this many texts are labelled."""
        return self.first if n_labelled < self.labels else self.base


def active_strategies(strategy: QueryStrategy, n_labelled: int) -> list[QueryStrategy]:
    """The innermost strategies that would choose when `n_labelled` texts are labelled.

    >>> from wsal.active.strategies import Dbal, Random
    >>> active_strategies(ColdStart(Dbal(), first=ClassCap(Random()), labels=50), n_labelled=0)
    [Random()]
    """
    if isinstance(strategy, ColdStart):
        inner = [strategy.strategy_for(n_labelled)]
    elif isinstance(strategy, Mix):
        inner = [part for name, part in strategy.parts.items() if strategy.shares[name]]
    else:
        inner = [strategy.base] if hasattr(strategy, "base") else []
    if not inner:
        return [strategy]
    return [leaf for part in inner for leaf in active_strategies(part, n_labelled)]


def candidate_sizes(strategy: QueryStrategy, n_labelled: int, size: int) -> tuple[int, int]:
    """How many candidates to draw at random, and how many to shortlist as uncertain.

    Together they are `size`. Strategies that look everywhere (random, typicality, coverage) must
    not choose among uncertain texts only, nor the others among random ones. If both kinds are
    active, each gets half.

    >>> from wsal.active.strategies import Dbal, Random
    >>> mix = Mix({"unsure": Dbal(), "random": Random()}, {"unsure": 0.8, "random": 0.2})
    >>> [candidate_sizes(strategy, 0, 5000) for strategy in (Dbal(), Random(), mix)]
    [(0, 5000), (5000, 0), (2500, 2500)]
    """
    everywhere = {_looks_everywhere(leaf) for leaf in active_strategies(strategy, n_labelled)}
    if len(everywhere) == 2:
        return size // 2, size - size // 2
    return (size, 0) if True in everywhere else (0, size)


def apportion(shares: Sequence[float], size: int) -> list[int]:
    """Whole numbers that sum to `size`, by largest remainder; the first of equals gets more.

    >>> apportion([0.7, 0.1, 0.2], 25)
    [18, 2, 5]
    """
    exact = (np.array(shares) / sum(shares) * size).round(9)
    whole = np.floor(exact).astype(int)
    n_missing = size - whole.sum()
    whole[np.argsort(whole - exact, kind="stable")[:n_missing]] += 1
    return [int(n) for n in whole]


def _within(quota: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The places, in order, of the first `quota[c]` texts of each class c."""
    counts, places = np.zeros_like(quota), []
    for place, label in enumerate(classes):
        counts[label] += 1
        if counts[label] <= quota[label]:
            places.append(place)
    return np.array(places, np.int64)


def _take(selection: Selection, places: np.ndarray) -> Selection:
    reasons = [selection.reasons[place] for place in places]
    return Selection(selection.rows[places], selection.scores[places], reasons)


def _looks_everywhere(strategy: QueryStrategy) -> bool:
    return bool(getattr(strategy, "everywhere", False))


def _for_part(part: QueryStrategy, candidates: Candidates, remaining: Rows, size: int) -> Rows:
    """The remaining rows that a part of a mix may choose from."""
    if candidates.drawn is None or candidate_sizes(part, _n_labelled(candidates), size)[1]:
        return remaining
    # A part that looks everywhere would be biased by texts that were shortlisted as uncertain.
    drawn = remaining[candidates.drawn[remaining]]
    return drawn if len(drawn) >= size else remaining


def _n_labelled(candidates: Candidates) -> int:
    return len(candidates.labelled) if candidates.labelled else 0
