"""The parts of an unfinished output: labelled chunks on disk, which become one file at the end."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wsal.digests import digest_of
from wsal.errors import DataError
from wsal.files.lines import RECORD, BadLine, Chunk, Offset
from wsal.json_files import write_json
from wsal.serving.writers import column_kinds, from_json, json_schema, writer

POSITION = b"wsal"  # the key in a part's metadata


@dataclass(frozen=True)
class PredictSummary:
    """What `wsal predict` did."""

    n_rows: int
    n_bad: int
    """Lines that could not be parsed."""
    n_abstained: int
    bad_path: Path | None
    """The file with the lines that could not be parsed, if there are any."""


@dataclass(frozen=True)
class Position:
    """Where in the source a part ends."""

    after: Offset
    file: str
    """The file of a folder that the part is from."""
    bad: list[BadLine]
    """The lines in it that could not be parsed."""


def open_parts(work: Path, origin: list[Any]) -> list[Path]:
    """The parts that are done, if they were made from the same origin; else an empty folder."""
    state = work / "state.json"
    digest = digest_of(origin)
    if not state.exists() or json.loads(state.read_text()) != digest:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_json(state, digest)
    return sorted(work.glob("*.parquet"))


def write_part(work: Path, number: int, chunk: Chunk, table: pa.Table) -> Path:
    """Write a labelled chunk and its position; the file appears when it is complete."""
    position = Position(chunk.after, chunk.file, chunk.bad)
    path = work / f"{number:07d}.parquet"
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), POSITION: json.dumps(asdict(position))}
    )
    pq.write_table(table, path.with_suffix(".tmp"), compression="zstd")
    path.with_suffix(".tmp").rename(path)
    return path


def read_position(part: Path) -> Position:
    """The position that `write_part` wrote."""
    position = json.loads(pq.read_schema(part).metadata[POSITION])
    bad = [BadLine(**line) for line in position["bad"]]
    return Position(Offset(**position["after"]), position["file"], bad)


def finish(
    work: Path, parts: Sequence[Path], kind: str, target: Path, *, is_json: bool, prefix: str
) -> PredictSummary:
    """Write all parts to the target, which appears when it is complete, and remove `work`."""
    complete, bad_lines = work / "complete", work / "bad"
    _remove(complete)  # of an earlier call that was killed here
    n_bad = _write_bad_lines(parts, bad_lines)
    if is_json and kind in ("jsonl", "ndjson"):
        with complete.open("wb") as file:
            for part in parts:
                file.writelines(json_lines(pq.read_table(part)))
    else:
        read, schema = _json_reader(parts) if is_json else _table_reader(parts)
        with writer(kind, complete, schema) as write:
            for part in parts:
                write(read(part), read_position(part).file)
    abstained = [pq.read_table(part, columns=[f"{prefix}abstain"]) for part in parts]
    bad_path = target.with_name(target.name + ".bad.jsonl")
    if target.is_dir():
        target.rmdir()  # an empty one, or the target would have been refused
    complete.rename(target)
    if n_bad:
        bad_lines.rename(bad_path)
    else:
        bad_path.unlink(missing_ok=True)
    shutil.rmtree(work)
    return PredictSummary(
        n_rows=sum(len(table) for table in abstained),
        n_bad=n_bad,
        n_abstained=sum(n_abstentions(table, prefix) for table in abstained),
        bad_path=bad_path if n_bad else None,
    )


def json_lines(table: pa.Table) -> Iterator[bytes]:
    """Each record as it was, with the added keys at its end."""
    added = table.drop_columns([RECORD]).to_pylist()
    for text, keys in zip(table[RECORD].to_pylist(), added, strict=True):
        yield (json.dumps({**json.loads(text), **keys}, ensure_ascii=False) + "\n").encode()


def n_abstentions(table: pa.Table, prefix: str) -> int:
    """How many records of a labelled chunk are abstentions."""
    return int(np.sum(table[f"{prefix}abstain"].to_numpy()))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_bad_lines(parts: Sequence[Path], path: Path) -> int:
    """Write the lines that could not be parsed, as JSON; their number."""
    n_bad = 0
    with path.open("w", encoding="utf-8") as file:
        for part in parts:
            for line in read_position(part).bad:
                file.write(json.dumps(asdict(line), ensure_ascii=False) + "\n")
                n_bad += 1
    return n_bad


def _table_reader(parts: Sequence[Path]) -> tuple[Callable[[Path], pa.Table], pa.Schema]:
    """How to read a part, and the schema that all parts then have: that of the first."""
    schema = pq.read_schema(parts[0]).remove_metadata()

    def read(part: Path) -> pa.Table:
        try:
            return pq.read_table(part).cast(schema)
        except (pa.ArrowException, ValueError) as error:
            file = read_position(part).file
            raise DataError(
                f"{file} has columns of other types than the first file: {error}"
            ) from error

    return read, schema


def _json_reader(parts: Sequence[Path]) -> tuple[Callable[[Path], pa.Table], pa.Schema]:
    """How to read a part of JSON, and the schema that all parts then have: a column a key."""
    kinds: dict[str, set[str]] = {}
    for part in parts:
        column_kinds(kinds, pq.read_table(part, columns=[RECORD])[RECORD])
    own = json_schema(kinds)
    added = list(pq.read_schema(parts[0]))[1:]  # after the column RECORD
    schema = pa.schema([*own, *added])

    def read(part: Path) -> pa.Table:
        table = pq.read_table(part)
        arrays = [*from_json(table[RECORD], own), *table.columns[1:]]
        return pa.Table.from_arrays(arrays, schema=schema)

    return read, schema
