"""A pool that is made again, from rows and files that were kept, is that of a new run."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal import artifacts, tables
from wsal.artifacts import Artifact, create
from wsal.changes import Batch, ClassEdit
from wsal.data import pool_files, reading
from wsal.data.base import Layout, parts_of
from wsal.data.batches import Batches
from wsal.data.frames import TableFrame
from wsal.data.prepared import NO_BATCHES
from wsal.data.reading import CLEANED, Sizes
from wsal.digests import file_digest
from wsal.stages.prepare import write_pool

WITH_IDS = Layout(("title",), keep=("price",), id="id", labels=("a", "b"), label="kind")
WITHOUT = Layout(("title",), keep=("price",), labels=("a", "b"), label="kind", test_share=0.4)
SMALL = Sizes(rows_of_part=3, rows_of_run=5, partitions=2)
COLUMNS = ("id", "title", "kind", "price")
BASE = [("0", "soap", None, "1"), *((f"b{i}", f"text {i}", "ab"[i % 2], "1") for i in range(8))]
RENAMED = ClassEdit("rename", ("b",), ("z",))
titles = st.sampled_from(["soap", "Text 1", "text 2", "text 3", "text 5", "mug", "MUG", "pan"])
ids = st.sampled_from([*(f"b{i}" for i in range(8)), "n1", "n2", "n3"])  # "0" is never changed
record = st.tuples(ids, titles, st.sampled_from(["a", "b", "none of these", None]), ids)
batch = st.tuples(
    st.lists(record, min_size=1, max_size=4, unique_by=lambda row: row[0]),
    st.sampled_from("awl"),
    st.none(),
)
steps = st.lists(st.one_of(batch, st.sampled_from(["undo", "rename"])), min_size=1, max_size=5)


def framed(rows):
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def batch_of(run_dir, number, rows, kind, layout):
    """A batch that adds records, without (`l`) or with (`a`) labels, or that withdraws (`w`)."""
    path = run_dir / "appended" / f"{number:03}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    dropped = {"l": ["kind"], "w": ["kind"], "a": []}[kind]
    framed(rows).drop(dropped).write_parquet(path)
    by = "id" if layout.id else "text"
    return Batch(path.name, file_digest(path), kind == "w", by, kind == "a")


def made(run_dir, layout, batches, edits, batches_of=None):
    """The pool of a run, made as the stage does."""
    run_dir.mkdir(exist_ok=True)
    config = {"batches": [batch.digest for batch in batches], "edits": [*map(str, edits)]}
    pool = run_dir / "pool"
    with create(pool, config, {}) as (work, facts):
        source = TableFrame(framed(BASE), layout)
        folder = Batches(tuple(batches), (batches_of or run_dir) / "appended")
        earlier = Artifact.open(pool) if pool.exists() else None
        where = {"cleaned": run_dir / CLEANED, "origin": "data", "earlier": earlier}
        facts.update(write_pool(work, source, 1, 3, SMALL, folder, edits, **where))
    return Artifact.open(pool)


def states(taken, run_dir, layout):
    """The batches and class edits after each step."""
    batches, edits = [], []
    for number, step in enumerate(taken):
        if step == "rename":
            edits = [RENAMED]
        elif step == "undo":
            batches = batches[:-1]
        else:
            batches = [*batches, batch_of(run_dir, number, *step[:2], layout)]
        yield batches, edits


@given(steps, st.sampled_from([WITH_IDS, WITHOUT]))
@settings(max_examples=25, deadline=None)
def test_it_is_that_of_a_new_run_whatever_was_changed(taken, layout):
    with TemporaryDirectory() as name:
        run_dir = Path(name, "run")
        made(run_dir, layout, [], [])
        for number, (batches, edits) in enumerate(states(taken, run_dir, layout)):
            again = made(run_dir, layout, batches, edits)
            new = made(Path(name, f"new-{number}"), layout, batches, edits, run_dir)
            assert again.digest == new.digest
            assert again.facts == new.facts


class Killed(BaseException):
    """The process ends."""


@given(steps, st.sampled_from([WITH_IDS, WITHOUT]), st.integers(0, 60))
@settings(max_examples=25, deadline=None)
def test_killed_anywhere_it_goes_on(taken, layout, n_calls):
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        run_dir, left = Path(name, "run"), [n_calls]

        def dying(function):
            def call(*args, **kwargs):
                left[0] -= 1
                if left[0] == 0:
                    raise Killed
                return function(*args, **kwargs)

            return call

        writers = (artifacts, "fsync"), (artifacts, "write_json"), (tables, "write"), (np, "save")
        others = (pool_files, "link"), (reading, "to_records"), (shutil, "rmtree")
        for owner, function in (*writers, *others):
            patched.setattr(owner, function, dying(getattr(owner, function)))
        for batches, edits in ([[], []], *states(taken, run_dir, layout)):
            try:
                made(run_dir, layout, batches, edits)
            except Killed:
                made(run_dir, layout, batches, edits)
        patched.undo()
        new = made(Path(name, "new"), layout, batches, edits, run_dir)
        assert Artifact.open(run_dir / "pool").digest == new.digest


def test_only_new_rows_are_cleaned_and_only_changed_files_written(tmp_path, monkeypatch):
    run_dir, cleaned, written = tmp_path / "run", [], []
    made(run_dir, WITH_IDS, [], [])
    to_records, write = reading.to_records, tables.write

    def spy(rows, layout):
        cleaned.append(len(rows))
        return to_records(rows, layout)

    def spy_on_files(frame, path, schema):
        written.append(path.name)
        write(frame, path, schema)

    monkeypatch.setattr(reading, "to_records", spy)
    monkeypatch.setattr(tables, "write", spy_on_files)
    first = batch_of(
        run_dir, 1, [("n1", "mug", None, "1"), ("n2", "pan", None, "1")], "a", WITH_IDS
    )
    n_files = len(tables.shard_files(run_dir / "pool/pool.parquet"))
    made(run_dir, WITH_IDS, [first], [])
    assert cleaned == [2] and written == [f"pool-{n_files:05}.parquet"]
    copy = batch_of(run_dir, 2, [("n3", "MUG", None, "1")], "a", WITH_IDS)
    written.clear()
    made(run_dir, WITH_IDS, [first, copy], [])
    assert cleaned == [2, 1] and written == [f"pool-{n_files:05}.parquet"]


def test_progress_is_reported_while_rows_are_cleaned(tmp_path):
    done, seen = [], []

    def source():
        (part,) = parts_of(TableFrame(framed(BASE), WITH_IDS))
        for first in range(0, len(BASE), 3):
            yield part._replace(rows=part.rows[first : first + 3])
            seen.append(sum(done))

    for _ in range(2):  # rows that are taken over are no work
        where = tmp_path / "scratch", tmp_path / CLEANED, "data", SMALL
        reading.read_rows(source(), NO_BATCHES, WITH_IDS, 1, *where, done.append)
        assert seen == [3, 6, 9] and sum(done) == 9
