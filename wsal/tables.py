"""The tables that pass between stages, and the only code that reads or writes them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from wsal.arrays import Probs, Rows, Vote
from wsal.errors import TableError

AT_ONCE = 100_000  # rows held in memory

Schema = dict[str, pl.DataType | type[pl.DataType]]

GOLD: Schema = {"id": pl.String, "label": pl.Int16}
QUERY: Schema = {
    "id": pl.String,
    "text": pl.String,
    "rank": pl.Int32,
    "score": pl.Float32,
    "reason": pl.String,
    "predicted": pl.Int16,
    "confidence": pl.Float32,
    "purpose": pl.String,  # TRAIN or EVALUATE
}
ANSWERS: Schema = {
    "id": pl.String,
    "label": pl.String,  # the name, so that answers outlive a changed set of classes; null: skipped
    "annotator": pl.String,
    "seconds": pl.Float32,
}
ANNOTATIONS: Schema = {
    **ANSWERS,
    "text": pl.String,  # what the answer belongs to, whatever becomes of the id
    "purpose": pl.String,
}
FRAME: Schema = {"id": pl.String, "text": pl.String, "stratum": pl.Int64}
TRAIN, EVALUATE = "train", "evaluate"
RULES: Schema = {
    "rule": pl.String,
    "classes": pl.List(pl.String),  # its polarity: the classes it ever votes for
    "coverage": pl.Float64,
    "overlap": pl.Float64,
    "conflict": pl.Float64,
    "n_votes": pl.Int64,
    "n_gold": pl.Int64,
    "accuracy": pl.Float64,
    "low": pl.Float64,  # ends of accuracy's 95% interval
    "high": pl.Float64,
}
PAIRS: Schema = {
    "rule": pl.String,
    "other": pl.String,
    "n_rule": pl.Int64,  # votes of the one, of the other, of both on the same text
    "n_other": pl.Int64,
    "n_both": pl.Int64,
    "agreement": pl.Float64,
    "relation": pl.String,  # "same", "within" (the other's), "tied"
}
CONFLICTS: Schema = {
    "rule": pl.String,
    "vote": pl.String,
    "other": pl.String,
    "other_vote": pl.String,
    "n_texts": pl.Int64,
    "n_gold": pl.Int64,
    "rule_right": pl.Float64,  # shares of the texts with gold
    "other_right": pl.Float64,
    "examples": pl.List(pl.String),
}
UNCOVERED: Schema = {
    "n_texts": pl.Int64,
    "ngrams": pl.List(pl.String),
    "gold": pl.List(pl.String),  # its commonest classes, where gold is known
    "examples": pl.List(pl.String),
}
EXAMPLES: Schema = {
    "rule": pl.String,
    "id": pl.String,
    "text": pl.String,
    "vote": pl.String,
    "gold": pl.String,
}


def records_schema(fields: Sequence[str], *, gold: bool = False) -> Schema:
    """Records: the text a model reads, how many source rows it stands for, its fields."""
    schema: Schema = {
        "id": pl.String,
        "text": pl.String,
        "n_copies": pl.Int32,
        "fields": pl.Struct({field: pl.String for field in fields}),
    }
    return schema | {"label": pl.Int16} if gold else schema


def votes_schema(rules: Sequence[str]) -> Schema:
    """One small-int column a rule, so that one rule can be read, or rerun, alone."""
    schema: Schema = {"id": pl.String}
    return schema | {rule: pl.Int16 for rule in rules}


def weak_schema(n_classes: int) -> Schema:
    """One distribution a text; `n_votes` 0 means that every rule abstained."""
    return {
        "id": pl.String,
        "probs": pl.Array(pl.Float32, n_classes),
        "n_votes": pl.Int16,
        "used": pl.Boolean,  # whether it is trained on
    }


def write(frame: pl.DataFrame, path: Path, schema: Schema) -> None:
    """Write the columns of `schema`, in its order and types.

    Raises:
        TableError: a column is missing, or a value is null where only text may be.
    """
    if missing := schema.keys() - set(frame.columns):
        raise TableError(f"{path.name} lacks columns {sorted(missing)}; found {frame.columns}")
    frame.select(pl.col(name).cast(kind) for name, kind in schema.items()).write_parquet(path)


def write_parts(parts: Iterable[pl.DataFrame], path: Path, schema: Schema) -> None:
    """Write one table of many parts, never holding more than one of them."""
    empty = pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest())
    with pq.ParquetWriter(path, empty.schema, compression="zstd") as writer:
        for part in parts:
            cast = part.select(pl.col(name).cast(kind) for name, kind in schema.items())
            writer.write_table(cast.to_arrow(compat_level=pl.CompatLevel.oldest()))


def read_rows(path: Path, first: int, n: int, columns: Sequence[str]) -> pl.DataFrame:
    """Some rows of some columns."""
    return pl.scan_parquet(path).select(columns).slice(first, n).collect()


def read(path: Path, schema: Schema | None = None) -> pl.DataFrame:
    """The table at `path`.

    Raises:
        TableError: the file is no Parquet table, or its columns are not those of `schema`.
    """
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(f"{path} cannot be read as Parquet: {error}") from error
    if schema is not None and dict(frame.schema) != {k: _instance(v) for k, v in schema.items()}:
        raise TableError(f"{path}: found {dict(frame.schema)}, expected {schema}; rerun its stage")
    return frame


def read_annotations(path: Path) -> pl.DataFrame:
    """A table of people's answers, columns of ANNOTATIONS.

    Raises:
        TableError: wsal before 0.2 wrote it, without the texts.
    """
    if "text" not in pl.read_parquet_schema(path):
        raise TableError(
            f"{path} was written by wsal before 0.2, which kept no texts beside answers; run the "
            "command that you run this run with (wsal run ..., or wsal active ...): it brings the "
            "answers into the new form first"
        )
    return read(path, ANNOTATIONS)


def take(path: Path, rows: Rows) -> pl.DataFrame:
    """Some rows of the table at `path`, in this order; never holding more than a part of it."""
    order = np.argsort(rows, kind="stable")
    wanted, first, done = np.asarray(rows)[order], 0, 0
    with pq.ParquetFile(path) as file:
        found = [file.schema_arrow.empty_table()]
        for part in file.iter_batches(AT_ONCE) if len(rows) else ():
            last = done + int(np.searchsorted(wanted[done:], first + len(part)))
            found.append(pa.Table.from_batches([part]).take(wanted[done:last] - first))
            first, done = first + len(part), last
            if done == len(wanted):
                break
    frame = pl.DataFrame(pa.concat_tables(found))
    return frame[np.argsort(order, kind="stable")]


def texts(path: Path, at_once: int = 50_000) -> Iterator[list[str]]:
    """The texts of a records table, some at a time."""
    with pq.ParquetFile(path) as file:
        for part in file.iter_batches(at_once, columns=["text"]):
            yield part.column(0).to_pylist()


def write_probs(path: Path, rows: Rows, out: Path) -> Probs:
    """The distributions in some rows (ascending) of a weak-labels table, `(rows, classes)`.

    They lie in the file `out`, read through a memory map, so that any number of them can be used.
    """
    kind: Any = pl.read_parquet_schema(path)["probs"]
    shape = (len(rows), kind.shape[0])
    out.parent.mkdir(parents=True, exist_ok=True)
    found = np.lib.format.open_memmap(out, mode="w+", dtype=np.float32, shape=shape)
    first = done = 0
    with pq.ParquetFile(path) as file:
        for part in file.iter_batches(AT_ONCE, columns=["probs"]):
            last = done + int(np.searchsorted(rows[done:], first + len(part)))
            if last > done:
                probs = part.column(0).flatten().to_numpy().reshape(-1, shape[1])
                found[done:last] = probs[rows[done:last] - first]
            first, done = first + len(part), last
    return found


def rule_names(path: Path) -> list[str]:
    """The rules of a votes table, in the order of its columns."""
    return [name for name in pl.read_parquet_schema(path) if name != "id"]


def n_rows(path: Path) -> int:
    """How many rows the table at `path` has."""
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def vote_columns(path: Path) -> Iterator[Vote]:
    """What each rule of a votes table says `(texts,)`, a rule at a time."""
    for name in rule_names(path):
        yield pl.read_parquet(path, columns=[name])[name].to_numpy().astype(np.int16)


def probs_array(frame: pl.DataFrame) -> Probs:
    """The matrix `(texts, classes)` of a weak-labels table."""
    probs: Probs = frame["probs"].to_numpy().astype(np.float32)
    return probs


def _instance(kind: pl.DataType | type[pl.DataType]) -> pl.DataType:
    return kind() if isinstance(kind, type) else kind
