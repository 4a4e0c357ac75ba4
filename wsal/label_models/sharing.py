"""Terms of a rule share strength: what is known of the rule counts for each of its terms."""

import numpy as np
from scipy import sparse
from scipy.special import expit, logit

from wsal.arrays import Classes, Mask
from wsal.label_models.sparse import SparseVotes
from wsal.members import judge

PSEUDO_VOTES = 10.0
PRIOR_PRECISION = 0.75  # of the pseudo-votes


def count_right(
    votes: SparseVotes, counts: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`(voters, classes)` twice: how many votes for the class were right, and how many were cast.

    Args:
        votes: of texts, or of distinct patterns.
        counts: `(texts,)`, how many texts each of them stands for.
        labels: `(texts, classes)`, the probability of each class; codes may take the place of
            classes.
    """
    texts = np.repeat(np.arange(len(votes)), votes.n_votes)
    weights = counts[texts]
    return _summed(votes, weights * labels[texts, votes.classes], weights, labels.shape[1])


def count_right_on_gold(
    votes: SparseVotes, truth: Classes, n_classes: int, members: Mask | None
) -> tuple[np.ndarray, np.ndarray]:
    """`(voters, codes)` twice: the same, for texts with gold `(texts,)`, a code each.

    Votes of which gold does not say whether they are right are left out: those for a class of the
    parent that a text is known to belong to.
    """
    right, known = judge(votes.classes, np.repeat(truth, votes.n_votes), members)
    n_codes = n_classes if members is None else len(members)
    return _summed(votes, right.astype(np.float64), known.astype(np.float64), n_codes)


def _summed(
    votes: SparseVotes, right: np.ndarray, cast: np.ndarray, n_codes: int
) -> tuple[np.ndarray, np.ndarray]:
    cells = votes.rules.astype(np.int64) * n_codes + votes.classes
    shape, n_cells = (votes.n_rules, n_codes), votes.n_rules * n_codes
    return (
        np.bincount(cells, right, n_cells).reshape(shape),
        np.bincount(cells, cast, n_cells).reshape(shape),
    )


def shared_precision(right: np.ndarray, cast: np.ndarray, rule_of: np.ndarray) -> np.ndarray:
    """`(voters, classes)`: a term with few votes gets nearly the precision of its rule.

    Args:
        right: `(voters, classes)`, how many votes for each class were right.
        cast: likewise, how many were cast.
        rule_of: `(voters,)`, the rule that each belongs to.

    >>> right, cast = np.array([[90.0], [0.0], [5.0]]), np.array([[100.0], [0.0], [10.0]])
    >>> shared_precision(right, cast, np.array([0, 0, 1])).round(2).tolist()
    [[0.9], [0.89], [0.62]]
    """
    of_rule = PSEUDO_VOTES * PRIOR_PRECISION + _sum_by_rule(right, rule_of)
    of_rule = (of_rule / (PSEUDO_VOTES + _sum_by_rule(cast, rule_of)))[rule_of]
    own = (right + PSEUDO_VOTES * of_rule) / (cast + PSEUDO_VOTES)
    alone = np.bincount(rule_of)[rule_of] == 1
    precision: np.ndarray = np.where(alone[:, None], of_rule, own)
    return precision


def moved_with_rule(
    expected: np.ndarray, right: np.ndarray, cast: np.ndarray, rule_of: np.ndarray, worth: float
) -> np.ndarray:
    """`(voters, classes)`: what to expect of a term, if gold shows its rule to be better or worse.

    The log-odds of all terms of a rule move together, by how much those of the rule do. A rule with
    a single voter does not move: its own gold is all there is.
    """
    of_rule, n_gold = _sum_by_rule(cast * expected, rule_of), _sum_by_rule(cast, rule_of)
    before = np.divide(of_rule, n_gold, out=np.full(of_rule.shape, 0.5), where=n_gold > 0)
    after = (_sum_by_rule(right, rule_of) + worth * before) / (n_gold + worth)
    alone = np.bincount(rule_of)[rule_of] == 1
    move = np.where(alone[:, None], 0, (logit(after) - logit(before))[rule_of])
    moved: np.ndarray = np.where(move == 0, expected, expit(logit(expected) + move))
    return moved


def _sum_by_rule(values: np.ndarray, rule_of: np.ndarray) -> np.ndarray:
    """`(rules, classes)` from `(voters, classes)`."""
    n_rules = int(rule_of.max(initial=-1)) + 1
    ones = (np.ones(len(rule_of)), (rule_of, np.arange(len(rule_of))))
    summed: np.ndarray = sparse.csr_matrix(ones, (n_rules, len(rule_of))) @ values
    return summed
