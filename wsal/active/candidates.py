"""What a query strategy is given, and what it gives back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from wsal.active.scores import margin
from wsal.arrays import Classes, Embeddings, Probs, Rows, Scores
from wsal.errors import DataError


@dataclass(frozen=True)
class Labelled:
    """The texts that people have labelled, as the current classifier sees them.

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
    """What is known of the texts that nobody has labelled yet.

    Raises:
        DataError: a number is NaN or infinite; the first row that holds one is named.
    """

    probs: Probs  # (texts, classes), by the current classifier
    embeddings: Embeddings  # (texts, dims), rows of length 1
    labelled: Labelled | None = None
    extra: Scores | None = None  # (texts,): to be added to how unsure the classifier is of a text
    extra_reasons: Sequence[str] | None = None  # (texts,): why; "" where nothing is added
    groups: np.ndarray | None = None  # (texts,): near-duplicates share a whole number
    samples: np.ndarray | None = None  # (passes, texts, classes): probs with dropout left on
    drawn: np.ndarray | None = None
    """`(texts,)` bool: drawn at random from all that are left, not listed as unsure; None: all."""

    def __post_init__(self) -> None:
        _check_finite("candidates: probs", self.probs)
        _check_finite("candidates: embeddings", self.embeddings)
        if self.extra is not None:
            _check_finite("candidates: extra", self.extra)
        if self.samples is not None:
            _check_finite("candidates: samples", self.samples.swapaxes(0, 1))

    def __len__(self) -> int:
        return len(self.probs)

    @property
    def doubt(self) -> Scores:
        """How unsure the classifier is of each text: its margin score, and what is extra."""
        scores = margin(self.probs)
        return scores if self.extra is None else scores + self.extra

    def take(self, rows: Rows) -> "Candidates":
        """Some of the candidates; what people have labelled stays."""
        reasons = self.extra_reasons
        return replace(
            self,
            probs=self.probs[rows],
            embeddings=self.embeddings[rows],
            extra=None if self.extra is None else self.extra[rows],
            extra_reasons=None if reasons is None else [reasons[row] for row in rows],
            groups=None if self.groups is None else self.groups[rows],
            samples=None if self.samples is None else self.samples[:, rows],
            drawn=None if self.drawn is None else self.drawn[rows],
        )


@dataclass(frozen=True)
class Selection:
    """The rows chosen, most wanted first, each with its score and a reason people can read."""

    rows: Rows  # (query,)
    scores: Scores  # (query,)
    reasons: list[str]


@runtime_checkable
class QueryStrategy(Protocol):
    """Picks rows of the candidates. Holds settings, never state; draws only from `rng`."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """`size` distinct rows (all, if there are fewer)."""
        ...


def among(
    strategy: QueryStrategy,
    candidates: Candidates,
    rows: Rows,
    size: int,
    rng: np.random.Generator,
) -> Selection:
    """What a strategy picks if only some rows are candidates; rows of all candidates."""
    chosen = strategy.select(candidates.take(rows), size, rng)
    return replace(chosen, rows=rows[chosen.rows])


def joined(parts: Sequence[Selection]) -> Selection:
    """Selections one after the other."""
    return Selection(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.scores for part in parts]),
        [reason for part in parts for reason in part.reasons],
    )


def noted(chosen: Selection, note: str) -> Selection:
    """The same selection, a note behind each reason."""
    return replace(chosen, reasons=[f"{reason}; {note}" for reason in chosen.reasons])


def _check_finite(what: str, values: np.ndarray) -> None:
    finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not finite.all():
        raise DataError(
            f"{what} of row {finite.argmin()} hold NaN or infinity, as do {(~finite).sum() - 1} "
            f"other rows of {len(values)}; expected finite numbers: train the classifier anew, "
            "with a lower learning rate if it diverged"
        )
