"""Label a table of any size: a chunk at a time, each kept on disk, so that a kill loses only one.

The output is made of the chunks at the end: the types of JSON columns are known only then, and
nobody sees half a table. The price is disk space.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from wsal.arrays import Probs
from wsal.errors import ConfigError, DataError, did_you_mean
from wsal.files.lines import RECORD, Bad, Chunk, Offset, refusal
from wsal.files.objects import columns
from wsal.progress import bar
from wsal.serving.engine import Engine
from wsal.serving.parts import (
    PredictSummary,
    finish,
    json_lines,
    n_abstentions,
    open_parts,
    read_position,
    write_part,
)
from wsal.serving.predictions import DECIMALS, top_classes
from wsal.serving.sources import STREAM, Source
from wsal.serving.target import refuse_target, target_kind
from wsal.serving.writers import Write, writer


@dataclass(frozen=True)
class PredictOptions:
    """How a table is labelled."""

    fields: Sequence[str] | None = None
    """Columns that make up the text, instead of the model's own."""
    top: int = 1
    """How many of the likeliest classes to write."""
    prefix: str = ""
    """Before the name of each added column."""


def label_table(
    engine: Engine, source: Source, target: Path, options: PredictOptions, *, force: bool = False
) -> PredictSummary:
    """Write the columns of the source, in its order, and label, probability, abstain, model.

    Finished chunks are kept in `TARGET.unfinished` until the last one; after a kill, the same call
    goes on from there. Lines that cannot be parsed go to `TARGET.bad.jsonl` with their numbers. A
    file that `wsal predict` did not write is overwritten with `force` only.

    Raises:
        ConfigError: the target's kind is unknown, or the target is the source, a folder with files
            or a file that wsal did not write; or `top` is larger than the number of classes.
        DataError: the source cannot be read, has no record, lacks a field, has a field that is not
            text, or already has a column of an added name.
    """
    kind = target_kind(target, source)
    if kind != STREAM:
        refuse_target(target, source.path if source.can_resume else None, force=force)
    n_classes = len(engine.exported.labels)
    if not 1 <= options.top <= n_classes:
        raise ConfigError(
            f"--top is {options.top}; expected 1 to {n_classes}, the number of classes"
        )
    if kind == STREAM:
        return _to_stream(engine, source, options)
    work = target.with_name(target.name + ".unfinished")
    if not source.can_resume:
        shutil.rmtree(work, ignore_errors=True)
    parts = open_parts(
        work, [source.fingerprint(), engine.exported.digest, engine.name, asdict(options)]
    )
    try:
        _label_rest(engine, source, options, work, parts)
    finally:
        if not parts:
            shutil.rmtree(work)
    if not any(pq.read_metadata(part).num_rows for part in parts):
        bad = [line for part in parts for line in read_position(part).bad]
        shutil.rmtree(work, ignore_errors=True)
        raise _without_rows(source, bad)
    return finish(work, parts, kind, target, is_json=source.is_json, prefix=options.prefix)


def _label_rest(
    engine: Engine, source: Source, options: PredictOptions, work: Path, parts: list[Path]
) -> None:
    """Label what follows the parts that are done, and append the new ones."""
    start = read_position(parts[-1]).after if parts else Offset()
    with bar("predict", source.n_rows(), "rows") as advance:
        advance(sum(pq.read_metadata(part).num_rows for part in parts))
        for chunk, table in _labelled(engine, source, options, start):
            parts.append(write_part(work, len(parts), chunk, table))
            advance(len(table))


def _to_stream(engine: Engine, source: Source, options: PredictOptions) -> PredictSummary:
    """To standard output, chunk by chunk, in the source's own kind; bad lines to stderr."""
    n_rows = n_abstained = 0
    bad: list[Bad] = []
    with ExitStack() as stack:
        write: Write | None = None
        for chunk, table in _labelled(engine, source, options, Offset()):
            for line in chunk.bad:
                sys.stderr.write(f"line {line.line}: {line.reason}\n")
            if source.is_json:
                sys.stdout.buffer.writelines(json_lines(table))
            else:
                write = write or stack.enter_context(
                    writer(source.kind, sys.stdout.buffer, table.schema)
                )
                write(table, "")
            sys.stdout.buffer.flush()
            n_rows += len(table)
            n_abstained += n_abstentions(table, options.prefix)
            bad += chunk.bad
    if not n_rows:
        raise _without_rows(source, bad)
    return PredictSummary(n_rows, len(bad), n_abstained, None)


def _without_rows(source: Source, bad: Sequence[Bad]) -> DataError:
    name = str(source.path) if source.can_resume else "standard input"
    return refusal(name, bad) if bad else DataError(f"{name} has no rows")


def _labelled(
    engine: Engine, source: Source, options: PredictOptions, start: Offset
) -> Iterator[tuple[Chunk, pa.Table]]:
    """Each chunk with its labels; the next one is read and tokenised while one is computed."""

    def prepared() -> Iterator[tuple[Chunk, np.ndarray, list[np.ndarray]]]:
        for chunk in source.chunks(start):
            texts = _texts(engine, source, chunk, options)
            # Equal texts are computed once.
            distinct, text_of_row = np.unique(texts.to_numpy(), return_inverse=True)
            text_of_row = np.where(texts == "", -1, text_of_row)
            yield chunk, text_of_row, engine.exported.pieces(distinct.tolist())

    ahead = prepared()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, ahead, None)
        while (ready := waiting.result()) is not None:
            waiting = thread.submit(next, ahead, None)
            chunk, text_of_row, pieces = ready
            probs = engine.probs(pieces) if pieces else np.empty((0, 1), dtype=np.float32)
            yield chunk, _with_labels(engine, chunk.table, probs, text_of_row, options)


def _texts(engine: Engine, source: Source, chunk: Chunk, options: PredictOptions) -> pl.Series:
    fields = list(options.fields or engine.exported.fields)
    if source.is_json:
        table = columns([{name: record.get(name) for name in fields} for record in chunk.objects])
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
    engine: Engine, table: pa.Table, probs: Probs, text_of_row: np.ndarray, options: PredictOptions
) -> pa.Table:
    """The table with the added columns.

    `text_of_row` is the row of `probs` that belongs to each record; -1 if the record has no text.
    """
    is_empty = text_of_row < 0
    rows = np.where(is_empty, 0, text_of_row)
    classes = top_classes(probs, options.top)[rows]
    names = np.array(engine.exported.labels, dtype=object)
    added: dict[str, pa.Array] = {}
    for rank in range(options.top):
        suffix = f"_{rank + 1}" if rank else ""
        of_rank = classes[:, rank]
        probabilities = probs[rows, of_rank].astype(np.float64).round(DECIMALS)
        added[f"label{suffix}"] = pa.array(names[of_rank], pa.string(), mask=is_empty)
        added[f"probability{suffix}"] = pa.array(probabilities, pa.float64(), mask=is_empty)
    below = engine.exported.abstains(classes[:, 0], probs[rows, classes[:, 0]])
    added["abstain"] = pa.array(below | is_empty)
    added["model"] = pa.array([engine.exported.digest] * len(table), pa.string())
    _refuse_clash(table, options, added)
    for name, column in added.items():
        table = table.append_column(options.prefix + name, column)
    return table


def _refuse_clash(table: pa.Table, options: PredictOptions, added: dict[str, pa.Array]) -> None:
    names = set(table.column_names)
    if names == {RECORD}:
        names = {name for text in table[RECORD].to_pylist() for name in json.loads(text)}
    if clashes := sorted(names & {options.prefix + name for name in added}):
        raise DataError(
            f"the table has a column {clashes[0]!r} of its own; give the added columns other names "
            "with --prefix model_"
        )
