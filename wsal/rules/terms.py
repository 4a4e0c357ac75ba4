"""Which terms of a rule (the words of a keyword rule, for example) cast its votes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsal.arrays import Votes


@dataclass(frozen=True)
class Terms:
    """An entry for each (record, rule, term) that cast a vote, sorted in this order."""

    rows: NDArray[np.int32]
    rules: NDArray[np.int32]
    """Columns of the votes."""
    terms: NDArray[np.int32]
    """Positions in the `term_names()` of the rule."""

    @classmethod
    def of(cls, rows: np.ndarray, rules: np.ndarray, terms: np.ndarray) -> "Terms":
        """The entries in order, each of them once.

        >>> Terms.of(np.array([1, 0, 1]), np.array([0, 2, 0]), np.array([5, 4, 5])).terms.tolist()
        [4, 5]
        """
        n_rules, n_terms = int(rules.max(initial=0)) + 1, int(terms.max(initial=0)) + 1
        numbers = np.sort((rows.astype(np.int64) * n_rules + rules) * n_terms + terms)
        numbers = numbers[np.diff(numbers, prepend=-1) > 0]  # np.unique takes ten times as long
        pairs, terms = np.divmod(numbers, n_terms)
        rows, rules = np.divmod(pairs, n_rules)
        return cls(rows.astype(np.int32), rules.astype(np.int32), terms.astype(np.int32))

    @classmethod
    def none(cls) -> "Terms":
        """No entry."""
        empty = np.empty(0, dtype=np.int32)
        return cls(empty, empty, empty)

    @classmethod
    def joined(cls, parts: Sequence["Terms"]) -> "Terms":
        """The entries of all parts, in order."""
        parts = [part for part in parts if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else cls.none()
        return cls.of(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.rules for part in parts]),
            np.concatenate([part.terms for part in parts]),
        )

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self.rows)

    def at(self, columns: Sequence[int]) -> "Terms":
        """The same where rule j is in column `columns[j]`; the columns must be ascending."""
        return Terms(self.rows, np.asarray(columns, dtype=np.int32)[self.rules], self.terms)

    def shifted(self, first: int) -> "Terms":
        """The same where row 0 is row `first`."""
        return Terms(self.rows + np.int32(first), self.rules, self.terms)


@dataclass(frozen=True)
class Voted:
    """Votes, and the terms that cast them.

    A rule that has terms casts each of its votes by at least one term.
    """

    votes: Votes
    """`(records, rules)`."""
    terms: Terms

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.votes)


def term_names(rules: Mapping[str, object]) -> list[tuple[str, ...]]:
    """The names of each rule's terms; empty for a rule without terms."""
    return [
        tuple(rule.term_names()) if hasattr(rule, "term_names") else () for rule in rules.values()
    ]
