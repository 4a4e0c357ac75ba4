"""What a query strategy takes and returns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from wsal.active.scores import margin
from wsal.arrays import Classes, Embeddings, Probs, Rows, Scores
from wsal.errors import DataError


@dataclass(frozen=True)
class Labelled:
    """The texts that people have labelled, with the current classifier's predictions.

    Raises:
        DataError: a number is NaN or infinite.
    """

    embeddings: Embeddings  # (labelled, dims), rows of length 1
    probs: Probs  # (labelled, classes)
    classes: Classes  # (labelled,): gold

    def __post_init__(self) -> None:
        _check_finite("labelled texts: embeddings", self.embeddings)
        _check_finite("labelled texts: probs", self.probs)

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class Candidates:
    """The texts that nobody has labelled yet, among which a strategy chooses.

    Raises:
        DataError: a number is NaN or infinite; the message names the first such row.
    """

    probs: Probs  # (texts, classes), by the current classifier
    embeddings: Embeddings  # (texts, dims), rows of length 1
    labelled: Labelled | None = None
    extra: Scores | None = None  # (texts,): added to the uncertainty of each text
    extra_reasons: Sequence[str] | None = None  # (texts,): why; "" where nothing is added
    groups: np.ndarray | None = None  # (texts,): near-duplicates share a whole number
    drawn: np.ndarray | None = None
    """`(texts,)` bool: drawn at random from the pool, not shortlisted as unsure; None: all were."""

    def __post_init__(self) -> None:
        _check_finite("candidates: probs", self.probs)
        _check_finite("candidates: embeddings", self.embeddings)
        if self.extra is not None:
            _check_finite("candidates: extra", self.extra)

    def __len__(self) -> int:
        return len(self.probs)

    @property
    def uncertainty(self) -> Scores:
        """How unsure the classifier is of each text: the margin score plus `extra`."""
        scores = margin(self.probs)
        return scores if self.extra is None else scores + self.extra

    def take(self, rows: Rows) -> "Candidates":
        """The candidates in these rows; `labelled` stays as it is."""
        reasons = self.extra_reasons
        return replace(
            self,
            probs=self.probs[rows],
            embeddings=self.embeddings[rows],
            extra=None if self.extra is None else self.extra[rows],
            extra_reasons=None if reasons is None else [reasons[row] for row in rows],
            groups=None if self.groups is None else self.groups[rows],
            drawn=None if self.drawn is None else self.drawn[rows],
        )


@dataclass(frozen=True)
class Selection:
    """The rows chosen, most wanted first, each with its score and a reason for people to read."""

    rows: Rows  # (query,)
    scores: Scores  # (query,)
    reasons: list[str]


@runtime_checkable
class QueryStrategy(Protocol):
    """Chooses rows of the candidates. Has settings but no state; draws only from `rng`."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """`size` distinct rows (all, if there are fewer)."""
        ...


def select_among(
    strategy: QueryStrategy,
    candidates: Candidates,
    rows: Rows,
    size: int,
    rng: np.random.Generator,
) -> Selection:
    """What a strategy chooses if only these rows are candidates, as rows of all candidates."""
    chosen = strategy.select(candidates.take(rows), size, rng)
    return replace(chosen, rows=rows[chosen.rows])


def concatenated(parts: Sequence[Selection]) -> Selection:
    """One selection after the other, as one."""
    return Selection(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.scores for part in parts]),
        [reason for part in parts for reason in part.reasons],
    )


def with_note(chosen: Selection, note: str) -> Selection:
    """The same selection, with a note after each reason."""
    return replace(chosen, reasons=[f"{reason}; {note}" for reason in chosen.reasons])


def _check_finite(name: str, values: np.ndarray) -> None:
    finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not finite.all():
        raise DataError(
            f"{name} of row {finite.argmin()} hold NaN or infinity, as do {(~finite).sum() - 1} "
            f"other rows of {len(values)}; expected finite numbers; train the classifier "
            "again, with a lower learning rate if it diverged"
        )
