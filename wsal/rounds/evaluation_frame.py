"""The frame: texts never trained on with a gold label, and what measures quality on them.

It is laid down with the first query and stays: answers of people outlive changed rules, and their
weights belong to the strata they were drawn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import gold_answers, rows_of
from wsal.arrays import Classes, Probs, Rows, Weights
from wsal.artifacts import Artifact
from wsal.evaluation.estimates import Sample
from wsal.evaluation.sampling import strata, top_up
from wsal.seeding import rng
from wsal.settings import EvaluationSettings

MOST_OF_POOL = 5  # the frame is at most one in so many texts
MOST_STRATA = 25  # a quarter of the labels
FIRST, WORTHWHILE = 100, 2_000
"""Texts asked for evaluation at first where there is no gold split, in pools of so many texts."""


@dataclass(frozen=True)
class Frame:
    """Rows of the pool, ascending, and the stratum of each."""

    rows: Rows
    stratum: Classes


def new_frame(pool: Artifact, embeddings: Artifact, size: int, seed: int) -> Frame:
    """A random part of the pool, in strata of what the weak-pretrained classifier says of it."""
    n = pool.facts["n_pool"]
    rows = np.sort(rng(seed, "frame").permutation(n)[: min(size, n // MOST_OF_POOL)])
    said = weak_probs(embeddings, rows)
    return Frame(rows, strata(said, MOST_STRATA) if len(rows) else np.empty(0, np.int64))


def write_frame(frame: Frame, pool: Artifact, path: Path) -> None:
    """Lay the frame down, by its texts."""
    texts = tables.take(pool.path / "pool.parquet", frame.rows).select("id", "text")
    tables.write(texts.with_columns(stratum=frame.stratum), path, tables.FRAME)


def read_frame(pool: Artifact, first_query: Artifact) -> Frame:
    """The frame of the first query; texts that left the pool since, or changed, are left out."""
    laid = tables.read(first_query.path / "frame.parquet", tables.FRAME)
    here = laid.with_columns(row=rows_of(pool, laid["text"])).drop_nulls("row")
    here = here.unique("row", keep="first").sort("row")
    return Frame(here["row"].to_numpy().astype(np.int64), here["stratum"].to_numpy())


def weak_probs(embeddings: Artifact, rows: Rows) -> Probs:
    """What the weak-pretrained classifier says of rows of the pool, `(rows, classes)`."""
    whole = np.load(embeddings.path / "probs.npy", mmap_mode="r", allow_pickle=False)
    probs: Probs = whole[rows].astype(np.float32)
    return probs


def frame_probs(embeddings: Artifact, classifier: Artifact, frame: Frame) -> Probs:
    """What a classifier says of the frame, `(frame, classes)`."""
    own = classifier.path / "frame_probs.npy"
    if not own.exists():
        return weak_probs(embeddings, frame.rows)
    probs: Probs = np.load(own, allow_pickle=False)
    return probs


def evaluation_rows(
    pool: Artifact, frame: Frame, said: Probs, taken: Rows, number: int,
    settings: EvaluationSettings, seed: int,
) -> Rows:  # fmt: skip
    """Positions in the frame of the texts to ask for evaluation in this round.

    `said` is what the newest classifier says of the frame: where it errs more, more is asked.
    """
    first = first_sample_size(pool, settings)
    n = first if number == 1 else settings.top_up if first else 0
    if not n or not len(frame.rows):
        return np.empty(0, np.int64)
    return top_up(frame.stratum, said, n, taken, rng(seed, "evaluation", number))


def first_sample_size(pool: Artifact, settings: EvaluationSettings) -> int:
    """Texts that the first round asks for evaluation; 0: there will be no evaluation sample."""
    split = pool.facts["n_test"] or pool.facts["n_dev"]
    wanted = 0 if split or pool.facts["n_pool"] < WORTHWHILE else FIRST
    return wanted if settings.size is None else settings.size


@dataclass(frozen=True)
class Reference:
    """Gold that quality is measured by; `place` says what is predicted: test, dev or frame."""

    place: str
    sample: Sample

    @property
    def name(self) -> str:
        """In words."""
        n = len(self.sample.rows)
        return (
            f"an evaluation sample of {n}" if self.place == "frame" else f"the {self.place} split"
        )

    def said(self, embeddings: Artifact, classifier: Artifact, frame: Frame) -> Probs:
        """What a classifier says of the texts that the sample is drawn from."""
        if self.place == "frame":
            return frame_probs(embeddings, classifier, frame)
        path = classifier.path / f"{self.place}_probs.npy"
        probs: Probs = np.load(path, allow_pickle=False)
        return probs


def choose_reference(
    pool: Artifact, frame: Frame, annotations: Sequence[Artifact], splits: Sequence[str]
) -> Reference | None:
    """By the evaluation sample, if people were asked for one; else by the first split there is."""
    known, gold = gold_answers(pool, annotations, tables.EVALUATE)
    inside = np.isin(known, frame.rows)
    if inside.any():
        held = pl.read_parquet(pool.path / "pool.parquet", columns=["n_copies"])["n_copies"]
        copies = held.to_numpy()[frame.rows].astype(np.float64)
        rows = np.searchsorted(frame.rows, known[inside])
        return Reference("frame", Sample(rows, gold[inside], frame.stratum, copies))
    for split in splits:
        if (pool.path / f"{split}.parquet").exists():
            gold, copies = gold_of(pool, split)
            whole = np.zeros(len(gold), np.int64)
            return Reference(split, Sample(np.arange(len(gold)), gold, whole, copies))
    return None


def gold_of(pool: Artifact, split: str) -> tuple[Classes, Weights]:
    """The gold label of each text of a split, and how many rows of the source it stands for."""
    records = tables.read(pool.path / f"{split}.parquet")
    weights = records["n_copies"].to_numpy().astype(np.float64)
    return records["label"].to_numpy().astype(np.int64), weights
