"""What the votes say of the rules: coverage, overlap, conflict, accuracy, with examples.

The four shares are those of Snorkel's `LFAnalysis` (Ratner et al., 2017).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.labels import LabelSet


def summarise(votes: Votes, gold: Classes, rules: Sequence[str], labels: LabelSet) -> pl.DataFrame:
    """One row a rule: polarity, coverage, overlap, conflict, and accuracy where gold is known.

    `gold` is `(texts,)`, -1 where unknown. Shares are of all texts, accuracy of the votes cast on
    texts with gold, `low` and `high` its 95% interval (all three null if there are none).
    Overlap: another rule voted too; conflict: for another class.

    >>> votes = np.array([[0, 0], [0, 1], [-1, -1]], dtype=np.int16)
    >>> table = summarise(votes, np.array([0, 0, 1]), ["a", "b"], LabelSet(("x", "y")))
    >>> table.select("rule", "n_votes", "overlap", "accuracy").rows()
    [('a', 2, 0.6666666666666666, 1.0), ('b', 2, 0.6666666666666666, 0.5)]
    """
    n_votes, split = tally(votes)
    n = max(len(votes), 1)
    rows = []
    for j, name in enumerate(rules):
        hits = np.flatnonzero(votes[:, j] != ABSTAIN)
        said, truth = votes[hits, j], gold[hits]
        n_gold, n_right = int((truth >= 0).sum()), int((truth == said).sum())
        low, high = interval(n_right, n_gold)
        row = {
            "rule": name,
            "classes": [labels.names[c] for c in np.unique(said)],
            "coverage": len(hits) / n,
            "overlap": (n_votes[hits] > 1).sum() / n,
            "conflict": split[hits].sum() / n,
            "n_votes": len(hits),
            "n_gold": n_gold,
            "accuracy": n_right / n_gold if n_gold else None,
            "low": low,
            "high": high,
        }
        rows.append(row)
    return pl.DataFrame(rows, schema=tables.RULES)


def interval(n_right: int, n: int) -> tuple[float, float] | tuple[None, None]:
    """The 95% interval of a share (Wilson, 1927); Nones if nothing was counted.

    >>> interval(0, 0), [round(end, 3) for end in interval(9, 10)]
    ((None, None), [0.596, 0.982])
    """
    if n == 0:
        return None, None
    share, z = n_right / n, 1.959964
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return float(max(middle - reach, 0)), float(min(middle + reach, 1))


def tally(votes: Votes) -> tuple[np.ndarray, np.ndarray]:
    """How many rules voted on each text `(texts,)`, and whether for several classes `(texts,)`.

    A column at a time: nothing as large as the votes is made.

    >>> count, split = tally(np.array([[0, 1], [0, -1], [1, 1]], dtype=np.int16))
    >>> count.tolist(), split.tolist()
    ([2, 1, 2], [True, False, False])
    """
    n_votes = np.zeros(len(votes), dtype=np.int16)
    first = np.full(len(votes), ABSTAIN, dtype=np.int16)
    split = np.zeros(len(votes), dtype=bool)
    for said in votes.T:
        voted = said != ABSTAIN
        split |= voted & (n_votes > 0) & (said != first)
        np.copyto(first, said, where=voted & (n_votes == 0))
        n_votes += voted
    return n_votes, split


def overall(votes: Votes, weights: np.ndarray) -> dict[str, float]:
    """Coverage, overlap and conflict of the whole set, as shares of the source's rows.

    >>> overall(np.array([[0, 1], [0, -1], [-1, -1], [-1, -1]], dtype=np.int16), np.ones(4))
    {'coverage': 0.5, 'overlap': 0.25, 'conflict': 0.25}
    """
    n_votes, split = tally(votes)
    shares = {"coverage": n_votes > 0, "overlap": n_votes > 1, "conflict": split}
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
