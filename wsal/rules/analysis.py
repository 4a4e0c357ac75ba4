"""What the votes say of the rules: coverage, overlap, conflict, accuracy, with examples.

The four shares are those of Snorkel's `LFAnalysis` (Ratner et al., 2017).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.labels import LabelSet


def summarise(votes: Votes, gold: Classes, rules: Sequence[str], labels: LabelSet) -> pl.DataFrame:
    """One row a rule: polarity, coverage, overlap, conflict, and accuracy where gold is known.

    `gold` is `(texts,)`, -1 where unknown. Shares are of all texts, accuracy of the votes cast on
    texts with gold (null if there are none). Overlap: another rule voted too; conflict: for
    another class.

    >>> votes = np.array([[0, 0], [0, 1], [-1, -1]], dtype=np.int16)
    >>> table = summarise(votes, np.array([0, 0, 1]), ["a", "b"], LabelSet(("x", "y")))
    >>> table.select("rule", "n_votes", "overlap", "accuracy").rows()
    [('a', 2, 0.6666666666666666, 1.0), ('b', 2, 0.6666666666666666, 0.5)]
    """
    voted = votes != ABSTAIN
    others = voted.sum(axis=1, keepdims=True) - voted
    overlap, conflict = voted & (others > 0), conflicts(votes)
    judged = voted & (gold >= 0)[:, None]
    right = judged & (votes == gold[:, None])
    n = max(len(votes), 1)
    rows = [
        {
            "rule": name,
            "classes": [labels.names[c] for c in np.unique(votes[voted[:, j], j])],
            "coverage": voted[:, j].sum() / n,
            "overlap": overlap[:, j].sum() / n,
            "conflict": conflict[:, j].sum() / n,
            "n_votes": int(voted[:, j].sum()),
            "n_gold": int(judged[:, j].sum()),
            "accuracy": right[:, j].sum() / judged[:, j].sum() if judged[:, j].any() else None,
        }
        for j, name in enumerate(rules)
    ]
    return pl.DataFrame(
        rows, schema_overrides={"accuracy": pl.Float64, "classes": pl.List(pl.String)}
    )


def conflicts(votes: Votes) -> np.ndarray:
    """`(texts, rules)`: whether the rule voted and another voted for another class."""
    voted = votes != ABSTAIN
    highest = np.where(voted, votes, -1).max(axis=1, initial=-1)
    lowest = np.where(voted, votes, np.iinfo(np.int16).max).min(
        axis=1, initial=np.iinfo(np.int16).max
    )
    clash: np.ndarray = voted & (lowest < highest)[:, None]
    return clash


def overall(votes: Votes, weights: np.ndarray) -> dict[str, float]:
    """Coverage, overlap and conflict of the whole set, as shares of the source's rows.

    >>> overall(np.array([[0, 1], [0, -1], [-1, -1], [-1, -1]], dtype=np.int16), np.ones(4))
    {'coverage': 0.5, 'overlap': 0.25, 'conflict': 0.25}
    """
    n_votes = (votes != ABSTAIN).sum(axis=1)
    shares = {
        "coverage": n_votes > 0,
        "overlap": n_votes > 1,
        "conflict": conflicts(votes).any(axis=1),
    }
    return {name: float(np.average(mask, weights=weights)) for name, mask in shares.items()}


def examples(
    votes: Votes, gold: Classes, records: pl.DataFrame, rules: Sequence[str], labels: LabelSet,
    rng: np.random.Generator, most: int = 3,
) -> pl.DataFrame:  # fmt: skip
    """Texts each rule voted on, drawn at random: `most` wrong ones first, then `most` others."""
    rows = []
    for j, name in enumerate(rules):
        hits = rng.permutation(np.flatnonzero(votes[:, j] != ABSTAIN))
        wrong = (gold[hits] >= 0) & (gold[hits] != votes[hits, j])
        for i in (*hits[wrong][:most], *hits[~wrong][:most]):
            known = labels.names[gold[i]] if gold[i] >= 0 else None
            rows.append(
                (
                    name,
                    records["id"][int(i)],
                    records["text"][int(i)],
                    labels.names[votes[i, j]],
                    known,
                )
            )
    columns = ["rule", "id", "text", "vote", "gold"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
