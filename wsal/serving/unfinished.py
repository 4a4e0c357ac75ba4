"""Labelled chunks on disk: each is kept when it is done, and all become one file at the end."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wsal.artifacts import digest_of, write_json
from wsal.errors import DataError
from wsal.files.lines import RECORD, Chunk
from wsal.serving.writers import column_kinds, from_json, json_schema, writer

AFTER = b"wsal"  # a part's metadata: where to go on, the file it is from, how many lines were bad


@dataclass(frozen=True)
class PredictSummary:
    """What came of it."""

    n_rows: int
    n_bad: int
    n_abstained: int
    bad_path: Path | None


def begun(work: Path, origin: list[Any]) -> list[Path]:
    """The parts that are done, if they were begun from the same; else an empty folder."""
    state = work / "state.json"
    told = digest_of(origin)
    if not state.exists() or json.loads(state.read_text()) != told:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_json(state, told)
    return sorted(work.glob("*.parquet"))


def keep(work: Path, number: int, chunk: Chunk, table: pa.Table) -> Path:
    """Write a labelled chunk, with the place after it; the file is there when it is whole."""
    bad = [asdict(one) for one in chunk.bad]
    told = {"after": asdict(chunk.after), "file": chunk.file, "bad": bad}
    path = work / f"{number:07d}.parquet"
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), AFTER: json.dumps(told)}
    )
    pq.write_table(table, path.with_suffix(".tmp"), compression="zstd")
    path.with_suffix(".tmp").rename(path)
    return path


def told_of(part: Path) -> dict[str, Any]:
    """What `keep` noted: where to go on, the file it is from, the bad lines."""
    metadata = pq.read_schema(part).metadata
    found: dict[str, Any] = json.loads(metadata[AFTER])
    return found


def finish(
    work: Path, parts: Sequence[Path], kind: str, target: Path, *, is_json: bool, prefix: str
) -> PredictSummary:
    """All parts as one file, which is seen when it is whole."""
    whole = work / "whole"
    shutil.rmtree(whole, ignore_errors=True) if whole.is_dir() else whole.unlink(missing_ok=True)
    n_rows, n_abstained, n_bad = 0, 0, 0
    bad_path = target.with_name(target.name + ".bad.jsonl")
    with (work / "bad").open("w", encoding="utf-8") as bad:
        for part in parts:
            for one in told_of(part)["bad"]:
                n_bad += 1
                bad.write(json.dumps(one, ensure_ascii=False) + "\n")
    if is_json and kind in ("jsonl", "ndjson"):
        with whole.open("wb") as file:
            for part in parts:
                file.writelines(json_lines(pq.read_table(part)))
    else:
        read, schema = _reader(parts, is_json=is_json)
        with writer(kind, whole, schema) as write:
            for part in parts:
                write(read(part), told_of(part)["file"])
    for part in parts:
        table = pq.read_table(part, columns=[f"{prefix}abstain"])
        n_rows, n_abstained = n_rows + len(table), n_abstained + n_abstained_in(table, prefix)
    if target.is_dir():
        target.rmdir()  # it was empty
    whole.rename(target)
    (work / "bad").rename(bad_path) if n_bad else bad_path.unlink(missing_ok=True)
    shutil.rmtree(work)
    return PredictSummary(n_rows, n_bad, n_abstained, bad_path if n_bad else None)


def _reader(parts: Sequence[Path], *, is_json: bool) -> tuple[Any, pa.Schema]:
    """How a part becomes a table, and the schema of all of them."""
    schema = pq.read_schema(parts[0]).remove_metadata()
    if not is_json:

        def cast(part: Path) -> pa.Table:
            try:
                return pq.read_table(part).cast(schema)
            except (pa.ArrowException, ValueError) as error:
                file = told_of(part)["file"]
                raise DataError(
                    f"{file} has columns of other kinds than the first file: {error}"
                ) from error

        return cast, schema
    kinds: dict[str, set[str]] = {}
    for part in parts:
        column_kinds(kinds, pq.read_table(part, columns=[RECORD])[RECORD])
    own = json_schema(kinds)
    whole = pa.schema([*own, *list(schema)[1:]])

    def read(part: Path) -> pa.Table:
        table = pq.read_table(part)
        return pa.Table.from_arrays(
            [*from_json(table[RECORD], own), *table.columns[1:]], schema=whole
        )

    return read, whole


def json_lines(table: pa.Table) -> Iterator[bytes]:
    """Each record as it was, with the added keys at its end."""
    added = table.drop_columns([RECORD]).to_pylist()
    for text, more in zip(table[RECORD].to_pylist(), added, strict=True):
        yield (json.dumps({**json.loads(text), **more}, ensure_ascii=False) + "\n").encode()


def n_abstained_in(table: pa.Table, prefix: str) -> int:
    """How many records of a labelled chunk have no class that is sure enough."""
    return int(np.sum(table[f"{prefix}abstain"].to_numpy()))
