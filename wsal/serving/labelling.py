"""Label a table of any size: a chunk at a time, each kept on disk, so that a kill loses one."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from wsal.errors import ConfigError, DataError, did_you_mean
from wsal.files.lines import RECORD, BadLine, Chunk, Offset, bad_lines_error
from wsal.files.objects import columns
from wsal.progress import bar
from wsal.serving.engines import Engine
from wsal.serving.exported import softmax
from wsal.serving.overwriting import refuse_place
from wsal.serving.sources import STREAM, Source
from wsal.serving.unfinished import (
    PredictSummary,
    begun,
    finish,
    json_lines,
    keep,
    n_abstained_in,
    told_of,
)
from wsal.serving.writers import writer

TARGETS = ("csv", "tsv", "jsonl", "ndjson", "parquet", "xlsx")


@dataclass(frozen=True)
class PredictOptions:
    """How a table is labelled."""

    fields: Sequence[str] | None = None
    """Columns that make up the text, instead of the model's own."""
    top: int = 1
    """So many of the likeliest classes."""
    prefix: str = ""
    """Before the name of each column that is added."""


def label_table(
    engine: Engine, source: Source, target: Path, wanted: PredictOptions, *, force: bool = False
) -> PredictSummary:
    """Write all columns of the source, in its order, and label, probability, abstain, model.

    Chunks lie in `TARGET.unfinished` until all are done; the same command goes on after the last
    of them. Lines that are no record go to `TARGET.bad.jsonl`, with their numbers. A file that
    labelling did not write is written over with `force` only.

    Raises:
        ConfigError: the target's kind is unknown, it is the source, a folder with files or a file
            that wsal did not write; or `top` is more than there are classes.
        DataError: the source cannot be read, has no record at all, lacks a field, has one that is
            no text, or has a column of an added name.
    """
    kind = _kind(target, source)
    if kind != STREAM:
        refuse_place(target, source.path if source.can_resume else None, force=force)
    if not 1 <= wanted.top <= len(engine.exported.labels):
        n = len(engine.exported.labels)
        raise ConfigError(f"--top is {wanted.top}; expected 1 to {n}, the number of classes")
    if kind == STREAM:
        return _to_stream(engine, source, wanted)
    work = target.with_name(target.name + ".unfinished")
    parts = begun(work, [source.fingerprint(), engine.exported.digest, engine.name, asdict(wanted)])
    start = told_of(parts[-1])["after"] if parts else {}
    n_done = sum(pq.read_metadata(one).num_rows for one in parts)
    if not source.can_resume and parts:
        shutil.rmtree(work)
        parts = begun(work, [])
        start, n_done = {}, 0
    try:
        with bar("predict", source.n_rows(), "rows") as advance:
            advance(n_done)
            for chunk, table in _labelled(engine, source, wanted, Offset(**start)):
                parts.append(keep(work, len(parts), chunk, table))
                advance(len(table))
    finally:
        if not parts:
            shutil.rmtree(work)
    if not any(pq.read_metadata(part).num_rows for part in parts):
        bad = [BadLine(**one) for part in parts for one in told_of(part)["bad"]]
        shutil.rmtree(work, ignore_errors=True)
        raise _without_rows(source, bad)
    return finish(work, parts, kind, target, is_json=source.is_json, prefix=wanted.prefix)


def _to_stream(engine: Engine, source: Source, wanted: PredictOptions) -> PredictSummary:
    """To standard output, chunk by chunk, in the source's own kind; bad lines to stderr."""
    n, n_abstained, bad = 0, 0, list[BadLine]()
    write = None
    for chunk, table in _labelled(engine, source, wanted, Offset()):
        for one in chunk.bad:
            sys.stderr.write(f"line {one.line}: {one.reason}\n")
        if source.is_json:
            for text in json_lines(table):
                sys.stdout.buffer.write(text)
        else:
            if write is None:
                write = writer(source.kind, sys.stdout.buffer, table.schema).__enter__()
            write(table, "")
        sys.stdout.buffer.flush()
        n, bad = n + len(table), bad + chunk.bad
        n_abstained += n_abstained_in(table, wanted.prefix)
    if not n:
        raise _without_rows(source, bad)
    return PredictSummary(n, len(bad), n_abstained, None)


def _without_rows(source: Source, bad: Sequence[BadLine]) -> DataError:
    name = str(source.path) if source.can_resume else "standard input"
    return bad_lines_error(name, bad) if bad else DataError(f"{name} has no rows")


def _labelled(
    engine: Engine, source: Source, wanted: PredictOptions, start: Offset
) -> Iterator[tuple[Chunk, pa.Table]]:
    """Each chunk with its labels; the next one is read and cut up while one is computed."""

    def prepared() -> Iterator[tuple[Chunk, np.ndarray, list[np.ndarray]]]:
        for chunk in source.chunks(start):
            texts = _texts(engine, source, chunk, wanted)
            different, place = np.unique(texts.to_numpy(), return_inverse=True)
            place = np.where(texts == "", -1, place)
            yield chunk, place, engine.exported.pieces(different.tolist())

    ahead = prepared()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, ahead, None)
        while (found := waiting.result()) is not None:
            waiting = thread.submit(next, ahead, None)
            chunk, place, pieces = found
            probs = softmax(engine.logits(pieces)) if pieces else np.empty((0, 1))
            yield chunk, _with_labels(engine, chunk.table, probs, place, wanted)


def _texts(engine: Engine, source: Source, chunk: Chunk, wanted: PredictOptions) -> pl.Series:
    fields = list(wanted.fields or engine.exported.fields)
    if source.is_json:
        table = columns([{name: one.get(name) for name in fields} for one in chunk.objects])
        if chunk.objects and all(table[name].null_count == len(table) for name in fields):
            raise DataError(
                f"{source.path} has no {' or '.join(fields)} in any record up to line "
                f"{chunk.rows[-1]}; name the keys to read with --fields"
            )
    else:
        table = chunk.table
        for name in fields:
            if name not in table.column_names:
                hint = did_you_mean(name, table.column_names)
                raise DataError(
                    f"{source.path} has no column {name!r}{hint}; name those to read with --fields"
                )
    if not len(chunk.table):
        return pl.Series(dtype=pl.String)
    try:
        return engine.exported.text_of(pl.DataFrame(pl.from_arrow(table.select(fields))), fields)
    except DataError as error:
        raise DataError(f"{source.path}: {error}") from error


def _with_labels(
    engine: Engine, table: pa.Table, probs: np.ndarray, place: np.ndarray, wanted: PredictOptions
) -> pa.Table:
    """`place` says which row of `probs` is each record's; -1: it has no text."""
    empty = place < 0
    order = np.argsort(-probs, axis=1, kind="stable")[:, : wanted.top]
    names = np.array(engine.exported.labels, dtype=object)
    added: dict[str, pa.Array] = {}
    rows = np.where(empty, 0, place)
    for rank in range(wanted.top):
        suffix = f"_{rank + 1}" if rank else ""
        classes = order[rows, rank]
        added[f"label{suffix}"] = pa.array(names[classes], pa.string(), mask=empty)
        sure = probs[rows, classes].astype(np.float64).round(6)
        added[f"probability{suffix}"] = pa.array(sure, pa.float64(), mask=empty)
    first = order[rows, 0]
    below = engine.exported.abstains(first, probs[rows, first])
    added["abstain"] = pa.array(below | empty)
    added["model"] = pa.array([engine.exported.digest] * len(table), pa.string())
    _refuse_same(table, wanted, added)
    for name, column in added.items():
        table = table.append_column(wanted.prefix + name, column)
    return table


def _refuse_same(table: pa.Table, wanted: PredictOptions, added: dict[str, pa.Array]) -> None:
    mine = {wanted.prefix + name for name in added}
    theirs = set(table.column_names)
    if RECORD in theirs and len(theirs) == 1:
        theirs = {name for text in table[RECORD].to_pylist() for name in json.loads(text)}
    if same := sorted(mine & theirs):
        raise DataError(
            f"the table has a column {same[0]!r} of its own; give those that are added another "
            "name with --prefix model_"
        )


def _kind(target: Path, source: Source) -> str:
    """What is to be written, by the target's suffix.

    Raises:
        ConfigError: it is none that is known.
    """
    if str(target) == STREAM:
        if source.kind not in ("csv", "tsv", "jsonl", "ndjson"):
            raise ConfigError("standard output takes csv, tsv and jsonl, as the input is")
        return STREAM
    kind = target.suffix.lower().removeprefix(".")
    if not kind or target.is_dir():
        return "folder"
    if kind not in TARGETS:
        raise ConfigError(
            f"{target}: a file of kind {kind!r} cannot be written{did_you_mean(kind, TARGETS)}"
        )
    return kind
