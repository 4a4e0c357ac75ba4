"""Two runs, measured on the texts that both left out of training, and that both can predict."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Classes, Probs, Rows
from wsal.evaluation.estimates import Estimate, gain
from wsal.evaluation.sample import Auxiliary, Sample
from wsal.evaluation.sampling import NO_ROWS
from wsal.inspection.judged import judged_texts
from wsal.inspection.run_view import RunView
from wsal.labels import LabelSet
from wsal.rounds.assessment import LEVEL, METRICS, Metric
from wsal.rounds.evaluation_frame import Frame, Reference
from wsal.seeding import rng

LEAST = 30  # texts with gold that two runs must share to be measured on the same


@dataclass(frozen=True)
class Measured:
    """The newest classifier of a run, and what measures it."""

    labels: LabelSet
    seed: int
    reference: Reference
    texts: pl.Series  # (frame,): of the evaluation frame, or of the dev split
    probs: Probs  # (frame, classes)

    @cached_property
    def estimates(self) -> dict[Metric, Estimate]:
        """Both metrics, as the stage `assess` has them."""
        sample = self.reference.sample
        return {
            name: estimate(sample, self.probs, rng(self.seed, "assess", name), LEVEL)
            for name, estimate in METRICS.items()
        }


@dataclass(frozen=True)
class Pair:
    """Two classifiers on the same texts, of which a sample has gold."""

    labels: LabelSet  # the classes of both runs
    place: Literal["frame", "dev"]
    sample: Sample
    first: Probs  # (frame, classes)
    second: Probs  # (frame, classes)
    n_contradicting: int  # texts left out because their gold differs between the runs

    @property
    def n_texts(self) -> int:
        """How many texts have gold."""
        return len(self.sample.rows)

    def difference(self, metric: Metric) -> Estimate:
        """How much better the second is than the first, in [-1, 1], with a 90% interval."""
        draw = rng(0, "compare", metric)
        return gain(self.sample, self.first, self.second, metric, draw, LEVEL)


def measured(view: RunView) -> Measured | None:
    """What measures a run; None without a classifier, or if nothing measures it."""
    judged = judged_texts(view)
    if judged is None:
        return None
    reference, frame = judged.reference, view.measured or Frame(NO_ROWS, NO_ROWS)
    if reference.place == "frame":
        table = tables.take(view.pool.path / "pool.parquet", frame.rows, ["text"])
        texts = table["text"]
    else:
        texts = tables.column(view.pool.path / f"{reference.place}.parquet", "text")
    seed = int(view.config["seed"])
    return Measured(view.labels, seed, reference, texts, judged.frame_probs)


def pair(first: Measured, second: Measured) -> Pair | None:
    """Both runs on the texts that measure both; None if they share fewer than `LEAST` with gold.

    Two evaluation samples may differ although they were drawn from the same frame. Then the larger
    one measures both runs: neither classifier was trained on it, and its weights hold.
    """
    if first.reference.place != second.reference.place:
        return None
    order = [first, second]
    if len(second.reference.sample.rows) > len(first.reference.sample.rows):
        order.reverse()
    base, other = order
    at = pl.DataFrame({"text": other.texts, "at": np.arange(len(other.texts))})
    matches = base.texts.to_frame("text").join(
        at.unique("text"), on="text", how="left", maintain_order="left"
    )["at"]
    kept = np.flatnonzero(matches.is_not_null().to_numpy())
    there = matches.drop_nulls().to_numpy().astype(np.int64)
    names = tuple(dict.fromkeys([*first.labels.names, *second.labels.names]))
    sample, n_contradicting = _shared_sample(base, other, kept, there, names)
    if sample is None:
        return None
    before, after = _on(base, kept, names), _on(other, there, names)
    if base is second:
        before, after = after, before
    return Pair(LabelSet(names), base.reference.place, sample, before, after, n_contradicting)


def _shared_sample(
    base: Measured, other: Measured, kept: Rows, there: Rows, names: tuple[str, ...]
) -> tuple[Sample | None, int]:
    """The sample of `base` on the texts `kept`, and how many texts have another class in `other`.

    `there` are the positions of these texts in the other run.
    """
    sample = base.reference.sample
    position = np.full(len(base.texts), -1)
    position[kept] = np.arange(len(kept))
    rows, gold = position[sample.rows], _named(base.labels, names)[sample.gold]
    others = np.full(len(other.texts), -1)
    theirs = other.reference.sample
    others[theirs.rows] = _named(other.labels, names)[theirs.gold]
    also = np.where(rows >= 0, others[there[rows]] if len(there) else -1, -1)
    contradicts = (also >= 0) & (also != gold)
    used = (rows >= 0) & ~contradicts
    if used.sum() < LEAST:
        return None, int(contradicts.sum())
    auxiliary = sample.auxiliary and Auxiliary(
        sample.auxiliary.asked[kept],
        _answers(sample.auxiliary.answers[kept], _named(base.labels, names)),
        sample.auxiliary.confidence[kept],
    )
    shared = Sample(rows[used], gold[used], sample.stratum[kept], sample.n_copies[kept], auxiliary)
    return shared, int(contradicts.sum())


def _named(labels: LabelSet, names: tuple[str, ...]) -> Classes:
    """The position of each class among the names."""
    return np.array([names.index(name) for name in labels.names], dtype=np.int64)


def _answers(answers: Classes, named: Classes) -> Classes:
    return np.where(answers >= 0, named[answers], answers)


def _on(run: Measured, rows: Rows, names: tuple[str, ...]) -> Probs:
    """Its predictions in these rows; classes that it does not know have probability 0."""
    probs = np.zeros((len(rows), len(names)), dtype=np.float32)
    probs[:, _named(run.labels, names)] = run.probs[rows]
    return probs
