"""The evidence for rules that were written: where they vote, and how precise they seem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wsal.arrays import ABSTAIN
from wsal.rules.base import Rule
from wsal.rules.voting import collect_votes
from wsal.suggestion.rule_precision import count_votes, fit_prior
from wsal.suggestion.suggest import LabelledSample
from wsal.suggestion.terms import MIN_GOLD

AT_ONCE = 200  # rules: bounds memory


@dataclass(frozen=True)
class Evidence:
    """What is known of one rule; numbers of texts are of the sample."""

    rows: np.ndarray
    """The texts on which it votes, `(hits,)`."""
    n_new: int
    """How many of them have no vote of an existing rule."""
    n_agree: int
    """Texts on which other rules vote, all of them for the same class."""
    n_conflict: int
    """Texts on which another rule votes for another class."""
    n_gold: int
    n_right: int
    precision: tuple[float, float, float] | None
    """Estimate and 90% interval of the share of right votes; None with too little gold."""
    same_as: str | None
    """An existing rule that votes for the class on all of its texts."""

    def summary(self, sample: LabelledSample) -> str:
        """The evidence in words, without the number of texts."""
        parts = []
        if self.precision is not None:
            value, low, high = self.precision
            parts.append(f"estimated precision {value:.2f} ({low:.2f} to {high:.2f})")
        if self.n_gold:
            parts.append(f"gold: {self.n_right} of {self.n_gold} right")
        if n_voted := self.n_agree + self.n_conflict:
            agree, voted = sample.scaled(self.n_agree), sample.scaled(n_voted)
            parts.append(f"other rules agree on {agree} of {voted} texts")
        return "; ".join(parts) or "its texts have neither gold labels nor votes of other rules"

    def short(self, sample: LabelledSample) -> str:
        """The evidence for a single word."""
        parts = [f"{sample.scaled(len(self.rows))} texts"]
        if self.precision is not None:
            value, low, high = self.precision
            parts.append(f"{value:.2f} ({low:.2f} to {high:.2f})")
        if self.n_gold:
            parts.append(f"gold: {self.n_right} of {self.n_gold}")
        return ", ".join(parts)


def judge(rules: Sequence[Rule], classes: Sequence[int], sample: LabelledSample) -> list[Evidence]:
    """The evidence for each rule. `classes` are those that the rules vote for.

    Precision is estimated for rules that look for one word or pattern each: rules that look for
    many agree with each other less often, so that estimates would be too low.
    """
    rows: list[np.ndarray] = []
    for first in range(0, len(rules), AT_ONCE):
        by_name = {str(i): rule for i, rule in enumerate(rules[first : first + AT_ONCE])}
        columns = collect_votes(by_name, sample.records, sample.labels).T
        rows += [np.flatnonzero(column != ABSTAIN) for column in columns]
    votes = count_votes(
        rows, np.array(classes, dtype=int), sample.votes, sample.gold, sample.labels
    )
    estimates = np.stack(fit_prior(votes).precision(votes), axis=1)
    is_known = (sample.gold >= 0).sum() >= MIN_GOLD
    uncovered = (sample.votes == ABSTAIN).all(axis=1)
    return [
        Evidence(
            rows=hits,
            n_new=int(uncovered[hits].sum()),
            n_agree=int(votes.n_agree[rule]),
            n_conflict=int(votes.n_conflict[rule]),
            n_gold=int(votes.n_gold[rule]),
            n_right=int(votes.n_right[rule]),
            precision=tuple(estimates[rule].tolist()) if is_known else None,
            same_as=_same_as(hits, classes[rule], sample),
        )
        for rule, hits in enumerate(rows)
    ]


def conflicts(
    rows: Sequence[np.ndarray], classes: Sequence[int], n_texts: int
) -> Mapping[int, tuple[int, int]]:
    """Rule -> the rule for another class that votes on most of its texts, and on how many.

    >>> conflicts([np.array([0, 1, 2]), np.array([0, 1]), np.array([0])], [0, 1, 0], 3)
    {0: (1, 2), 1: (0, 2), 2: (1, 1)}
    """
    hits = np.zeros((n_texts, len(rows)), dtype=bool)
    for rule, texts in enumerate(rows):
        hits[texts, rule] = True
    worst = {}
    for rule, texts in enumerate(rows):
        counts = hits[texts].sum(axis=0) * (np.array(classes) != classes[rule])
        if counts.any():
            worst[rule] = (int(counts.argmax()), int(counts.max()))
    return worst


def _same_as(rows: np.ndarray, label: int, sample: LabelledSample) -> str | None:
    """The first existing rule that votes for the class on all of these texts; None if none does."""
    if not len(rows):
        return None
    same = np.flatnonzero((sample.votes[rows] == label).all(axis=0))
    return [*sample.nodes][same[0]] if len(same) else None
