"""The evidence for rules that somebody wrote: where they vote, and how precise they seem.

A rule is judged by what naive Bayes makes of its texts, with every term left out that the rule
itself looks for, as mined terms are; and by gold labels and other rules on its texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import softmax
from scipy.stats import beta

from wsal.arrays import ABSTAIN, Votes
from wsal.rules.base import Rule, field_names
from wsal.rules.voting import collect_votes
from wsal.suggestion.mining import Term
from wsal.suggestion.suggest import FittedTerms, LabelledSample
from wsal.suggestion.terms import TRUST

LEVEL = 0.9  # of intervals
AT_ONCE = 100  # rules: bounds memory


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
    precision: float | None
    """Estimated share of right votes; None with too little gold to check estimates."""
    low: float | None
    high: float | None
    same_as: str | None
    """An existing rule that votes for the class on all of its texts."""

    def summary(self, sample: LabelledSample, *, rules: str = "other rules") -> str:
        """The evidence in words, without the number of texts."""
        parts = []
        if self.precision is not None:
            parts.append(
                f"estimated precision {self.precision:.2f} ({LEVEL:.0%} interval {self.low:.2f} "
                f"to {self.high:.2f})"
            )
        if self.n_gold:
            parts.append(f"gold: {self.n_right} of {self.n_gold} right")
        if n_voted := self.n_agree + self.n_conflict:
            agree, voted = sample.scaled(self.n_agree), sample.scaled(n_voted)
            parts.append(f"{rules} agree on {agree} of {voted} texts")
        return "; ".join(parts) or "precision unknown"

    def short(self, sample: LabelledSample) -> str:
        """The evidence for a single word, as mined words have it."""
        parts = [f"{sample.scaled(len(self.rows))} texts"]
        if self.precision is not None:
            parts.append(f"{self.precision:.2f}")
        if self.n_gold:
            parts.append(f"gold: {self.n_right} of {self.n_gold}")
        if n_voted := self.n_agree + self.n_conflict:
            parts.append(f"rules: {sample.scaled(self.n_agree)} of {sample.scaled(n_voted)}")
        return ", ".join(parts)


def judge(
    rules: Sequence[Rule], classes: Sequence[int], sample: LabelledSample, fitted: FittedTerms
) -> list[Evidence]:
    """The evidence for each rule; `classes` are those that the rules vote for."""
    term_texts = _term_records(fitted.terms, sample.records)
    judged: list[Evidence] = []
    for first in range(0, len(rules), AT_ONCE):
        by_name = {str(i): rule for i, rule in enumerate(rules[first : first + AT_ONCE])}
        votes = collect_votes(by_name, sample.records, sample.labels)
        own_terms = collect_votes(by_name, term_texts, sample.labels) != ABSTAIN
        judged += [
            _evidence(votes[:, j], own_terms[:, j], classes[first + j], sample, fitted)
            for j in range(len(by_name))
        ]
    return judged


def conflicts(votes: Votes, names: Sequence[str]) -> Mapping[int, tuple[str, int]]:
    """Rule -> the rule with which it has most conflicts, and on how many texts.

    >>> conflicts(np.array([[0, 1], [0, 1], [0, -1]], dtype=np.int16), ["tea", "pot"])
    {0: ('pot', 2), 1: ('tea', 2)}
    """
    worst = {}
    for j, vote in enumerate(votes.T):
        rows = np.flatnonzero(vote != ABSTAIN)
        others = votes[rows]
        counts = ((others != ABSTAIN) & (others != vote[rows, None])).sum(axis=0)
        if counts.any():
            other = int(counts.argmax())
            worst[j] = (names[other], int(counts[other]))
    return worst


def _evidence(
    vote: np.ndarray,
    own_terms: np.ndarray,
    label: int,
    sample: LabelledSample,
    fitted: FittedTerms,
) -> Evidence:
    rows = np.flatnonzero(vote != ABSTAIN)
    others = sample.votes[rows]
    voted = others != ABSTAIN
    conflict = (voted & (others != label)).any(axis=1)
    same = np.flatnonzero((others == label).all(axis=0))[: len(rows)]  # none of no texts
    gold = sample.gold[rows]
    n_gold, n_right = int((gold >= 0).sum()), int((gold == label).sum())
    precision = low = high = None
    if fitted.estimates.held_out is not None and len(rows):
        estimate = _estimate(rows, own_terms, label, fitted)
        right, wrong = TRUST * estimate + n_right, TRUST * (1 - estimate) + n_gold - n_right
        precision = right / (right + wrong)
        low, high = map(float, beta.interval(LEVEL, right, wrong))
    return Evidence(
        rows=rows,
        n_new=int((~voted.any(axis=1)).sum()),
        n_agree=int((voted.any(axis=1) & ~conflict).sum()),
        n_conflict=int(conflict.sum()),
        n_gold=n_gold,
        n_right=n_right,
        precision=precision,
        low=low,
        high=high,
        same_as=[*sample.nodes][same[0]] if len(same) else None,
    )


def _estimate(rows: np.ndarray, own_terms: np.ndarray, label: int, fitted: FittedTerms) -> float:
    """The mean probability of the class on these texts, without the rule's own terms."""
    scores = fitted.model.scores[rows]
    own = np.flatnonzero(own_terms)
    if len(own):
        scores = scores - fitted.matrix[rows][:, own] @ fitted.model.weights[own]
    share = softmax(scores, axis=1)[:, label].mean()
    return float(np.clip(fitted.estimates.corrected(share), 0.005, 0.995))


def _term_records(terms: Sequence[Term], records: pl.DataFrame) -> pl.DataFrame:
    """Each term as a record of its own, on which a rule votes if it looks for the term."""
    texts = pl.DataFrame({"text": [term.text for term in terms]}, schema={"text": pl.String})
    fields = pl.struct(pl.col("text").alias(name) for name in field_names(records))
    return texts.with_columns(id=pl.int_range(pl.len()).cast(pl.String), fields=fields)
