"""Add, change or withdraw records of a run.

FILE is a table with the columns of the run's layout; labels and splits may be missing. With ids, a
record with an id that the run has replaces the old record. Without ids, a record with a text that
the run has is one more copy of that text. With --withdraw, the records of FILE are removed from the
run; FILE needs only their ids or, without ids, their texts.

The run keeps a copy of FILE. Afterwards, run the same `wsal run` command again: only new texts are
voted on, tokenised and embedded, and trained classifiers are kept.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from wsal.annotation.changes_log import changes_in_force
from wsal.annotation.journal import CHANGE, CHANGE_UNDONE, JOURNAL_FILE, Event, Journal
from wsal.artifacts import Artifact
from wsal.changes import Batch, change_of, note_of
from wsal.config.layout_of_run import layout_of_run
from wsal.data.base import Layout
from wsal.data.batches import APPENDED, missing_fields
from wsal.digests import file_digest
from wsal.errors import ConfigError, DataError, MissingArtifactError
from wsal.multilabel import refuse
from wsal.run.appending import answers_to, checked, has_column, keep_copy
from wsal.run.class_changes import opened_classes
from wsal.run.folders import run_folder
from wsal.run.loop import locked
from wsal.run.pipeline import open_round


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal append`."""
    parser.add_argument("run", help="a run's name or folder")
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="a table with the columns of the run"
    )
    parser.add_argument("--withdraw", action="store_true", help="remove these records from the run")
    parser.add_argument(
        "--by",
        choices=("id", "text"),
        help="what identifies a record that the run has (default: id if data.layout.id names a "
        "column, else text)",
    )
    parser.add_argument("--undo", action="store_true", help="take the last batch back")
    trusted = "a module of your own with a data source; may be given several times"
    parser.add_argument("--trusted", action="append", default=[], metavar="MODULE", help=trusted)


def run(options: argparse.Namespace) -> None:
    """Record a batch, or that the last one is taken back, and report on it.

    Raises:
        ConfigError: the options do not fit together, or the batch would change nothing.
        DataError: the file cannot be read or does not fit the run; nothing is recorded.
        BusyError: a command works on the run.
    """
    run_dir = run_folder(options.run)
    if options.undo == (options.file is not None):
        raise ConfigError("give either FILE or --undo")
    with locked(run_dir):
        lines = _undo(run_dir) if options.undo else _append(run_dir, options)
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _append(run_dir: Path, options: argparse.Namespace) -> list[str]:
    layout, path = layout_of_run(run_dir, options.trusted), options.file
    by: Literal["id", "text"] = options.by or ("id" if layout.id else "text")
    if by == "id" and not layout.id:
        raise ConfigError("--by id needs ids, and data.layout.id names no column; use --by text")
    if not path.is_file():
        raise DataError(f"{path} is not a file; expected a table, such as a csv or Parquet file")
    pool, journal = _pool(run_dir), Journal(run_dir / JOURNAL_FILE)
    refuse(pool.facts, "`wsal append`")
    before = changes_in_force(journal.events()).batches
    with_labels = has_labels(path, layout)
    batch = Batch("", file_digest(path), options.withdraw, by, with_labels)
    if before and (before[-1].digest, before[-1].withdraw) == (batch.digest, batch.withdraw):
        raise ConfigError(
            f"{path} was appended already: it is the last batch of {run_dir}, {before[-1].file}"
        )
    read = _batches_of(pool)
    gone = [b["file"] for b in read if b["digest"] not in {batch.digest for batch in before}]
    classes = opened_classes(run_dir).now
    count, texts = checked(path, batch, layout, pool, classes, is_current=not gone)
    if not count.changes_anything and not gone:
        raise ConfigError(f"{path} would change nothing in {run_dir}: {count.in_words()}")
    batch = keep_copy(path, batch, run_dir / APPENDED)
    journal.append([Event(uuid4().hex, CHANGE, "", open_round(run_dir), note=note_of(batch))])
    lines = [f"{path}: {count.in_words()}", f"kept as {run_dir / APPENDED / batch.file}"]
    if not batch.withdraw and (lost := missing_fields(path, layout)):
        lines.append(f"(no column {' and no column '.join(lost)}: empty in these records)")
    known = {batch["digest"] for batch in read}
    if pending := [batch.file for batch in before if batch.digest not in known]:
        lines.append(f"(without the batches that are not in the pool yet: {', '.join(pending)})")
    if gone:
        lines.append(
            f"(with batches that were taken back but are still in the pool: {', '.join(gone)})"
        )
    if n := answers_to(run_dir, texts) if options.withdraw else 0:
        lines.append(
            f"{n:,} answer{'s' * (n != 1)} of people to these texts will be set aside; they count "
            "again if the texts come back"
        )
    return [*lines, f"{_next(run_dir)}; --undo takes this batch back"]


def has_labels(path: Path, layout: Layout) -> bool:
    """Whether a file has the columns with labels: in a class tree, those of all levels.

    Raises:
        DataError: it has some of them only.
    """
    missing = [name for name in layout.label_columns if not has_column(path, name)]
    if missing and len(missing) < len(layout.label_columns):
        names = " and no column ".join(map(repr, missing))
        raise DataError(
            f"{path} has no column {names}, but others of {list(layout.label_columns)}; a "
            "batch needs the columns of all levels, or none of them"
        )
    return bool(layout.label_columns) and not missing


def _undo(run_dir: Path) -> list[str]:
    journal = Journal(run_dir / JOURNAL_FILE)
    events = journal.events()
    undone = {event.note for _, event in events if event.kind == CHANGE_UNDONE}
    in_force = [
        (event.key, change)
        for _, event in events
        if event.kind == CHANGE and event.key not in undone
        if isinstance(change := change_of(event.note), Batch)
    ]
    if not in_force:
        raise ConfigError(f"{run_dir} has no batch of records to take back")
    key, batch = in_force[-1]
    journal.append([Event(uuid4().hex, CHANGE_UNDONE, "", open_round(run_dir), note=key)])
    return [f"taken back: {run_dir / APPENDED / batch.file} (the file is kept)", _next(run_dir)]


def _next(run_dir: Path) -> str:
    return f"run the command of {run_dir} again to apply the change"


def _pool(run_dir: Path) -> Artifact:
    try:
        return Artifact.open(run_dir / "pool")
    except MissingArtifactError as error:
        raise MissingArtifactError(
            f"{run_dir} has no finished pool to append to; run `wsal run` or `wsal prepare` first"
        ) from error


def _batches_of(pool: Artifact) -> list[dict[str, Any]]:
    """The batches that the pool was made with."""
    node = pool.manifest["config"].get("changes", {}).get("node", {})
    batches: list[dict[str, Any]] = node.get("batches", [])
    return batches
