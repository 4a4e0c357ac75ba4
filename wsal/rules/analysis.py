"""Measures of the rules: coverage, overlap, conflict and accuracy, with examples.

The four shares are those of Snorkel's `LFAnalysis` (Ratner et al., 2017).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal import schemas
from wsal.arrays import ABSTAIN, Classes, Mask, Vote, Votes
from wsal.labels import LabelSet
from wsal.members import judge, members_of, nested


def summarise(votes: Votes, gold: Classes, rules: Sequence[str], labels: LabelSet) -> pl.DataFrame:
    """One row for each rule: its classes, coverage, overlap, conflict and accuracy.

    Coverage is the share of texts on which the rule votes; overlap, of those on which another rule
    votes too; conflict, of those on which another rule votes for another class (a parent and a
    class of it are not in conflict). Accuracy is that of the votes on texts with gold; `low` and
    `high` are its 95% interval (null without such votes).

    Args:
        votes: `(texts, rules)`.
        gold: `(texts,)`, -1 where unknown.
        rules: the names of the rules.
        labels: the classes.

    Returns:
        A table with the schema `schemas.RULES`.

    >>> votes = np.array([[0, 0], [0, 1], [-1, -1]], dtype=np.int16)
    >>> table = summarise(votes, np.array([0, 0, 1]), ["a", "b"], LabelSet(("x", "y")))
    >>> table.select("rule", "n_votes", "overlap", "accuracy").rows()
    [('a', 2, 0.6666666666666666, 1.0), ('b', 2, 0.6666666666666666, 0.5)]
    """
    members = members_of(labels)
    n_votes, conflict = tally(votes, members)
    n = max(len(votes), 1)
    rows = []
    for j, name in enumerate(rules):
        hits = np.flatnonzero(votes[:, j] != ABSTAIN)
        vote = votes[hits, j]
        has_gold = gold[hits] >= 0
        right, known = judge(vote[has_gold], gold[hits][has_gold], members)
        n_gold, n_right = int(known.sum()), int(right.sum())
        low, high = interval(n_right, n_gold)
        row = {
            "rule": name,
            "classes": [labels.answers[c] for c in np.unique(vote)],
            "coverage": len(hits) / n,
            "overlap": (n_votes[hits] > 1).sum() / n,
            "conflict": conflict[hits].sum() / n,
            "n_votes": len(hits),
            "n_gold": n_gold,
            "accuracy": n_right / n_gold if n_gold else None,
            "low": low,
            "high": high,
        }
        rows.append(row)
    return pl.DataFrame(rows, schema=schemas.RULES)


def accuracy_of(votes: Vote, gold: Classes, labels: LabelSet) -> str:
    """The share of a rule's votes that are right, where gold tells; empty where it never does."""
    checked = (votes != ABSTAIN) & (gold != ABSTAIN)
    right, known = judge(votes[checked], gold[checked], members_of(labels))
    return f"{right[known].mean():.3f}" if known.any() else ""


def interval(n_right: int, n: int) -> tuple[float, float] | tuple[None, None]:
    """The 95% interval of a share (Wilson, 1927); Nones if `n` is 0.

    >>> interval(0, 0), [round(end, 3) for end in interval(9, 10)]
    ((None, None), [0.596, 0.982])
    """
    if n == 0:
        return None, None
    # In closed form: for 10,000 rules scipy's binomtest(...).proportion_ci takes 6 s, this 0.03 s.
    share, z = n_right / n, 1.959964
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    radius = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return float(max(center - radius, 0)), float(min(center + radius, 1))


def tally(votes: Votes, members: Mask | None = None) -> tuple[np.ndarray, np.ndarray]:
    """How many rules vote on each text `(texts,)`, and whether for several classes `(texts,)`.

    With `members` `(codes, classes)`, votes for a parent and for a class of it do not conflict.

    Works through the rules one at a time, so that no array as large as the votes is made.

    >>> n_votes, conflict = tally(np.array([[0, 1], [0, -1], [1, 1]], dtype=np.int16))
    >>> n_votes.tolist(), conflict.tolist()
    ([2, 1, 2], [True, False, False])
    """
    n_votes = np.zeros(len(votes), dtype=np.int16)
    first = np.full(len(votes), ABSTAIN, dtype=np.int16)
    conflict = np.zeros(len(votes), dtype=bool)
    agree, size = (None, np.empty(0)) if members is None else (nested(members), members.sum(axis=1))
    for vote in votes.T:
        cast = vote != ABSTAIN
        differs = vote != first if agree is None else ~agree[vote, first]
        conflict |= cast & (n_votes > 0) & differs
        np.copyto(first, vote, where=cast & (n_votes == 0))
        if agree is not None:  # of codes that agree, the one for the fewest classes is kept
            np.copyto(first, vote, where=cast & ~differs & (size[vote] < size[first]))
        n_votes += cast
    return n_votes, conflict


def overall(votes: Votes, weights: np.ndarray, members: Mask | None = None) -> dict[str, float]:
    """Coverage, overlap and conflict of all rules together.

    `weights` `(texts,)` are the rows of the source that each text stands for; the result is shares
    of these rows.

    >>> overall(np.array([[0, 1], [0, -1], [-1, -1], [-1, -1]], dtype=np.int16), np.ones(4))
    {'coverage': 0.5, 'overlap': 0.25, 'conflict': 0.25}
    """
    n_votes, conflict = tally(votes, members)
    masks = {"coverage": n_votes > 0, "overlap": n_votes > 1, "conflict": conflict}
    return {name: float(np.average(mask, weights=weights)) for name, mask in masks.items()}


def examples(
    votes: Votes,
    gold: Classes,
    records: pl.DataFrame,
    rules: Sequence[str],
    labels: LabelSet,
    rng: np.random.Generator,
    most: int = 3,
) -> pl.DataFrame:
    """Texts each rule votes on, drawn at random: at most `most` wrong votes, then as many others.

    Returns:
        A table with the schema `schemas.EXAMPLES`.
    """
    rows = []
    for j, rule in enumerate(rules):
        hits = rng.permutation(np.flatnonzero(votes[:, j] != ABSTAIN))
        right, known = judge(votes[hits, j], gold[hits], members_of(labels))
        wrong = (gold[hits] >= 0) & known & ~right
        for i in (*hits[wrong][:most], *hits[~wrong][:most]):
            record = records.row(int(i), named=True)
            vote = labels.answers[votes[i, j]]
            gold_name = labels.answers[gold[i]] if gold[i] >= 0 else None
            rows.append((rule, record["id"], record["text"], vote, gold_name))
    return pl.DataFrame(rows, schema=schemas.EXAMPLES, orient="row")
