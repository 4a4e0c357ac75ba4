"""Texts whose class is known and that the newest classifier was not trained on, and predictions."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.proxy import Proxy, fit_proxy
from wsal.arrays import Classes, Probs, Weights
from wsal.evaluation.sampling import NO_ROWS
from wsal.inspection.run_view import RunView
from wsal.rounds.evaluation_frame import Frame, Reference, choose_reference, frame_probs, pool_probs
from wsal.rounds.llm_answers import frame_answers
from wsal.shards import read_array


@dataclass(frozen=True)
class Judged:
    """Texts that measure the newest classifier: the evaluation sample, or the dev split.

    Texts of the test split are never here: what people change after looking at them could not be
    measured by it any more.
    """

    reference: Reference
    records: pl.DataFrame  # id, text, n_copies, fields
    gold: Classes  # (texts,)
    probs: Probs  # (texts, classes)
    weights: Weights  # (texts,): how many texts each stands for
    frame_probs: Probs  # (frame, classes): of all texts that the sample was drawn from

    @property
    def predicted(self) -> Classes:
        """The predicted class of each text, `(texts,)`."""
        predicted: Classes = self.probs.argmax(axis=1)
        return predicted

    @property
    def wrong(self) -> np.ndarray:
        """Whether the prediction is not the gold class, `(texts,)`."""
        wrong: np.ndarray = self.predicted != self.gold
        return wrong


def judged_texts(view: RunView) -> Judged | None:
    """What measures the newest classifier; None if there is no classifier, or nothing measures."""
    embeddings, classifiers = view.artifact("embed"), view.classifiers
    if embeddings is None or not classifiers:
        return None
    frame = view.measured or Frame(NO_ROWS, NO_ROWS)
    auxiliary = frame_answers(view.pool, view.artifact("ask"), frame)
    reference = choose_reference(
        view.pool, frame, view.of_rounds("annotate"), auxiliary, classifiers[-1]
    )
    if reference is None:
        return None
    sample = reference.sample
    frame_probs = reference.probs(embeddings, classifiers[-1], frame, view.pool)
    probs = frame_probs[sample.rows]
    rows = frame.rows[sample.rows] if reference.place == "frame" else sample.rows
    split = "pool" if reference.place == "frame" else reference.place
    columns = ["id", "text", "n_copies", "fields"]
    records = tables.take(view.pool.path / f"{split}.parquet", rows, columns)
    weights = sample.weights * sample.n_copies[sample.rows]
    return Judged(reference, records, sample.gold, probs, weights, frame_probs)


def pool_model(view: RunView) -> Proxy | None:
    """A linear stand-in for the newest classifier, which predicts from embeddings of the pool.

    The classifier itself would take minutes to hours for the whole pool. None before the pool is
    embedded and has a frame.
    """
    embeddings, frame, classifiers = view.artifact("embed"), view.frame, view.classifiers
    if embeddings is None or frame is None or not len(frame.rows) or not classifiers:
        return None
    vectors = read_array(embeddings.path / "embeddings.npy")
    return fit_proxy(vectors[frame.rows], frame_probs(embeddings, classifiers[-1], frame))


def predict_rows(view: RunView, rows: np.ndarray) -> Probs | None:
    """Predictions for rows of the pool, `(rows, classes)`, by `pool_model`.

    Without a frame, the weak-pretrained classifier's; None before the pool is embedded.
    """
    embeddings = view.artifact("embed")
    if embeddings is None:
        return None
    if model := pool_model(view):
        return model.predict(read_array(embeddings.path / "embeddings.npy")[rows])
    probs: Probs = pool_probs(embeddings)[rows].astype(np.float32)
    return probs
