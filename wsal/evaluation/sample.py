"""The evaluation sample: gold labels of some texts of the frame, and what else is known of all."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wsal.arrays import Classes, Rows, Weights, is_indicator_matrix
from wsal.errors import DataError


@dataclass(frozen=True)
class Auxiliary:
    """Answers of a language model to texts of the frame. They are never gold, but may explain it.

    The texts it was asked about are a random part of each stratum. They may include more of the
    texts that people labelled than chance would: estimates are most precise where it was asked
    about all of these.
    """

    asked: np.ndarray  # (frame,): whether it was asked about the text
    answers: Classes  # (frame,): a class, or ABSTAIN where it named none or was not asked
    confidence: Weights  # (frame,): of the answer, in [0, 1]; it need not be calibrated


@dataclass(frozen=True)
class Sample:
    """Texts of the frame that people labelled, drawn at random within each stratum.

    A stratum without labels is merged with the one with labels whose number is nearest, so that
    the labels represent the whole frame; `n_merged` is how many strata were merged.

    Raises:
        DataError: there is no labelled text, or `rows` and `gold` differ in length.
    """

    rows: Rows  # (query,): positions in the frame
    gold: Classes  # (query,), or an indicator matrix; the number of classes: a text of no class
    stratum: Classes  # (frame,): numbered from 0
    copies: Weights | None = None  # (frame,): how many rows of the source each text stands for
    auxiliary: Auxiliary | None = None  # what a language model answered

    def __post_init__(self) -> None:
        if not len(self.rows) or len(self.rows) != len(self.gold):
            raise DataError(
                f"an evaluation sample has {len(self.rows)} texts and {len(self.gold)} gold "
                "labels; expected the same number of both, at least one"
            )

    @cached_property
    def merged(self) -> Classes:
        """The stratum of each text of the frame, without gaps; each has a labelled text."""
        sampled = np.unique(self.stratum[self.rows])
        distance = np.abs(np.arange(self.stratum.max() + 1)[:, None] - sampled)
        merged: Classes = distance.argmin(axis=1)[self.stratum]
        return merged

    @property
    def n_merged(self) -> int:
        """How many strata have texts but no label."""
        return len(np.unique(self.stratum)) - len(np.unique(self.merged))

    @cached_property
    def n_copies(self) -> Weights:
        """`copies`, or ones, `(frame,)`."""
        return np.ones(len(self.stratum)) if self.copies is None else self.copies

    @cached_property
    def sizes(self) -> Weights:
        """The texts in each stratum of `merged`, without those that stand for no row."""
        sizes: Weights = np.bincount(self.merged, self.n_copies > 0).astype(np.float64)
        return sizes

    @property
    def weights(self) -> Weights:
        """How many texts of the frame each labelled text stands for, `(query,)`: N_h / n_h."""
        stratum = self.merged[self.rows]
        return (self.sizes / np.bincount(stratum))[stratum]

    @cached_property
    def asked(self) -> Rows:
        """Texts of the frame that the language model was asked about, `(asked,)`."""
        if self.auxiliary is None:
            return np.empty(0, np.int64)
        return np.flatnonzero(self.auxiliary.asked)

    @cached_property
    def asked_weights(self) -> Weights:
        """Texts of the frame that each asked one stands for, `(asked,)`.

        In a stratum, that is the number of its texts divided by the number of those asked, times
        the share of its labelled texts that were asked about: the others say nothing about what
        the answers explain.
        """
        n = int(self.merged.max()) + 1
        stratum, labelled = self.merged[self.asked], self.merged[self.rows]
        is_asked = np.isin(self.rows, self.asked)
        share = np.bincount(labelled, is_asked, n) / np.bincount(labelled, minlength=n)
        sampled = np.bincount(stratum, minlength=n) / np.bincount(self.merged, minlength=n)
        weights: Weights = (share / np.maximum(sampled, 1e-12))[stratum]
        return weights


def whole_sample(gold: Classes, weights: Weights, n_classes: int | None = None) -> Sample:
    """A split of which every text has gold; `weights` are the rows each text stands for.

    With `n_classes`, texts whose gold is a parent stand for no row, so that nothing is estimated
    for them: the sample keeps them only so that positions are those of the split.
    """
    rows = np.arange(len(gold))
    if n_classes is not None and not is_indicator_matrix(gold):
        rows = np.flatnonzero(gold < n_classes)
    copies = np.zeros(len(gold))
    copies[rows] = weights[rows]
    return Sample(rows, gold[rows], np.zeros(len(gold), np.int64), copies)
