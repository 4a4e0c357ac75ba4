"""Convert run folders of wsal 0.1, whose answers had no texts beside them.

The present version recomputes everything else. What people did is carried over: their answers, the
queries they were given, and the frame that measures.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from wsal import schemas, tables
from wsal.annotation.handed_out import hand_out
from wsal.annotation.journal import JOURNAL_FILE as JOURNAL
from wsal.artifacts import Artifact, write_manifest
from wsal.digests import MANIFEST, digest_of, file_digest
from wsal.errors import TableError

QUERY_FILES = ("query.csv", "query.xlsx", "query.json", "query.jsonl")  # what people were given
ANSWER_FILES = ("query.csv", "query.xlsx", "answers.json", "answers.jsonl")  # where they answered


def migrate(run_dir: Path) -> list[str]:
    """Convert the rounds that people were asked; returns a line for each. It can be repeated.

    Raises:
        TableError: the texts of an old frame cannot be recovered.
    """
    lines = []
    for query in sorted(run_dir.glob("rounds/*/query")):
        round_dir = query.parent
        if not (query / MANIFEST).exists() or "labels" in _manifest(query)["facts"]:
            continue  # unfinished, or of the present version
        if _was_handed_out(run_dir, round_dir):
            _add_texts(round_dir)
            if int(round_dir.name) == 1:  # the frame of the first query is that of all rounds
                _add_frame_texts(run_dir, query)
            hand_out(round_dir)
            _record_classes(run_dir, query)
            lines.append(f"{round_dir}: made by wsal 0.1; answers are kept with their texts")
    return lines


def _add_texts(round_dir: Path) -> None:
    """Give each answer the text that was asked."""
    folder = round_dir / "annotations"
    path = folder / "annotations.parquet"
    if not (folder / MANIFEST).exists():
        return
    if "text" not in pl.read_parquet_schema(path):
        asked = tables.read(round_dir / "query" / "query.parquet", schemas.QUERY)
        answers = tables.read(path).join(asked.select("id", "text"), on="id", how="left")
        if n := answers["text"].null_count():
            raise TableError(
                f"{path}: {n} answers are to ids that the query beside them does not ask; the "
                f"folder {round_dir} was changed by hand; move it away to continue without it"
            )
        _replace(answers, path, schemas.ANNOTATIONS)
    files = [round_dir / name for name in ANSWER_FILES]
    _seal(folder, path.name, answers_in={p.name: file_digest(p) for p in files if p.exists()})


def _add_frame_texts(run_dir: Path, query: Path) -> None:
    """Give each text of the frame its text, from the pool that it was drawn from."""
    path = query / "frame.parquet"
    if "text" in pl.read_parquet_schema(path):
        return
    pool = run_dir / "pool"
    if (pool / MANIFEST).exists():
        data = _manifest(pool)["config"]["data"]["node"]
        same = _manifest(pool)["digest"] == _manifest(query)["inputs"]["pool"]
        if same or (data.get("layout") or {}).get("id"):
            held = tables.scan(pool / "pool.parquet").select("id", "text").collect()
            frame = tables.read(path).join(held, on="id", how="inner", maintain_order="left")
            _replace(frame, path, schemas.FRAME)
            _seal(query, path.name)
            return
    raise TableError(
        f"{path}: this evaluation frame names its texts by row numbers of a table that has changed "
        "since, so the texts cannot be recovered. Restore the old table and run the same command "
        "again; or start a new run (name=...) with the answers so far as "
        f"gold labels: they are in {query.parent.parent}/*/annotations/annotations.parquet, their "
        "texts in query/query.parquet beside it"
    )


def _record_classes(run_dir: Path, query: Path) -> None:
    """Record the classes that `predicted` numbers, while the pool that has them is still there."""
    pool = run_dir / "pool"
    if (pool / MANIFEST).exists():
        _seal(query, "frame.parquet", labels=_manifest(pool)["facts"]["labels"])


def _was_handed_out(run_dir: Path, round_dir: Path) -> bool:
    """Whether people were asked: there are answers, a sheet, or entries in the journal."""
    answers = round_dir / "annotations"
    if (answers / MANIFEST).exists():
        return _by_people(_manifest(answers))
    if any((round_dir / name).exists() for name in QUERY_FILES):
        return True
    if not (run_dir / JOURNAL).exists():
        return False
    with closing(sqlite3.connect(run_dir / JOURNAL)) as file:
        sql = "SELECT 1 FROM events WHERE round = ? LIMIT 1"
        return file.execute(sql, (int(round_dir.name),)).fetchone() is not None


def _by_people(manifest: dict[str, Any]) -> bool:
    return not str(manifest["config"]["annotator"]["node"].get("_target_")).endswith(".Oracle")


def _manifest(folder: Path) -> dict[str, Any]:
    return Artifact.open(folder).manifest


def _replace(frame: pl.DataFrame, path: Path, schema: schemas.Schema) -> None:
    temporary = path.with_name(f".{path.name}")
    tables.write(frame, temporary, schema)
    temporary.replace(path)


def _seal(folder: Path, name: str, **facts: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    """Put a changed file, and further facts, into the manifest."""
    manifest = _manifest(folder)
    files = manifest["files"] | {name: file_digest(folder / name)}
    digest = digest_of([manifest["made_from"], files])
    changes = {"files": files, "digest": digest, "facts": manifest["facts"] | facts}
    write_manifest(folder, manifest | changes)
