"""Votes and gold labels that stand for several classes: the likelihood sums over these.

`members` `(codes, classes)` says which classes each code stands for (`LabelSet.members`). The first
codes are the classes themselves. None means that there are no other codes.
"""

import numpy as np
from scipy import sparse

from wsal.arrays import ABSTAIN, Classes, Mask, Probs, Vote, Votes, is_indicator_matrix
from wsal.labels import LabelSet


def members_of(labels: LabelSet) -> Mask | None:
    """`labels.members` if there are parents; None if every code but `NONE` is a class."""
    return labels.members if labels.parents else None


def by_code(values: np.ndarray, members: Mask | None) -> np.ndarray:
    """`(texts, codes)`: the sum of the values `(texts, classes)` of the classes of each code.

    >>> members = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0]], dtype=bool)
    >>> by_code(np.array([[0.5, 0.25, 0.25]]), members).tolist()
    [[0.5, 0.25, 0.25, 0.0, 0.75]]
    """
    if members is None:
        return values
    others = sparse.csc_matrix(members[members.shape[1] :].T.astype(values.dtype))
    summed: np.ndarray = np.hstack([values, values @ others])
    return summed


def by_class(values: np.ndarray, members: Mask | None) -> np.ndarray:
    """`(texts, classes)`: the sum of the values `(texts, codes)` of the codes with each class.

    >>> members = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0]], dtype=bool)
    >>> by_class(np.array([[1.0, 0.0, 0.5, 0.0, 2.0]]), members).tolist()
    [[3.0, 2.0, 0.5]]
    """
    if members is None:
        return values
    n = members.shape[1]
    others = sparse.csr_matrix(members[n:].astype(values.dtype))
    summed: np.ndarray = values[:, :n] + values[:, n:] @ others
    return summed


def class_members(codes: Classes, n_classes: int, members: Mask | None) -> np.ndarray:
    """`(texts, classes)`: 1 for the classes that the code of each text stands for, else 0.

    There may be an indicator matrix instead; see `wsal.arrays.is_indicator_matrix`.
    """
    if is_indicator_matrix(codes):
        return codes.astype(np.float64)
    if members is None:
        one_hot: np.ndarray = np.eye(n_classes)[codes]
        return one_hot
    return members[codes].astype(np.float64)


def within(probs: Probs, codes: Classes, members: Mask | None) -> Probs:
    """`(texts, classes)`: the probabilities, given that the code of each text is right.

    If there is an indicator matrix instead of codes, every yes and no is certain.

    >>> members = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0]], dtype=bool)
    >>> within(np.array([[0.2, 0.2, 0.6]] * 2), np.array([4, 2]), members).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    chosen = class_members(codes, probs.shape[1], members).astype(probs.dtype)
    if is_indicator_matrix(codes):
        return chosen
    left = probs * chosen
    total = left.sum(axis=1, keepdims=True)
    # A single class is certain, whatever its probability was; so is a parent that had none.
    alone = (chosen.sum(axis=1, keepdims=True) == 1) | (total == 0)
    shares: Probs = np.where(alone, chosen, left) / np.where(
        alone, chosen.sum(axis=1, keepdims=True), total
    )
    return shares


def for_classes(votes: Votes, n_classes: int) -> Votes:
    """The votes, without those for parents: rules are suggested and amended for classes alone."""
    kept: Votes = np.where(votes >= n_classes, ABSTAIN, votes).astype(votes.dtype)
    return kept


def judge(
    votes: Classes | Vote, truth: Classes, members: Mask | None
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each vote is right, `(votes,)`, and whether that is known.

    A vote is right if it stands for all classes of the truth, and wrong if for none of them. If it
    stands for some of them, the truth does not say.

    Args:
        votes: `(votes,)` codes.
        truth: `(votes,)`, the code of the true label of each.
        members: see above.

    >>> members = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0]], dtype=bool)
    >>> right, known = judge(np.array([4, 4, 0]), np.array([0, 2, 4]), members)
    >>> right.tolist(), known.tolist()
    ([True, False, False], [True, True, False])
    """
    if members is None:
        return votes == truth, np.ones(len(votes), dtype=bool)
    pairs, place = np.unique(votes.astype(np.int64) * len(members) + truth, return_inverse=True)
    of_vote, of_truth = members[pairs // len(members)], members[pairs % len(members)]
    n_both, n_true = (of_vote & of_truth).sum(axis=1), of_truth.sum(axis=1)
    right = (n_both == n_true) & (n_both > 0)
    known = right | (n_both == 0)
    return right[place], known[place]


def nested(members: Mask) -> np.ndarray:
    """`(codes, codes)` bool: whether one of two codes stands for all classes of the other.

    >>> members = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0]], dtype=bool)
    >>> nested(members)[4].tolist()
    [True, True, False, False, True]
    """
    as_numbers, size = sparse.csr_matrix(members.astype(np.int32)), members.sum(axis=1)
    both = (as_numbers @ as_numbers.T).toarray()
    inside: np.ndarray = (both > 0) & (both >= np.minimum(size[:, None], size))
    return inside
