"""The votes that were cast, without the abstentions: rules vote on few texts each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wsal.arrays import ABSTAIN, Mask, Vote, Votes
from wsal.errors import ModelError

RANDOM_CODES = 2**63 - 1
CELLS_AT_ONCE = 2**22


@dataclass(frozen=True)
class SparseVotes:
    """The votes cast, text by text: those on text `i` are at `starts[i]` to `starts[i + 1]`.

    >>> votes = SparseVotes.of(np.array([[-1, 2], [-1, -1], [0, 1]], dtype=np.int16))
    >>> votes.starts.tolist(), votes.rules.tolist(), votes.classes.tolist()
    ([0, 1, 1, 3], [1, 0, 1], [2, 0, 1])
    """

    starts: NDArray[np.int64]  # (texts + 1,)
    rules: NDArray[np.int32]  # (votes,): which rule voted
    classes: NDArray[np.int16]  # (votes,): for which class, or for which code
    n_rules: int
    by_term: "TermVotes | None" = None
    """Which terms of the rules cast these votes; None if no rule has terms."""
    members: Mask | None = None
    """`(codes, classes)`: which classes each code stands for; None: all votes are for classes."""

    @classmethod
    def of(cls, votes: "Votes | SparseVotes") -> "SparseVotes":
        """The same votes as a dense matrix `(texts, rules)` of integers, -1 for abstentions.

        Raises:
            ModelError: the votes are not such a matrix.
        """
        if isinstance(votes, SparseVotes):
            return votes
        matrix = np.asarray(votes)
        if matrix.ndim != 2 or (matrix.size and matrix.dtype.kind not in "iu"):
            raise ModelError(
                f"votes have shape {matrix.shape} and type {matrix.dtype}; expected integers in "
                "shape (texts, rules): the index of a class, or -1 for an abstention"
            )
        n_texts, n_rules = matrix.shape
        step = max(1, CELLS_AT_ONCE // max(n_rules, 1))
        counts = [np.zeros(1, np.int64)]
        rules: list[np.ndarray] = [np.empty(0, np.int32)]
        classes: list[np.ndarray] = [np.empty(0, np.int16)]
        for first in range(0, n_texts, step):
            part = matrix[first : first + step]
            cast = part != ABSTAIN
            counts.append(np.count_nonzero(cast, axis=1))
            rules.append(np.nonzero(cast)[1].astype(np.int32))
            classes.append(part[cast].astype(np.int16))
        return cls(
            np.cumsum(np.concatenate(counts)),
            np.concatenate(rules),
            np.concatenate(classes),
            n_rules,
        )

    @classmethod
    def of_columns(cls, columns: Iterable[Vote], n_texts: int) -> "SparseVotes":
        """The votes of one rule after another, each `(texts,)` with -1 for abstentions."""
        texts, classes, ends = [np.empty(0, np.int32)], [np.empty(0, np.int16)], [0]
        for column in columns:
            rows = np.flatnonzero(column != ABSTAIN)
            texts.append(rows.astype(np.int32))
            classes.append(column[rows])
            ends.append(ends[-1] + len(rows))
        n_rules = len(ends) - 1
        by_rule = (np.concatenate(classes), np.concatenate(texts), np.array(ends))
        by_text = sparse.csc_matrix(by_rule, (n_texts, n_rules)).tocsr()
        starts, rules = by_text.indptr.astype(np.int64), by_text.indices.astype(np.int32)
        return cls(starts, rules, by_text.data, n_rules)

    @classmethod
    def joined(cls, parts: "Sequence[SparseVotes]") -> "SparseVotes":
        """The votes of the same rules on the texts of all parts, of which there is at least one.

        >>> votes = SparseVotes.of(np.array([[-1, 2], [0, 1]]))
        >>> both = SparseVotes.joined([votes, votes])
        >>> both.starts.tolist(), both.classes.tolist()
        ([0, 1, 3, 4, 6], [2, 0, 1, 2, 0, 1])
        """
        if len(parts) == 1:
            return parts[0]
        terms = [part.by_term for part in parts if part.by_term]
        by_term = replace(terms[0], votes=cls.joined([t.votes for t in terms])) if terms else None
        return cls(
            np.concatenate([[0], np.cumsum(np.concatenate([part.n_votes for part in parts]))]),
            np.concatenate([part.rules for part in parts]),
            np.concatenate([part.classes for part in parts]),
            parts[0].n_rules,
            by_term,
            parts[0].members,
        )

    def __len__(self) -> int:
        """How many texts there are, including those without a vote."""
        return len(self.starts) - 1

    @property
    def n_votes(self) -> NDArray[np.int64]:
        """`(texts,)`: how many rules voted."""
        return np.diff(self.starts)

    @property
    def voters(self) -> "SparseVotes":
        """The votes of terms if these are named, otherwise the votes themselves."""
        if self.by_term is None:
            return self
        return replace(self.by_term.votes, members=self.members)

    @property
    def rule_of_voter(self) -> NDArray[np.int32]:
        """`(voters,)`: the rule that each of `voters` belongs to."""
        return self.by_term.rule_of if self.by_term else np.arange(self.n_rules, dtype=np.int32)

    def without_terms(self) -> "SparseVotes":
        """The same votes for models of whole rules, which rare terms would only make slow."""
        return replace(self, by_term=None)

    def take(self, rows: np.ndarray) -> "SparseVotes":
        """The votes on these texts, in the order of `rows`."""
        n_votes = self.n_votes[rows]
        starts = np.concatenate([[0], np.cumsum(n_votes)])
        indices = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], n_votes)
        terms = self.by_term.take(rows) if self.by_term else None
        rules, classes = self.rules[indices], self.classes[indices]
        return SparseVotes(starts, rules, classes, self.n_rules, terms, self.members)

    def indicators(self, n_classes: int) -> sparse.csr_matrix:
        """`(texts, rules * classes)` of 0 and 1: whether rule j voted for c, at j * classes + c.

        Most of what label models compute is a product with this matrix.
        """
        columns = self.rules.astype(np.int64) * n_classes + self.classes
        shape = (len(self), self.n_rules * n_classes)
        index = np.int32 if max(shape) < 2**31 and len(columns) < 2**31 else np.int64
        ones = np.ones(len(columns), dtype=np.float32)
        return sparse.csr_matrix((ones, columns.astype(index), self.starts.astype(index)), shape)

    def codes(self) -> NDArray[np.uint64]:
        """`(texts,)`: a number that is equal for two texts if all their votes are equal.

        If the votes name their terms, these must be equal too. The number is the sum of one random
        number for each (rule, class). Among ten million patterns, the probability that two
        different ones get the same sum is 3e-6.
        """
        if self.by_term:
            return self.by_term.votes.codes()
        n_classes = int(self.classes.max(initial=0)) + 1
        numbers = np.random.default_rng(0).integers(
            RANDOM_CODES, size=self.n_rules * n_classes, dtype=np.uint64
        )
        of_votes = numbers[self.rules * n_classes + self.classes]
        summed = np.concatenate([np.zeros(1, np.uint64), np.cumsum(of_votes)])
        sums: NDArray[np.uint64] = summed[self.starts[1:]] - summed[self.starts[:-1]]
        return sums


@dataclass(frozen=True)
class TermVotes:
    """The same votes, where each term of a rule (a word of a keyword rule) votes for itself.

    A rule without terms votes as a whole: it is a voter of its own. Terms that vote rarely share a
    voter with the other rare terms of their rule.
    """

    votes: SparseVotes
    """Voters in the place of rules; on a text, a rule that votes has at least one voter, and all of
    its voters vote for the class of the rule."""
    rule_of: NDArray[np.int32]  # (voters,): the rule that each belongs to
    bounds: NDArray[np.float64] | None = None
    """`(voters, 2)`: the least and the highest precision of each, where people's answers about
    words set them; None if nobody was asked."""

    def take(self, rows: np.ndarray) -> "TermVotes":
        """The votes on these texts, in the order of `rows`."""
        return replace(self, votes=self.votes.take(rows))


def as_sparse(votes: "Votes | SparseVotes", n_classes: int) -> SparseVotes:
    """The votes in the form that all label models compute with.

    Raises:
        ModelError: the votes are not `(texts, rules)` integers in [-1, n_classes) or, with
            `members`, codes.
    """
    votes = SparseVotes.of(votes)
    n_codes = n_classes if votes.members is None else len(votes.members)
    if len(votes.classes) and (votes.classes.min() < 0 or votes.classes.max() >= n_codes):
        least, most = votes.classes.min(), votes.classes.max()
        raise ModelError(
            f"votes range from {least} to {most}; expected classes from 0 to {n_classes - 1}, or "
            "-1 for an abstention"
        )
    return votes


def only_classes(votes: SparseVotes, n_classes: int, label_model: str) -> SparseVotes:
    """The votes for a label model that knows no parents.

    Raises:
        ModelError: a rule votes for a parent.
    """
    if votes.members is not None and (votes.classes >= n_classes).any():
        n = int((votes.classes >= n_classes).sum())
        raise ModelError(
            f"{n:,} votes are for parents, which stand for several classes; "
            f"label_model={label_model} only takes votes for classes: use label_model=auto, "
            "precision, dawid_skene or majority, or rules that vote for classes"
        )
    return replace(votes, members=None)
