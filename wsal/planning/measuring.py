"""Run each stage on a sample of a table, on one core (or a GPU), and time it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.classifier.encoder import new_classifier, new_tokenizer
from wsal.data.base import Layout
from wsal.errors import DataError
from wsal.labels import LabelSet
from wsal.planning.draws import Draws, between, constant, ratio
from wsal.planning.duplicates import distinct_share
from wsal.planning.sampling import Sample, read_sample
from wsal.planning.timing import Timed, Work, timed
from wsal.planning.work import (
    embedding_work,
    prediction_work,
    prepare_work,
    records_of,
    token_work,
    vote_work,
)
from wsal.progress import bar, progress_shown
from wsal.rules.base import Rule
from wsal.seeding import rng
from wsal.serving.backends import open_engine
from wsal.serving.exported import Exported
from wsal.settings import EncoderSettings, HardwareSettings

N_PARTS = 50  # of the sample's texts, whose means are compared
MOST_PIECES = 20_000  # texts whose word pieces are kept to measure the model with


@dataclass(frozen=True)
class Job:
    """What to plan for."""

    path: Path
    layout: Layout
    """`text` and `keep` name the columns to read."""
    rules: Mapping[str, Rule]
    labels: tuple[str, ...]
    """The classes that the rules vote for."""
    encoder: EncoderSettings
    """What embeds the texts, unless there is a model to predict with."""
    model: Path | None
    """An exported model."""
    on_gpu: bool
    """Whether the model is measured on a GPU, if this machine has one."""
    n_rows: int
    """Rows of the sample."""
    seconds: float
    """How long to measure each stage, about."""


@dataclass(frozen=True)
class Stage:
    """A stage that was measured."""

    name: str
    seconds: Draws
    """Seconds for each row or text."""
    n_bytes: Draws
    """On disk, of the results for the whole table."""
    per_row: bool = False
    """Whether all rows go through it; otherwise, each distinct text does once."""
    uses_model: bool = False
    """Whether a GPU could do the work."""


@dataclass(frozen=True)
class Measured:
    """What the sample says about the table and about the work."""

    stages: tuple[Stage, ...]
    n_rows: Draws
    is_exact: bool
    """Whether the number of rows is known."""
    n_texts: Draws
    """Distinct texts."""
    repeated: tuple[float, float]
    """Bounds on the share of the rows whose text an earlier row has, in [0, 1]."""
    characters: Draws
    """Of a text."""
    pieces: Draws
    """Word pieces of a text."""
    n_bytes: int
    """The size of the table's files."""
    n_sample: int
    n_places: int
    """Random places at which the sample was read."""
    n_bad: int
    """Lines of the sample that cannot be parsed."""
    gpu: str
    """The GPU that the model was measured on; empty if it was this processor."""
    seconds: float
    """How long all of this took."""
    load: float
    """How many processes wanted a core before it began."""


def measure(job: Job) -> Measured:
    """Read a sample of the table and run each stage on it, as a single thread does.

    The caller has limited the threads of libraries to one; see `wsal.launch.local.threads`.

    Raises:
        DataError: the table cannot be read, or no row of the sample has text.
        RuleError: a rule cannot vote on this table.
    """
    start, load = perf_counter(), os.getloadavg()[0]
    random = rng(0, "estimate")
    with bar("measure a sample", None, "steps") as advance, TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sample = read_sample(job.path, job.layout.columns, job.n_rows, random)
        blocks = [records_of(rows, job.layout) for rows in sample.blocks]
        records = pl.concat(blocks).unique("text", maintain_order=True)
        if records.is_empty():
            raise DataError(
                f"no row of the sample has text in {list(job.layout.text)}; name other columns: "
                "--text NAME,NAME"
            )
        records = records[random.permutation(len(records))]
        texts = records["text"].to_list()
        model = _predicting(job.model) if job.model else _embedding(job, texts, folder)
        pieces = model.pieces(texts[:MOST_PIECES])
        works: list[tuple[str, Work, Any]] = [("tokenise", model.tokenise, texts)]
        works.append((model.name, model.run, pieces))
        if job.rules:
            works.insert(0, ("vote", vote_work(job.rules, job.labels, folder), records))
        seconds, n_bytes = _prepare(job, sample, folder, random), 0.0
        timings = list[Timed]()
        for _, work, rows in works:
            advance(1)
            with progress_shown(shown=False):
                timings.append(timed(work, rows, job.seconds))
        if not job.model:
            tables.write(
                records, folder / "pool.parquet", schemas.records_schema(job.layout.fields)
            )
            n_bytes = (folder / "pool.parquet").stat().st_size / len(records)
    low, high = distinct_share([block["text"] for block in blocks], sample.share)
    share = constant(low) if low == high else between(low, high, random)
    n_texts = sample.n_rows * (sum(map(len, blocks)) / sum(map(len, sample.blocks))) * share
    first = "read" if job.model else "prepare"
    stages = [Stage(first, seconds, n_texts * n_bytes, per_row=True)]
    for (name, *_), done in zip(works, timings, strict=True):
        seconds, n_bytes = done.seconds_per_row(random), n_texts * done.bytes_per_row()
        if name == "predict":  # it writes all rows, with their columns
            n_bytes = sample.n_bytes + sample.n_rows * done.bytes_per_row()
        stages.append(Stage(name, seconds, n_bytes, uses_model=name == model.name))
    n_sample = sum(map(len, sample.blocks))
    return Measured(
        stages=tuple(stages),
        n_rows=sample.n_rows,
        is_exact=sample.is_exact,
        n_texts=n_texts,
        repeated=(1 - high, 1 - low),
        characters=_mean(records["text"].str.len_chars().to_numpy(), random),
        pieces=_mean(np.array([len(text) for text in pieces]), random),
        n_bytes=sample.n_bytes,
        n_sample=n_sample,
        n_places=len(sample.blocks),
        n_bad=sample.n_bad,
        gpu=_gpu_name() if job.on_gpu else "",
        seconds=perf_counter() - start,
        load=load,
    )


@dataclass(frozen=True)
class _Model:
    """What turns texts into word pieces, and these into embeddings or predictions."""

    name: str  # of its stage
    pieces: Callable[[list[str]], list[np.ndarray]]
    tokenise: Work
    run: Work


def _predicting(model: Path) -> _Model:
    engine = replace(open_engine(Exported.open(model)), n_threads=1)

    def tokenise(texts: list[str]) -> int:
        engine.exported.pieces(texts)
        return 0

    return _Model("predict", engine.exported.pieces, tokenise, prediction_work(engine))


def _embedding(job: Job, texts: list[str], folder: Path) -> _Model:
    tokenizer = new_tokenizer(job.encoder, texts)
    labels = LabelSet(job.labels or ("a", "b"))  # the head takes hardly any time
    classifier = new_classifier(job.encoder, HardwareSettings(), labels, tokenizer, seed=0)
    return _Model(
        "embed",
        lambda part: list(classifier.tokens(part)),
        token_work(tokenizer, job.encoder.max_length, folder),
        embedding_work(classifier),
    )


def _prepare(job: Job, sample: Sample, folder: Path, random: np.random.Generator) -> Draws:
    """Seconds per row to read it, and for what `prepare` or `predict` does before a model runs."""
    work = prepare_work(job.layout, folder, writes=not job.model)
    work(sample.blocks[0])
    seconds = []
    for rows in sample.blocks:
        start = perf_counter()
        work(rows)
        seconds.append(perf_counter() - start)
    reading = ratio(sample.seconds, sample.n_read, random)
    total: Draws = reading + ratio(seconds, [*map(len, sample.blocks)], random)
    return total


def _mean(values: np.ndarray, random: np.random.Generator) -> Draws:
    """The mean, with an interval from the means of parts of the values."""
    parts = np.array_split(values.astype(float), min(N_PARTS, len(values)))
    return ratio([part.sum() for part in parts], [len(part) for part in parts], random)


def _gpu_name() -> str:
    import torch  # noqa: PLC0415

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else ""
