"""Second pass of `wsal predict`: each distinct text of a partition is predicted once.

The output, `answers.npy`, has an answer for each text of each block of the first pass, in their
order, so that the third pass reads what it needs from one place.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from wsal.arrays import Probs, Scores
from wsal.launch.sealing import Facts, Shard, WorkOnShard
from wsal.serving.backends import Model
from wsal.serving.distinct import read_partition
from wsal.serving.engine import Engine
from wsal.serving.exported import Exported
from wsal.serving.predictions import top_classes
from wsal.serving.student import Student, load_student
from wsal.serving.summaries import summarise
from wsal.serving.trusted_nodes import FIELDS
from wsal.serving.words import Words

AT_ONCE = 10_000  # texts; a kill loses no more
ANSWERS = "answers.npy"
SAMPLE_TEXTS, SAMPLE_ANSWERS, STUDENT = "sample.arrow", "sample.npy", "student.safetensors"


def answers_dtype(top: int, exported: Exported) -> np.dtype:
    """An answer: the `top` likeliest classes, their probabilities, and if it is the student's.

    `none` is the score by which the text is rejected; 0 where the model rejects none, and NaN where
    the answer is the student's, which computes no score, and rejects no text. With a class
    tree also the trusted node, and its probability.
    """
    fields = [("classes", "<i4", (top,)), ("probs", "<f4", (top,)), ("none", "<f4")]
    fields.append(("student", "?"))
    return np.dtype([*fields, *FIELDS] if exported.tree else fields)


@dataclass(frozen=True)
class Known:
    """What is known before the second pass begins."""

    texts: pa.Array
    """Distinct texts that the classifier has answered."""
    answers: np.ndarray
    student: Student | None

    @classmethod
    def read(cls, folder: Path) -> "Known":
        """What `wsal.serving.cascade.fit_cascade` wrote."""
        answers = np.load(folder / SAMPLE_ANSWERS, allow_pickle=False)
        path = folder / STUDENT
        student = load_student(path) if path.exists() else None
        return cls(read_sample(folder / SAMPLE_TEXTS), answers, student)


def read_sample(path: Path) -> pa.Array:
    """The texts of the sample."""
    with pa.memory_map(str(path)) as memory, pa.ipc.open_file(memory) as reader:
        return reader.get_batch(0).column(0)


@dataclass(frozen=True)
class AnswerWork:
    """From the texts of a partition to their answers."""

    uses_gpu: ClassVar = True
    model: Model
    texts: Path
    """`texts.arrow` of the first pass."""
    n_partitions: int
    top: int
    known: Path | None
    """A folder with the answers to a sample, and perhaps a student."""
    summary: bool = False
    """Whether the facts of each partition have the summary of its texts."""

    def start(self) -> WorkOnShard:
        """Load the classifier and the student."""
        engine = replace(self.model.open(), spreads=False)
        known = Known.read(self.known) if self.known else None
        words = Words.read(engine.exported.folder) if self.summary else None

        def work(shard: Shard) -> Facts:
            distinct, text_of_row = read_partition(self.texts, shard.number, self.n_partitions)
            answers = np.empty(len(distinct), answers_dtype(self.top, engine.exported))
            left = np.arange(len(distinct))
            if known is not None:
                at = pc.fill_null(pc.index_in(distinct, known.texts), -1).to_numpy()
                answers[at >= 0] = known.answers[at[at >= 0]]
                left = np.flatnonzero(at < 0)
            student = known.student if known else None
            done = _in_parts(engine, student, distinct.take(pa.array(left)), self.top, shard)
            for first, part in done:
                answers[left[first : first + len(part)]] = part
                shard.advance(len(part))
            np.save(shard.folder / ANSWERS, answers[text_of_row])
            facts: Facts = {"n_texts": len(distinct), "n_student": int(answers["student"].sum())}
            if self.summary:
                best = answers["classes"][:, 0].astype(np.int64), answers["probs"][:, 0]
                texts = pl.Series(pl.from_arrow(distinct))
                facts["summary"] = summarise(engine.exported, words, texts, *best).facts()
            return facts

        return work


def _in_parts(
    engine: Engine, student: Student | None, texts: pa.Array, top: int, shard: Shard
) -> Iterator[tuple[int, np.ndarray]]:
    """The answers of `AT_ONCE` texts at a time; those that an earlier call kept are read.

    The next texts are tokenised while the engine works on these.
    """

    def prepared() -> Iterator[tuple[int, Path, list[np.ndarray] | None]]:
        for first in range(0, len(texts), AT_ONCE):
            path = shard.parts / f"{first:012}.npy"
            some = texts[first : first + AT_ONCE]
            kept = path.exists()
            yield first, path, None if kept else engine.exported.pieces(some.to_pylist())

    ahead = prepared()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, ahead, None)
        while (ready := waiting.result()) is not None:
            waiting = thread.submit(next, ahead, None)
            first, path, pieces = ready
            if pieces is None:
                yield first, np.load(path, allow_pickle=False)
                continue
            answers = answer(engine, student, pieces, top)
            if len(texts) > AT_ONCE:
                _keep(path, answers)
            yield first, answers


def answer(
    engine: Engine, student: Student | None, pieces: list[np.ndarray], top: int
) -> np.ndarray:
    """The answers to texts, given as word pieces: the student's where it is sure."""
    answers = np.zeros(len(pieces), answers_dtype(top, engine.exported))
    left = np.arange(len(pieces))
    if student is not None:
        classes, probs, is_sure = student.answer(pieces, engine.exported.thresholds)
        answers["classes"][:, 0], answers["probs"][:, 0] = classes, probs
        answers["student"] = is_sure
        answers["none"] = np.nan if engine.exported.rejection else 0
        if tree := engine.exported.tree:
            tree.add_classes(answers, classes, probs)
        left = np.flatnonzero(~is_sure)
    if len(left):
        probs, none = engine.answers([pieces[row] for row in left.tolist()])
        answers[left] = of_probs(probs, top, engine.exported, none)
    return answers


def of_probs(probs: Probs, top: int, exported: Exported, none: Scores | None = None) -> np.ndarray:
    """The classifier's probabilities `(texts, classes)` as answers, perhaps with scores."""
    answers = np.zeros(len(probs), answers_dtype(top, exported))
    answers["classes"] = top_classes(probs, top)
    answers["probs"] = np.take_along_axis(probs, answers["classes"].astype(np.int64), axis=1)
    if none is not None:
        answers["none"] = none
    if exported.tree:
        exported.tree.add(answers, probs)
    return answers


def _keep(path: Path, answers: np.ndarray) -> None:
    """Write a part; it appears when it is complete."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{uuid4().hex}")
    with unfinished.open("wb") as file:
        np.save(file, answers)
    unfinished.replace(path)
