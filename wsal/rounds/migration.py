"""Bring a run folder that wsal before 0.2 made into the present form: answers keep their texts.

Everything computed is made anew by the present version anyway; what people did is what has to be
carried over: their answers, the queries they were handed, and the frame that measures.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from wsal import tables
from wsal.annotation.handed_out import hand_out
from wsal.annotation.journal import JOURNAL_FILE as JOURNAL
from wsal.artifacts import MANIFEST, Artifact, digest_of, file_digest, write_manifest
from wsal.errors import TableError

GIVEN = ("query.csv", "query.xlsx", "query.json", "query.jsonl")  # what people were handed
FILLED = ("query.csv", "query.xlsx", "answers.json", "answers.jsonl")  # where they answered


def migrate(run_dir: Path) -> list[str]:
    """Migrate rounds that people were asked; give back a line for each. Twice does no harm.

    Raises:
        TableError: the texts of an old frame cannot be told any more.
    """
    told = []
    for query in sorted(run_dir.glob("rounds/*/query")):
        round_dir = query.parent
        if not (query / MANIFEST).exists() or "labels" in _recorded(query)["facts"]:
            continue  # unfinished, or of the present version
        if _was_handed_out(run_dir, round_dir):
            _annotations(round_dir)
            if int(round_dir.name) == 1:  # the frame of the first query is that of all rounds
                _frame(run_dir, query)
            hand_out(round_dir)
            _labels(run_dir, query)
            told.append(f"{round_dir}: made by wsal before 0.2; answers are kept with their texts")
    return told


def _annotations(round_dir: Path) -> None:
    """Give each answer the text that was asked."""
    place = round_dir / "annotations"
    path = place / "annotations.parquet"
    if not (place / MANIFEST).exists():
        return
    if "text" not in pl.read_parquet_schema(path):
        asked = tables.read(round_dir / "query" / "query.parquet", tables.QUERY)
        answers = tables.read(path).join(asked.select("id", "text"), on="id", how="left")
        if n := answers["text"].null_count():
            raise TableError(
                f"{path}: {n} answers are to ids that the query beside them does not ask; the "
                f"folder {round_dir} was changed by hand: take it away to go on without it"
            )
        _replace(answers, path, tables.ANNOTATIONS)
    given = [round_dir / name for name in FILLED]
    _seal(place, path.name, answers_in={p.name: file_digest(p) for p in given if p.exists()})


def _frame(run_dir: Path, query: Path) -> None:
    """Give each text of the frame its text, from the pool that it was drawn from."""
    path = query / "frame.parquet"
    if "text" in pl.read_parquet_schema(path):
        return
    pool = run_dir / "pool"
    if (pool / MANIFEST).exists():
        data = _recorded(pool)["config"]["data"]["node"]
        same = _recorded(pool)["digest"] == _recorded(query)["inputs"]["pool"]
        if same or (data.get("layout") or {}).get("id"):
            held = pl.read_parquet(pool / "pool.parquet", columns=["id", "text"])
            frame = tables.read(path).join(held, on="id", how="inner", maintain_order="left")
            _replace(frame, path, tables.FRAME)
            _seal(query, path.name)
            return
    raise TableError(
        f"{path}: this evaluation frame names its texts by row numbers of a table that has changed "
        "since, so they cannot be told any more. Put the table of then back and run the same "
        "command again; or begin anew under another name (name=...), with the answers so far as "
        f"gold labels: they are in {query.parent.parent}/*/annotations/annotations.parquet, their "
        "texts in query/query.parquet beside it"
    )


def _labels(run_dir: Path, query: Path) -> None:
    """Note the classes that the query's guesses count, while the pool that had them is there."""
    pool = run_dir / "pool"
    if (pool / MANIFEST).exists():
        _seal(query, "frame.parquet", labels=_recorded(pool)["facts"]["labels"])


def _was_handed_out(run_dir: Path, round_dir: Path) -> bool:
    """Whether people were asked: they answered, or a sheet lies there, or the journal has acts."""
    answers = round_dir / "annotations"
    if (answers / MANIFEST).exists():
        return _by_people(_recorded(answers))
    if any((round_dir / name).exists() for name in GIVEN):
        return True
    if not (run_dir / JOURNAL).exists():
        return False
    with closing(sqlite3.connect(run_dir / JOURNAL)) as file:
        sql = "SELECT 1 FROM events WHERE round = ? LIMIT 1"
        return file.execute(sql, (int(round_dir.name),)).fetchone() is not None


def _by_people(recorded: dict[str, Any]) -> bool:
    return not str(recorded["config"]["annotator"]["node"].get("_target_")).endswith(".Oracle")


def _recorded(place: Path) -> dict[str, Any]:
    return Artifact.open(place).manifest


def _replace(frame: pl.DataFrame, path: Path, schema: tables.Schema) -> None:
    temporary = path.with_name(f".{path.name}")
    tables.write(frame, temporary, schema)
    temporary.replace(path)


def _seal(place: Path, name: str, **facts: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    """Put a changed file, and further facts, into the manifest."""
    recorded = _recorded(place)
    files = recorded["files"] | {name: file_digest(place / name)}
    digest = digest_of([recorded["made_from"], files])
    changed = {"files": files, "digest": digest, "facts": recorded["facts"] | facts}
    write_manifest(place, recorded | changed)
