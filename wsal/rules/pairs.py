"""Pairs of rules: which vote on the same texts, and which contradict each other where."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
from scipy import sparse

from wsal import schemas
from wsal.arrays import ABSTAIN, Classes, Mask, Votes
from wsal.labels import LabelSet
from wsal.members import judge, members_of, nested

MIN_JACCARD = 0.9  # for "same"
MIN_SHARE = 0.95  # for "within"
MIN_PHI = 0.5  # for "tied"
MIN_VOTES = 10  # with fewer votes, a rule's relation to others may be chance


def related(votes: Votes, rules: Sequence[str], members: Mask | None = None) -> pl.DataFrame:
    """Pairs of rules of which one adds little to the other.

    The strongest relation of a pair is reported: "same" (the texts on which both vote are nine
    tenths of those on which either does), "within" (the other rule votes on 95% of the rule's
    texts), or "tied" (whether one votes predicts whether the other does: phi coefficient of 0.5
    or more). With `members`, votes for a parent and for a class of it agree.

    Returns:
        A table with the schema `schemas.PAIRS`.

    >>> votes = np.full((100, 2), -1, dtype=np.int16)
    >>> votes[:50, 0], votes[:20, 1] = 0, 0
    >>> related(votes, ["wide", "narrow"]).select("rule", "other", "relation").rows()
    [('narrow', 'wide', 'within')]
    """
    indicators, class_of, rule_of = _indicators(votes)
    counts = (indicators.T @ indicators).tocoo()
    both = _summed_by_rule(counts, rule_of, len(rules))
    counts.data *= _agree(class_of[counts.row], class_of[counts.col], members)
    agreed = _summed_by_rule(counts, rule_of, len(rules))
    rows = []
    for j, k in combinations(range(len(rules)), 2):
        rule, other = (j, k) if both[j, j] <= both[k, k] else (k, j)
        n_rule, n_other = int(both[rule, rule]), int(both[other, other])
        n_both = int(both[rule, other])
        if relation := _relation(n_rule, n_other, n_both, len(votes)):
            agreement = float(agreed[rule, other] / n_both)
            pair_counts = (n_rule, n_other, n_both)
            rows.append((rules[rule], rules[other], *pair_counts, agreement, relation))
    table = pl.DataFrame(rows, schema=schemas.PAIRS, orient="row")
    order = pl.Enum(["same", "within", "tied"])
    return table.sort(pl.col("relation").cast(order), "n_both", descending=[False, True])


def conflicts(
    votes: Votes,
    gold: Classes,
    texts: pl.Series,
    rules: Sequence[str],
    labels: LabelSet,
    rng: np.random.Generator,
    most: int = 20,
) -> pl.DataFrame:
    """The largest conflicts: two rules, the classes they vote for, and example texts.

    Where gold `(texts,)` is known, it shows how often each of the two rules is right.

    Returns:
        A table with the schema `schemas.CONFLICTS`.
    """
    indicators, class_of, rule_of = _indicators(votes)
    counts = sparse.triu(indicators.T @ indicators, 1).tocoo()
    members = members_of(labels)
    is_conflict = ~_agree(class_of[counts.row], class_of[counts.col], members) & (
        rule_of[counts.row] != rule_of[counts.col]
    )
    pairs = np.column_stack([counts.row, counts.col])[is_conflict]
    largest = np.argsort(-counts.data[is_conflict], kind="stable")[:most]
    rows = []
    for a, b in pairs[largest]:
        both = np.intersect1d(_texts(indicators, a), _texts(indicators, b), assume_unique=True)
        known_gold = gold[both][gold[both] >= 0]
        right = [_share_right(class_of[x], known_gold, members) for x in (a, b)]
        shown = np.sort(rng.choice(both, min(3, len(both)), replace=False))
        sides = [s for x in (a, b) for s in (rules[rule_of[x]], labels.answers[class_of[x]])]
        rows.append((*sides, len(both), len(known_gold), *right, texts.gather(shown).to_list()))
    return pl.DataFrame(rows, schema=schemas.CONFLICTS, orient="row")


def _agree(votes: Classes, others: Classes, members: Mask | None) -> np.ndarray:
    """Whether votes for these classes, or codes, are compatible."""
    same: np.ndarray = votes == others if members is None else nested(members)[votes, others]
    return same


def _share_right(vote: int, gold: Classes, members: Mask | None) -> float | None:
    """How often a vote for this class is right; None without gold that tells."""
    right, known = judge(np.full(len(gold), vote), gold, members)
    return float(right[known].mean()) if known.any() else None


def _relation(n_rule: int, n_other: int, n_both: int, n: int) -> str | None:
    """How strongly two rules vote on the same texts; `n_rule` is the smaller count."""
    if n_rule < MIN_VOTES:
        return None
    if n_both >= MIN_JACCARD * (n_rule + n_other - n_both):
        return "same"
    if n_both >= MIN_SHARE * n_rule:
        return "within"
    variances = n_rule * (n - n_rule) * n_other * (n - n_other)
    phi = (n * n_both - n_rule * n_other) / variances**0.5 if variances else 0.0
    return "tied" if phi >= MIN_PHI else None


def _summed_by_rule(counts: sparse.coo_array, rule_of: np.ndarray, n_rules: int) -> np.ndarray:
    """Sums `(rules, rules)` over the classes that rules vote for."""
    places = (rule_of[counts.row], rule_of[counts.col])
    sums: np.ndarray = sparse.coo_array((counts.data, places), shape=(n_rules, n_rules)).toarray()
    return sums


def _indicators(votes: Votes) -> tuple[sparse.csc_array, np.ndarray, np.ndarray]:
    """A column for each rule and class it votes for, 1 where it does `(texts, columns)`.

    Also the class and the rule of each column.
    """
    hits: list[np.ndarray] = [np.empty(0, dtype=np.int32)]
    class_of: list[int] = []
    rule_of: list[int] = []
    for j, vote in enumerate(votes.T):
        rows = np.flatnonzero(vote != ABSTAIN).astype(np.int32)
        for label in np.unique(vote[rows]):
            hits.append(rows[vote[rows] == label])
            class_of.append(int(label))
            rule_of.append(j)
    starts = np.cumsum([len(rows) for rows in hits])
    rows = np.concatenate(hits)
    ones = np.ones(len(rows), dtype=np.int32)
    matrix = sparse.csc_array((ones, rows, starts), shape=(len(votes), len(rule_of)))
    return matrix, np.array(class_of, dtype=np.int64), np.array(rule_of, dtype=np.int64)


def _texts(indicators: sparse.csc_array, column: int) -> np.ndarray:
    """The texts that have a 1 in a column."""
    rows: np.ndarray = indicators.indices[indicators.indptr[column] : indicators.indptr[column + 1]]
    return rows
