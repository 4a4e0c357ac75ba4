"""The frame: texts never trained on with a gold label, and what measures quality on them.

It is laid down with the first query and stays: answers of people outlive changed rules, and their
weights belong to the strata they were drawn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import coded_answers, rows_of
from wsal.arrays import Classes, Probs, Rows, Weights
from wsal.artifacts import Artifact, Facts
from wsal.evaluation.sample import Auxiliary, Sample
from wsal.evaluation.sampling import NO_ROWS, strata, top_up
from wsal.seeding import random_rows, rng
from wsal.settings import EvaluationSettings
from wsal.shards import read_array

MOST_OF_POOL = 5  # the frame is at most one in so many texts
MOST_STRATA = 25  # a quarter of the labels
FIRST, WORTHWHILE = 100, 2_000
"""Texts asked for evaluation at first where there is no gold split, in pools of so many texts."""


@dataclass(frozen=True)
class Frame:
    """Rows of the pool, ascending, and the stratum of each."""

    rows: Rows
    stratum: Classes


def new_frame(probs: Probs, size: int, seed: int, trained_on: Rows = NO_ROWS) -> Frame:
    """A random part of the pool, at most a fifth, in strata by the weak-pretrained classifier.

    Args:
        probs: its predictions for the whole pool, `(texts, classes)`, perhaps memory-mapped.
        size: the most texts.
        seed: of the draw.
        trained_on: rows that cannot measure any more. Usually none of them is drawn: the stage
            `ask` leaves the frame out, but knew of another one if rounds were deleted since.
    """
    rows = np.setdiff1d(frame_rows(len(probs), size, seed), trained_on)
    if not len(rows):
        return Frame(rows, np.empty(0, np.int64))
    return Frame(rows, strata(probs[rows].astype(np.float32), MOST_STRATA))


def frame_rows(n_texts: int, size: int, seed: int) -> Rows:
    """The rows of a new frame, ascending."""
    return np.sort(random_rows(n_texts, min(size, n_texts // MOST_OF_POOL), rng(seed, "frame")))


def write_frame(frame: Frame, pool: Artifact, path: Path) -> None:
    """Lay the frame down, by its texts."""
    texts = tables.take(pool.path / "pool.parquet", frame.rows, ["id", "text"])
    tables.write(texts.with_columns(stratum=frame.stratum), path, schemas.FRAME)


def read_frame(pool: Artifact, first_query: Artifact) -> Frame:
    """The frame of the first query; texts that left the pool since, or changed, are left out."""
    laid = tables.read(first_query.path / "frame.parquet", schemas.FRAME)
    here = laid.with_columns(row=rows_of(pool, laid["text"])).drop_nulls("row")
    here = here.unique("row", keep="first").sort("row")
    return Frame(here["row"].to_numpy().astype(np.int64), here["stratum"].to_numpy())


def pool_probs(embeddings: Artifact) -> Probs:
    """The weak-pretrained classifier's predictions for the pool, memory-mapped."""
    probs: Probs = read_array(embeddings.path / "probs.npy")
    return probs


def frame_probs(embeddings: Artifact, classifier: Artifact, frame: Frame) -> Probs:
    """A classifier's predictions for the frame, `(frame, classes)`."""
    fine_tuned = classifier.path / "frame_probs.npy"
    if not fine_tuned.exists():
        return pool_probs(embeddings)[frame.rows].astype(np.float32)
    probs: Probs = np.load(fine_tuned, allow_pickle=False)
    return probs


def evaluation_rows(
    frame: Frame,
    probs: Probs,
    is_asked: np.ndarray,
    n: int,
    number: int,
    seed: int,
    answered: Rows | None = None,
) -> Rows:
    """Positions in the frame of `n` texts to ask for evaluation in round `number`.

    `probs` are the newest classifier's for the frame: where it errs more, more is asked.
    `is_asked` `(frame,)` says which texts were asked before. `answered` are positions of texts that
    a language model was asked about: they come first within their strata, as its answers make the
    estimates more precise only where people's labels show how good they are.
    """
    if not n or not len(frame.rows):
        return np.empty(0, np.int64)
    asked = np.flatnonzero(is_asked)
    draw, first = rng(seed, "evaluation", number), NO_ROWS if answered is None else answered
    return top_up(frame.stratum, probs, n, asked, draw, first)


def sample_size(pool: Facts, settings: EvaluationSettings, number: int) -> int:
    """Texts to ask for evaluation in round `number`; 0: there is no evaluation sample.

    `pool` has `n_pool`, `n_dev` and `n_test`: with a gold split there is no need for a sample.
    """
    has_gold = bool(pool["n_test"] or pool["n_dev"])
    first = 0 if has_gold or pool["n_pool"] < WORTHWHILE else FIRST
    if settings.size is not None:
        first = settings.size
    if number == 1:
        return first
    return settings.top_up if first else 0


@dataclass(frozen=True)
class Reference:
    """Gold that quality is measured by."""

    place: Literal["frame", "dev"]  # where its texts come from
    sample: Sample
    n_without_class: int = 0  # texts of the evaluation sample that were left out

    @property
    def name(self) -> str:
        """What messages call it."""
        if self.place == "dev":
            return "the dev split"
        n = self.n_without_class
        left_out = f" ({n} of no class left out)" if n else ""
        return f"an evaluation sample of {len(self.sample.rows)}{left_out}"

    def probs(self, embeddings: Artifact, classifier: Artifact, frame: Frame) -> Probs:
        """A classifier's predictions for the texts that the sample is drawn from."""
        if self.place == "frame":
            return frame_probs(embeddings, classifier, frame)
        path = classifier.path / f"{self.place}_probs.npy"
        probs: Probs = np.load(path, allow_pickle=False)
        return probs


def choose_reference(
    pool: Artifact,
    frame: Frame,
    annotations: Sequence[Artifact],
    auxiliary: Auxiliary | None = None,
    *,
    with_none: bool = False,
) -> Reference | None:
    """The evaluation sample, if people answered one; else the dev split; else None.

    Never the test split: a split that decides when to stop, or what to keep, is no test any more.
    `auxiliary` is what a language model answered on the frame. `with_none` keeps the texts of the
    evaluation sample that belong to no class; their code is `len(labels)`, which no prediction is.
    """
    rows, gold = coded_answers(pool, annotations, schemas.EVALUATE)
    n_classes = len(pool.facts["labels"])
    n_left_out = 0 if with_none else int((np.isin(rows, frame.rows) & (gold == n_classes)).sum())
    known = gold < n_classes + with_none
    rows, gold = rows[known], gold[known]
    if np.isin(rows, frame.rows).any():
        copies = tables.take(pool.path / "pool.parquet", frame.rows, ["n_copies"])["n_copies"]
        if sample := frame_sample(frame, rows, gold, copies.to_numpy(), auxiliary):
            return Reference("frame", sample, n_left_out)
    if (pool.path / "dev.parquet").exists():
        return Reference("dev", whole_sample(*gold_of(pool, "dev")))
    return None


def whole_sample(gold: Classes, weights: Weights) -> Sample:
    """A split of which every text has gold; `weights` are the rows each text stands for."""
    return Sample(np.arange(len(gold)), gold, np.zeros(len(gold), np.int64), weights)


def frame_sample(
    frame: Frame,
    rows: Rows,
    gold: Classes,
    n_copies: np.ndarray,
    auxiliary: Auxiliary | None = None,
) -> Sample | None:
    """The evaluation sample: answered rows of the pool that the frame has; None if it has none.

    `n_copies` `(frame,)` says how many rows of the source each text of the frame stands for.
    """
    inside = np.isin(rows, frame.rows)
    if not inside.any():
        return None
    positions = np.searchsorted(frame.rows, rows[inside])
    weights = n_copies.astype(np.float64)
    return Sample(positions, gold[inside], frame.stratum, weights, auxiliary)


def gold_of(pool: Artifact, split: str) -> tuple[Classes, Weights]:
    """`gold_in` for a split of the pool's artifact."""
    return gold_in(tables.read(pool.path / f"{split}.parquet"))


def gold_in(records: pl.DataFrame) -> tuple[Classes, Weights]:
    """The class of each record, and how many rows of the source it stands for."""
    weights = records["n_copies"].to_numpy().astype(np.float64)
    return records["label"].to_numpy().astype(np.int64), weights
