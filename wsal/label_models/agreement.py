"""How often rules that vote together agree: without that, there is no consensus to learn from."""

import numpy as np
from scipy import sparse

from wsal.arrays import Weights
from wsal.label_models.calibration import STANDARD_ERRORS
from wsal.label_models.sparse import SparseVotes
from wsal.members import nested


def agreement(votes: SparseVotes, weights: Weights, n_classes: int) -> tuple[float, float] | None:
    """How often two votes on one text agree, above chance: the ends of a 95% interval.

    Chance is how often votes of two different rules would be for the same class if rules voted
    regardless of the text, as often for each class as they do. Votes for a class that only one
    rule votes for can never agree, and are left out. None if no text has two of the other votes.

    A vote for a parent and one for a class of it agree, too.

    Four pairs, half of them equal, are added (Agresti and Coull, 1998), so that a single text
    decides nothing.

    >>> votes = np.array([[0, 0], [1, 1]] * 500, dtype=np.int16)
    >>> agreement(SparseVotes.of(votes), np.ones(1000), 2)[0] > 0.9
    True
    """
    n_codes = n_classes if votes.members is None else len(votes.members)
    agree = sparse.identity(n_codes, format="csr")
    if votes.members is not None:
        agree = sparse.csr_matrix(nested(votes.members).astype(np.float64))
    texts = np.repeat(np.arange(len(votes)), votes.n_votes)
    cells = votes.rules.astype(np.int64) * n_codes + votes.classes
    cast = np.bincount(cells, weights[texts], votes.n_rules * n_codes)
    cast = cast.reshape(votes.n_rules, n_codes)
    # (codes,): at least two rules vote for it, or for one that agrees with it
    is_shared = ((sparse.csr_matrix(cast > 0) @ agree) > 0).sum(axis=0).A1 > 1
    kept = is_shared[votes.classes]
    texts, classes, cast = texts[kept], votes.classes[kept], cast * is_shared
    n_votes = np.bincount(texts, minlength=len(votes)).astype(float)
    pairs = n_votes * (n_votes - 1)
    ones = np.ones(len(texts))
    by_text = sparse.csr_matrix((ones, (texts, classes)), (len(votes), n_codes))
    equal_pairs = np.asarray(by_text.multiply(by_text @ agree).sum(axis=1)).ravel() - n_votes
    total_cast = cast.sum(axis=0)
    expected_equal = total_cast @ (agree @ total_cast) - (cast * (agree @ cast.T).T).sum()
    expected_pairs = cast.sum() ** 2 - (cast.sum(axis=1) ** 2).sum()
    if not pairs.any() or expected_equal >= expected_pairs:
        return None
    chance = expected_equal / expected_pairs
    total = (weights * pairs).sum() + 8  # a pair of votes is counted in both orders
    share = ((weights * equal_pairs).sum() + 4) / total
    squares = ((weights * (equal_pairs - share * pairs)) ** 2).sum() + 2 * (2 - 2 * share) ** 2
    error = np.sqrt(squares + 2 * (2 * share) ** 2) / total
    low, high = share - STANDARD_ERRORS * error, share + STANDARD_ERRORS * error
    return float((low - chance) / (1 - chance)), float((high - chance) / (1 - chance))
