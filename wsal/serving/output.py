"""The output of `wsal predict`, made of labelled shards; it appears when it is complete."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wsal.files.lines import RECORD
from wsal.launch.sealing import Facts
from wsal.serving.target import FOLDER
from wsal.serving.writers import from_json, json_schema, writer
from wsal.shards import DIGITS

Read = Callable[[pa.Table], pa.Table]


def write_output(
    work: Path,
    labelled: Sequence[Path],
    facts: Sequence[Facts],
    kind: str,
    target: Path,
    *,
    is_json: bool,
) -> None:
    """Write labelled shards to the target.

    Args:
        work: a folder beside the target; what is not complete lies in it.
        labelled: the files of the shards, in order.
        facts: those of the third pass.
        kind: a suffix, or `FOLDER`.
        target: a file that may exist, or a folder that is empty or does not exist.
        is_json: whether the records are JSON text.
    """
    complete = work / "complete"
    _remove(complete)  # of an earlier call that was killed here
    if is_json and kind in ("jsonl", "ndjson"):
        with complete.open("wb") as file:
            for table in _tables(labelled):
                file.writelines(json_lines(table))
    elif kind == FOLDER and not is_json:
        complete.mkdir()
        for number, path in enumerate(labelled):
            _link(path, _in_folder(complete, number))
    else:
        schema = pq.read_schema(labelled[0])
        read: Read = lambda table: table  # noqa: E731
        if is_json:
            read, schema = _json_reader(labelled[0], facts)
        outs = [(complete, labelled)]
        if kind == FOLDER:
            complete.mkdir()
            outs = [(_in_folder(complete, n), [path]) for n, path in enumerate(labelled)]
        for out, files in outs:
            with writer("parquet" if kind == FOLDER else kind, out, schema) as write:
                for table in _tables(files):
                    write(read(table))
    if target.is_dir():
        target.rmdir()  # an empty one, or the target would have been refused
    complete.rename(target)


def write_bad_lines(work: Path, files: Sequence[Path], target: Path) -> Path | None:
    """Merge the files into one beside the target, and return its path; None if all are empty."""
    path = target.with_name(target.name + ".bad.jsonl")
    path.unlink(missing_ok=True)
    if not any(file.stat().st_size for file in files):
        return None
    complete = work / "bad"
    with complete.open("wb") as out:
        for file in files:
            with file.open("rb") as lines:
                shutil.copyfileobj(lines, out)
    complete.rename(path)
    return path


def json_lines(table: pa.Table) -> Iterator[bytes]:
    """Each record as it was, with the added keys at its end."""
    added = table.drop_columns([RECORD]).to_pylist()
    for text, keys in zip(table[RECORD].to_pylist(), added, strict=True):
        yield (json.dumps({**json.loads(text), **keys}, ensure_ascii=False) + "\n").encode()


def _tables(files: Sequence[Path]) -> Iterator[pa.Table]:
    """The row groups of all files."""
    for path in files:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)


def _json_reader(first: Path, facts: Sequence[Facts]) -> tuple[Read, pa.Schema]:
    """From a table of JSON to one with a column for each key, and the schema of all such tables."""
    kinds: dict[str, set[str]] = {}
    for fact in facts:
        for name, names in fact["kinds"].items():
            kinds.setdefault(name, set()).update(names)
    own = json_schema(kinds)
    schema = pa.schema([*own, *list(pq.read_schema(first))[1:]])  # after the column RECORD

    def read(table: pa.Table) -> pa.Table:
        arrays = [*from_json(table[RECORD], own), *table.columns[1:]]
        return pa.Table.from_arrays(arrays, schema=schema)

    return read, schema


def _in_folder(folder: Path, number: int) -> Path:
    return folder / f"{number:0{DIGITS}}.parquet"


def _link(file: Path, name: Path) -> None:
    try:
        name.hardlink_to(file)
    except OSError:  # a file system without links
        shutil.copyfile(file, name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
