"""The cascade: a student that learns from the classifier, on a sample of the input.

The sample is drawn from the distinct texts of the first partitions of the first pass. As texts are
partitioned by hash, it is a random sample of all distinct texts.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from wsal.arrays import Classes, Probs, Scores
from wsal.json_files import read_json_object, write_json
from wsal.launch.sealing import Facts, Shard, WorkOnShard
from wsal.seeding import rng
from wsal.serving.answers import SAMPLE_ANSWERS, SAMPLE_TEXTS, STUDENT, of_probs, read_sample
from wsal.serving.backends import Model
from wsal.serving.certify import Certificate, certify
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.distinct import KIND, SCHEMA, TEXTS, read_partition
from wsal.serving.exported import Exported
from wsal.serving.passes import run_pass
from wsal.serving.student import Student, fit_student
from wsal.settings import LauncherSettings
from wsal.shards import read_array

SAMPLE = 20_000  # distinct texts: half to fit, a quarter to order thresholds, a quarter to test
SHARE = 0.25  # most of all texts that are sampled
FEWEST = 1_000  # with a smaller sample, 99% can hardly be certified
AT_ONCE = 2_500  # texts of the sample in a shard


@dataclass(frozen=True)
class SampleWork:
    """From texts of the sample to the classifier's probabilities, `probs.npy`.

    Where the model rejects texts, the last column has the scores by which it does.
    """

    uses_gpu: ClassVar = True
    model: Model
    texts: Path

    def start(self) -> WorkOnShard:
        """Load the classifier."""
        engine = replace(self.model.open(), spreads=False)
        texts = read_sample(self.texts)

        def work(shard: Shard) -> Facts:
            some = texts[shard.number * AT_ONCE :][:AT_ONCE]
            start = time.perf_counter()
            probs, none = engine.answers(engine.exported.pieces(some.to_pylist()))
            columns = probs if none is None else np.column_stack([probs, none])
            np.save(shard.folder / "probs.npy", columns)
            return {"seconds": time.perf_counter() - start}

        return work


@dataclass(frozen=True)
class FittedCascade:
    """What became of the student."""

    n_sample: int
    """Texts that the classifier labelled for it; 0 if the input has too few."""
    certificate: Certificate | None
    """None: it answers nothing."""
    fit_seconds: float
    student_seconds: float
    """For a text, in one process."""
    classifier_seconds: float
    """For a text, in one process."""

    def seconds_saved(self, n_texts: int, n_student: int) -> float:
        """What the cascade saves in one process, if the student answers so many of the texts."""
        gain = n_student * self.classifier_seconds
        return gain - n_texts * self.student_seconds - self.fit_seconds

    def report(self, n_texts: int, n_student: int) -> Iterator[str]:
        """What to print if the student answered so many of the texts."""
        proof = self.certificate
        if not self.n_sample:
            yield f"no student: its sample would have fewer than {FEWEST:,} distinct texts"
        elif proof is None:
            yield (
                "no student: its agreement with the classifier could not be certified on a sample "
                f"of {self.n_sample:,} texts, so the classifier answered all"
            )
        else:
            yield (
                f"the student answered {n_student / n_texts:.1%} of the distinct texts; its "
                f"agreement with the classifier is at least {proof.at_least:.1%}, with 95% "
                f"confidence ({proof.agreement:.1%} observed on {proof.n_texts:,} texts, 95% "
                f"interval {proof.low:.1%} to {proof.high:.1%})"
            )
            saved = self.seconds_saved(n_texts, n_student)
            yield f"it saved about {saved:,.0f} seconds of one process"


def fit_cascade(
    model: Model,
    read: Path,
    counts: np.ndarray,
    options: PredictOptions,
    out: Path,
    launcher: LauncherSettings,
) -> FittedCascade:
    """Draw the sample, let the classifier label it, and fit and certify the student.

    The folder `out` gets the sample and the classifier's answers (`Known`), `student.safetensors`
    if a student was certified, and last `cascade.json`. If that is there, it is read: all calls use
    the same student.

    Args:
        model: the classifier.
        read: the folder that the first pass wrote.
        counts: of the first pass, `(blocks, partitions)`.
        options: with the agreement to certify.
        out: a folder that survives a kill.
        launcher: what runs the classifier.
    """
    path = out / "cascade.json"
    if path.exists():
        kept = read_json_object(path, f"delete {out} and run the same command again")
        certificate = kept.pop("certificate")
        return FittedCascade(
            certificate=Certificate(**certificate) if certificate else None, **kept
        )
    texts = draw(read / TEXTS, counts)
    cascade = FittedCascade(0, None, 0, 0, 0)
    if len(texts) >= FEWEST:
        out.mkdir(exist_ok=True)
        with pa.ipc.new_file(out / SAMPLE_TEXTS, SCHEMA) as file:
            file.write_batch(pa.record_batch([texts], schema=SCHEMA))
        sizes = [min(AT_ONCE, len(texts) - first) for first in range(0, len(texts), AT_ONCE)]
        work = SampleWork(model, out / SAMPLE_TEXTS)
        facts = run_pass(work, sizes, out / "probs", "label sample", launcher)
        columns = read_array(out / "probs" / "probs.npy")[:]
        probs, none = columns[:, : len(model.exported.labels)], None
        if model.exported.rejection:
            none = columns[:, -1]
        cascade = _fit_student(model.exported, texts, probs, none, options, out)
        seconds = sum(fact["seconds"] for fact in facts)
        cascade = replace(cascade, classifier_seconds=seconds / len(texts))
    out.mkdir(exist_ok=True)
    write_json(path, asdict(cascade))
    return cascade


def draw(path: Path, counts: np.ndarray) -> pa.Array:
    """The sample: distinct texts in random order."""
    n = min(SAMPLE, int(SHARE * counts.sum()))
    texts = pa.array([], KIND)
    for number in range(counts.shape[1]):
        if len(texts) >= n:
            break
        texts = pa.concat_arrays([texts, read_partition(path, number, counts.shape[1])[0]])
    return texts.take(pa.array(rng(0, "sample").permutation(len(texts))[:n]))


def _fit_student(
    exported: Exported,
    texts: pa.Array,
    probs: Probs,
    none: Scores | None,
    options: PredictOptions,
    out: Path,
) -> FittedCascade:
    """Fit the student on a half of the sample, and certify it on the other."""
    start = time.perf_counter()
    pieces = exported.pieces(texts.to_pylist())
    n_fit, n_choice = len(texts) // 2, len(texts) // 4
    targets = targets_of(exported, probs, none)
    student = fit_student(pieces[:n_fit], targets[:n_fit], len(exported.labels))
    begun = time.perf_counter()
    choice, proof = slice(n_fit, n_fit + n_choice), slice(n_fit + n_choice, None)
    student = calibrated(student, pieces[choice], probs[choice])
    both = [agreement(student, pieces[s], targets[s], exported.thresholds) for s in (choice, proof)]
    seconds = (time.perf_counter() - begun) / (len(texts) - n_fit)
    certificate = certify(both[0], both[1], options.agreement)
    if certificate:
        replace(student, least=np.array([certificate.least])).save(out / STUDENT)
    np.save(out / SAMPLE_ANSWERS, of_probs(probs, 1, exported, none))
    return FittedCascade(len(texts), certificate, time.perf_counter() - start, seconds, 0)


def targets_of(exported: Exported, probs: Probs, none: Scores | None = None) -> Classes:
    """The class of each text, or the number of classes if the classifier abstains on it.

    It also abstains where it rejects the text, by the scores `none`.
    """
    classes = probs.argmax(axis=1)
    below = exported.abstains(classes, probs.max(axis=1))
    if exported.rejection is not None and none is not None:
        below = below | exported.rejection.rejects(none)
    return np.where(below, len(exported.labels), classes)


def calibrated(student: Student, pieces: Sequence[np.ndarray], probs: Probs) -> Student:
    """The student with probabilities: the means of those that the classifier gives to its answers.

    They rise with its confidence (isotonic regression). If the classifier's are calibrated, so are
    these.
    """
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415  takes a second

    classes, confidence = student.scores(pieces)
    answered = np.flatnonzero(classes < probs.shape[1])
    if not len(answered):
        return student
    given = probs[answered, classes[answered]]
    model = IsotonicRegression(out_of_bounds="clip").fit(confidence[answered], given)
    levels = model.y_thresholds_.astype(np.float32)
    return replace(student, steps=model.X_thresholds_.astype(np.float32), levels=levels)


def agreement(
    student: Student, pieces: Sequence[np.ndarray], targets: Classes, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The student's confidence on texts that it may answer, and whether the classifier agrees.

    The classifier does not agree if it abstains.
    """
    ready = replace(student, least=np.full(1, -np.inf))
    classes, _, may = ready.answer(pieces, thresholds)
    confidence = student.scores(pieces)[1]
    return confidence[may], (classes == targets)[may]
