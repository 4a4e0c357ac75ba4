"""Rules two by two: which fire on the same texts, and which contradict each other where."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
from scipy import sparse

from wsal import tables
from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.labels import LabelSet

SAME, WITHIN, TIED = 0.9, 0.95, 0.5  # Jaccard index, share of the votes, phi coefficient
FEW = 10  # votes below which a rule's company says nothing


def related(votes: Votes, rules: Sequence[str]) -> pl.DataFrame:
    """Pairs of rules of which one adds little to the other, as `tables.PAIRS`.

    The strongest relation is said: "same" (nine tenths of the texts of either are the texts of
    both), "within" (of the rule's texts 95% are the other's, too), or "tied" (whether one votes
    goes with whether the other does: phi coefficient of 0.5 or more).

    >>> votes = np.full((100, 2), -1, dtype=np.int16)
    >>> votes[:50, 0], votes[:20, 1] = 0, 0
    >>> related(votes, ["wide", "narrow"]).select("rule", "other", "relation").rows()
    [('narrow', 'wide', 'within')]
    """
    cast, of_class, of_rule = _cast(votes)
    pairs = (cast.T @ cast).tocoo()
    both = _by_rule(pairs, of_rule, len(rules))
    pairs.data *= of_class[pairs.row] == of_class[pairs.col]
    agreed = _by_rule(pairs, of_rule, len(rules))
    found = []
    for j, k in combinations(range(len(rules)), 2):
        rule, other = (j, k) if both[j, j] <= both[k, k] else (k, j)
        n_rule, n_other = int(both[rule, rule]), int(both[other, other])
        n_both = int(both[rule, other])
        if relation := _relation(n_rule, n_other, n_both, len(votes)):
            agreement = float(agreed[rule, other] / n_both)
            counts = (n_rule, n_other, n_both)
            found.append((rules[rule], rules[other], *counts, agreement, relation))
    table = pl.DataFrame(found, schema=tables.PAIRS, orient="row")
    order = pl.Enum(["same", "within", "tied"])
    return table.sort(pl.col("relation").cast(order), "n_both", descending=[False, True])


def clashes(
    votes: Votes, gold: Classes, texts: pl.Series, rules: Sequence[str], labels: LabelSet,
    rng: np.random.Generator, most: int = 20,
) -> pl.DataFrame:  # fmt: skip
    """The largest conflicts, as `tables.CLASHES`: two rules, the classes they vote for, examples.

    Where gold is known, it says which rule is right how often.
    """
    cast, of_class, of_rule = _cast(votes)
    together = sparse.triu(cast.T @ cast, 1).tocoo()
    clash = (of_class[together.row] != of_class[together.col]) & (
        of_rule[together.row] != of_rule[together.col]
    )
    pairs = np.column_stack([together.row, together.col])[clash]
    largest = np.argsort(-together.data[clash], kind="stable")[:most]
    rows = []
    for a, b in pairs[largest]:
        where = np.intersect1d(_rows(cast, a), _rows(cast, b), assume_unique=True)
        truth = gold[where][gold[where] >= 0]
        right = [float((truth == of_class[x]).mean()) if len(truth) else None for x in (a, b)]
        shown = np.sort(rng.choice(where, min(3, len(where)), replace=False))
        sides = [s for x in (a, b) for s in (rules[of_rule[x]], labels.names[of_class[x]])]
        rows.append((*sides, len(where), len(truth), *right, texts.gather(shown).to_list()))
    return pl.DataFrame(rows, schema=tables.CLASHES, orient="row")


def _relation(n_rule: int, n_other: int, n_both: int, n: int) -> str | None:
    """How strongly two rules vote on the same texts; `n_rule` is the smaller count."""
    if n_rule < FEW:
        return None
    if n_both >= SAME * (n_rule + n_other - n_both):
        return "same"
    if n_both >= WITHIN * n_rule:
        return "within"
    spread = n_rule * (n - n_rule) * n_other * (n - n_other)
    phi = (n * n_both - n_rule * n_other) / spread**0.5 if spread else 0.0
    return "tied" if phi >= TIED else None


def _by_rule(pairs: sparse.coo_array, of_rule: np.ndarray, n_rules: int) -> np.ndarray:
    """Sums `(rules, rules)` over the classes that rules vote for."""
    where = (of_rule[pairs.row], of_rule[pairs.col])
    summed: np.ndarray = sparse.coo_array((pairs.data, where), shape=(n_rules, n_rules)).toarray()
    return summed


def _cast(votes: Votes) -> tuple[sparse.csc_array, np.ndarray, np.ndarray]:
    """Who voted for what `(texts, K)`; the class and the rule of each of the K columns."""
    hits: list[np.ndarray] = [np.empty(0, dtype=np.int32)]
    of_class: list[int] = []
    of_rule: list[int] = []
    for j, said in enumerate(votes.T):
        rows = np.flatnonzero(said != ABSTAIN).astype(np.int32)
        for label in np.unique(said[rows]):
            hits.append(rows[said[rows] == label])
            of_class.append(int(label))
            of_rule.append(j)
    starts = np.cumsum([len(rows) for rows in hits])
    where = np.concatenate(hits)
    ones = np.ones(len(where), dtype=np.int32)
    cast = sparse.csc_array((ones, where, starts), shape=(len(votes), len(of_rule)))
    return cast, np.array(of_class, dtype=np.int64), np.array(of_rule, dtype=np.int64)


def _rows(cast: sparse.csc_array, column: int) -> np.ndarray:
    rows: np.ndarray = cast.indices[cast.indptr[column] : cast.indptr[column + 1]]
    return rows
