"""The frame: texts never trained on with a gold label, and what measures quality on them.

It is laid down with the first query and stays: answers of people outlive changed rules, and their
weights belong to the strata they were drawn from. Records that are appended get strata of their
own; see `frame_periods`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import coded_answers, rows_of
from wsal.annotation.multilabel_answers import answered_sets
from wsal.arrays import Classes, Probs, Rows, is_indicator_matrix
from wsal.artifacts import Artifact, Facts
from wsal.data.row_keys import keys_of_texts
from wsal.evaluation.sample import Auxiliary, Sample, whole_sample
from wsal.evaluation.sampling import NO_ROWS, strata, top_up
from wsal.multilabel import is_multilabel
from wsal.rounds.frame_periods import MOST_STRATA, Frame, frame_rows, period_weights
from wsal.rounds.known_probs import Look, known_probs, split_keys, split_probs
from wsal.rounds.split_gold import gold_of
from wsal.seeding import rng
from wsal.settings import EvaluationSettings
from wsal.shards import read_array

__all__ = ["Frame", "frame_rows"]  # besides what is defined here
FIRST, WORTHWHILE = 100, 2_000
"""Texts asked for evaluation at first where there is no gold split, in pools of so many texts."""


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


def write_frame(frame: Frame, pool: Artifact, path: Path, earlier: Artifact | None = None) -> Frame:
    """Lay the frame down, by its texts; returns it with the keys of these.

    Texts of the `earlier` query's frame that have left the pool stay in it: some come back.
    """
    texts = tables.take(pool.path / "pool.parquet", frame.rows, ["id", "text"])
    laid = [texts.with_columns(stratum=frame.stratum)]
    if earlier:
        before = tables.read(earlier.path / "frame.parquet", schemas.FRAME)
        laid.append(before.filter(rows_of(pool, before["text"]).is_null()))
    tables.write(pl.concat(laid), path, schemas.FRAME)
    return replace(frame, keys=keys_of_texts(texts["text"]))


def read_frame(pool: Artifact, query: Artifact) -> Frame:
    """The frame as a query laid it down; texts that left the pool since are left out."""
    laid = tables.read(query.path / "frame.parquet", schemas.FRAME)
    here = laid.with_columns(row=rows_of(pool, laid["text"])).drop_nulls("row")
    here = here.unique("row", keep="first").sort("row")
    rows, periods = here["row"].to_numpy().astype(np.int64), query.facts.get("periods", [""])
    return Frame(rows, here["stratum"].to_numpy(), tuple(periods), keys_of_texts(here["text"]))


def pool_probs(embeddings: Artifact) -> Probs:
    """The weak-pretrained classifier's predictions for the pool, memory-mapped."""
    probs: Probs = read_array(embeddings.path / "probs.npy")
    return probs


def frame_probs(
    embeddings: Artifact, classifier: Artifact, frame: Frame, look: Look | None = None
) -> Probs:
    """A classifier's predictions for the frame, `(frame, classes)`.

    It may not have seen texts that were appended after its training. For these, `look` predicts; or
    else, the weak-pretrained classifier's predictions stand in.
    """
    probs, missing = known_probs(classifier, "frame", frame.keys)
    if probs is None:
        return pool_probs(embeddings)[frame.rows].astype(np.float32)
    if len(missing):
        rows = frame.rows[missing]
        weak = pool_probs(embeddings)[rows].astype(np.float32)
        probs[missing] = look(classifier, "pool", rows) if look else weak
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
    covers: str = ""
    """Which part of these texts it covers, in words; empty: all of them."""
    coded: Sample | None = None
    """The same with the texts whose gold is a parent, if there are any: what levels measure by."""
    n_without_class: int = 0
    """Texts of no class in the evaluation sample that were left out."""

    @property
    def name(self) -> str:
        """What messages call it."""
        if self.place == "dev":
            return f"the dev split{self.covers}"
        n = self.n_without_class
        left_out = f" ({n} of no class left out)" if n else ""
        return f"an evaluation sample of {len(self.sample.rows)}{left_out}{self.covers}"

    def probs(
        self,
        embeddings: Artifact,
        classifier: Artifact,
        frame: Frame,
        pool: Artifact | None = None,
        look: Look | None = None,
    ) -> Probs:
        """A classifier's predictions for the texts that the sample is drawn from."""
        if self.place == "frame":
            return frame_probs(embeddings, classifier, frame, look)
        keys = split_keys(pool, self.place) if pool else None
        probs, missing = known_probs(classifier, self.place, keys)
        assert probs is not None  # noqa: S101  a classifier has those of all splits
        if look and len(missing):
            probs[missing] = look(classifier, self.place, missing)
        return probs[: len(self.sample.stratum)]


def choose_reference(
    pool: Artifact,
    frame: Frame,
    annotations: Sequence[Artifact],
    auxiliary: Auxiliary | None = None,
    classifier: Artifact | None = None,
    *,
    with_none: bool = False,
) -> Reference | None:
    """The evaluation sample, if people answered one; else the dev split; else None.

    Never the test split: a split that decides when to stop, or what to keep, is no test any more.
    `auxiliary` is what a language model answered on the frame. If a `classifier` is named, texts of
    dev that were appended after its training are left out. `with_none` keeps the texts of the
    evaluation sample that belong to no class; their code is `len(labels)`, which no prediction is.
    Where a text may have several classes, gold is an indicator matrix.
    """
    n_classes = len(pool.facts["labels"])
    if is_multilabel(pool.facts):
        rows, gold = answered_sets(pool, annotations, schemas.EVALUATE)
        is_flat = with_class = np.ones(len(rows), bool)
    else:
        rows, gold = coded_answers(pool, annotations, schemas.EVALUATE)
        is_flat, with_class = gold < n_classes + with_none, gold != n_classes
    n_left_out = 0 if with_none else int((np.isin(rows, frame.rows) & ~with_class).sum())
    if np.isin(rows[is_flat], frame.rows).any():
        copies = tables.take(pool.path / "pool.parquet", frame.rows, ["n_copies"])["n_copies"]
        weights = copies.to_numpy() * period_weights(pool.facts, frame)
        sample, coded = (
            frame_sample(frame, rows[chosen], gold[chosen], weights, auxiliary)
            for chosen in (is_flat, with_class)
        )
        if sample:
            coded = coded if (gold > n_classes).any() else None
            return Reference("frame", sample, frame.covers, coded, n_left_out)
    if (pool.path / "dev.parquet").exists():
        gold, weights = gold_of(pool, "dev")
        n = len(gold) if classifier is None else len(split_probs(pool, classifier, "dev"))
        n_new = len(gold) - n
        covers = f" without the {n_new:,} texts appended since" if n_new else ""
        gold, weights = gold[:n], weights[:n]
        if is_indicator_matrix(gold) or (gold < n_classes).any():
            sample = whole_sample(gold, weights, n_classes)
            coded = whole_sample(gold, weights) if len(sample.rows) < n else None
            return Reference("dev", sample, covers, coded)
    return None


def frame_sample(
    frame: Frame,
    rows: Rows,
    gold: Classes,
    n_copies: np.ndarray,
    auxiliary: Auxiliary | None = None,
) -> Sample | None:
    """The evaluation sample: answered rows of the pool that the frame has; None if it has none.

    `n_copies` `(frame,)` says how many rows of the source each text of the frame stands for, and
    how many texts of the pool if that differs; see `period_weights`.
    """
    inside = np.isin(rows, frame.rows)
    if not inside.any():
        return None
    positions = np.searchsorted(frame.rows, rows[inside])
    weights = n_copies.astype(np.float64)
    return Sample(positions, gold[inside], frame.stratum, weights, auxiliary)
