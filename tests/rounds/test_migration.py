"""Runs of wsal before 0.2: answers get their texts, queries stay, or it is said what to do."""

import json

import polars as pl
import pytest

from wsal import artifacts, schemas, tables
from wsal.annotation.answers import gold_answers, read_annotations
from wsal.annotation.handed_out import is_handed_out
from wsal.artifacts import Artifact
from wsal.digests import file_digest
from wsal.errors import TableError
from wsal.rounds.evaluation_frame import read_frame
from wsal.rounds.migration import migrate

ANSWERS = {"id": pl.String, "label": pl.String, "annotator": pl.String, "seconds": pl.Float32,
           "purpose": pl.String}  # fmt: skip
FRAME = {"id": pl.String, "stratum": pl.Int64}
TEXTS = ["red mug", "big pan", "jar", "lid"]
FILE, ORACLE = "wsal.annotation.annotators.File", "wsal.annotation.annotators.Oracle"


def artifact(place, config, inputs, facts, **files):
    """An artifact as the old version sealed it: with these tables, whatever their columns."""
    with artifacts.create(place, config, inputs) as (work, told):
        for name, frame in files.items():
            frame.write_parquet(work / f"{name}.parquet")
        told.update(facts)
    return Artifact.open(place)


def old_pool(run, texts, ids, id_column):
    fields = [{"t": text} for text in texts]
    records = pl.DataFrame(
        {"id": ids, "text": texts, "n_copies": [1] * len(texts), "fields": fields},
        schema=schemas.records_schema(["t"]),
    )  # fmt: skip
    config = {"data": {"node": {"layout": {"id": id_column}}, "content": {"texts": texts}}}
    facts = {"labels": ["Cat", "Dog"], "n_pool": len(texts)}
    return artifact(run / "pool", config, {}, facts, pool=records)


def old_run(run, *, by=FILE, answers=True, id_column=None, rounds=1):
    """A run with a query of all texts in each round, answered or not; its frame has two of them."""
    ids = [f"r{n}" for n in range(len(TEXTS))]
    pool = old_pool(run, TEXTS, ids, id_column)
    query = pl.DataFrame(
        {"id": ids, "text": TEXTS, "rank": range(4), "score": [0.0] * 4, "reason": [""] * 4,
         "predicted": [1] * 4, "confidence": [0.5] * 4, "purpose": ["train"] * 4},
        schema=schemas.QUERY,
    )  # fmt: skip
    frame = pl.DataFrame({"id": ids[2:], "stratum": [7, 8]}, schema=FRAME)
    given = pl.DataFrame(
        {"id": ids, "label": ["Cat", "Dog", None, "Cat"], "annotator": ["x"] * 4,
         "seconds": [None] * 4, "purpose": ["train"] * 4},
        schema=ANSWERS,
    )  # fmt: skip
    for number in range(1, rounds + 1):
        place = run / f"rounds/{number:03d}"
        asked = artifact(place / "query", {}, {"pool": pool.digest}, {"round": number},
                         query=query, frame=frame)  # fmt: skip
        if answers:
            artifact(place / "annotations", {"annotator": {"node": {"_target_": by}}},
                     {"query": asked.digest}, {"round": number}, annotations=given)  # fmt: skip
    return run


def test_answers_and_frame_get_their_texts(tmp_path):
    run = old_run(tmp_path / "run", rounds=2)
    (run / "rounds/001/query.csv").write_text("the sheet")
    assert len(migrate(run)) == 2
    assert migrate(run) == []  # once is enough
    done = Artifact.open(run / "rounds/001/annotations")
    table = read_annotations(done.path / "annotations.parquet")
    assert table["text"].to_list() == TEXTS
    assert table["label"].to_list() == ["Cat", "Dog", None, "Cat"]
    assert done.facts["answers_in"] == {"query.csv": file_digest(run / "rounds/001/query.csv")}
    for name in ("annotations", "query"):
        recorded = json.loads((run / f"rounds/001/{name}/manifest.json").read_text())
        for file, digest in recorded["files"].items():
            assert file_digest(run / f"rounds/001/{name}" / file) == digest
    assert is_handed_out(run / "rounds/001")
    assert is_handed_out(run / "rounds/002")
    moved = old_pool(run, ["new", *TEXTS[::-1]], [f"r{n}" for n in range(5)], None)
    rows, classes = gold_answers(moved, [done])
    assert dict(zip(rows.tolist(), classes.tolist(), strict=True)) == {4: 0, 3: 1, 1: 0}
    frame = read_frame(moved, Artifact.open(run / "rounds/001/query"))
    assert (frame.rows.tolist(), frame.stratum.tolist()) == ([1, 2], [8, 7])


def test_a_kill_on_the_way_does_no_harm(tmp_path, monkeypatch):
    run = old_run(tmp_path / "run")
    whole = old_run(tmp_path / "whole")
    migrate(whole)
    steps = ("_replace", "_seal", "hand_out")
    for step in steps:
        with monkeypatch.context() as patch:
            patch.setattr(f"wsal.rounds.migration.{step}", _killed)
            with pytest.raises(KeyboardInterrupt):
                migrate(run)
    migrate(run)
    for name in ("annotations", "query"):
        one, other = (Artifact.open(r / f"rounds/001/{name}") for r in (run, whole))
        assert one.manifest["files"] == other.manifest["files"]
        assert one.digest == other.digest


def _killed(*_args, **_more):
    raise KeyboardInterrupt


def test_where_the_table_changed_row_numbers_are_refused_and_ids_are_found(tmp_path):
    run = old_run(tmp_path / "run")
    old_pool(run, ["new", *TEXTS], [f"r{n}" for n in range(5)], None)
    with pytest.raises(TableError) as error:
        migrate(run)
    for words in ("frame.parquet", "row numbers", "Restore the old table", "name=..."):
        assert words in str(error.value)
    run = old_run(tmp_path / "other", id_column="sku")
    old_pool(run, ["new", *TEXTS], ["new", *(f"r{n}" for n in range(4))], "sku")
    migrate(run)
    frame = tables.read(run / "rounds/001/query/frame.parquet", schemas.FRAME)
    assert frame["text"].to_list() == TEXTS[2:]


def test_rounds_of_an_oracle_are_left_alone_and_half_filled_sheets_are_kept(tmp_path):
    run = old_run(tmp_path / "run", by=ORACLE)
    assert migrate(run) == []
    assert not is_handed_out(run / "rounds/001")
    with pytest.raises(TableError, match=r"written by wsal before 0\.2"):
        read_annotations(run / "rounds/001/annotations/annotations.parquet")
    run = old_run(tmp_path / "open", answers=False)
    assert migrate(run) == []  # nobody was asked
    (run / "rounds/001/query.csv").write_text("half a sheet")
    assert len(migrate(run)) == 1
    assert is_handed_out(run / "rounds/001")
    assert (run / "rounds/001/query.csv").read_text() == "half a sheet"


def test_answers_without_their_query_are_refused(tmp_path):
    run = old_run(tmp_path / "run")
    path = run / "rounds/001/query/query.parquet"
    pl.read_parquet(path).head(2).write_parquet(path)
    with pytest.raises(TableError, match="2 answers are to ids that the query beside them"):
        migrate(run)


def test_a_journal_of_before_keeps_its_query_and_gets_the_new_column(tmp_path):
    import sqlite3

    from wsal.annotation.journal import Event, Journal

    run = old_run(tmp_path / "run", answers=False)
    with sqlite3.connect(run / "annotations.sqlite") as file:
        file.execute(
            "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, key, kind, "
            "annotator, round, id, label, seconds, shown, note, UNIQUE (key))"
        )
        file.execute(
            "INSERT INTO events (key, kind, annotator, round, id, label, shown, note) "
            "VALUES ('k', 'answer', 'ann', 1, 'r0', 'Cat', '', '')"
        )
    assert len(migrate(run)) == 1
    assert is_handed_out(run / "rounds/001")
    journal = Journal(run / "annotations.sqlite")
    journal.append([Event("k2", "answer", "ann", 1, "r1", "Dog", text="big pan")])
    assert [(e.id, e.label, e.text) for _, e in journal.events()] == [
        ("r0", "Cat", ""), ("r1", "Dog", "big pan")]  # fmt: skip


def test_texts_that_were_cleaned_otherwise_are_found(tmp_path):
    """Before 0.2 the selector of an emoji's form was kept."""
    run = old_run(tmp_path / "run")
    migrate(run)
    done = Artifact.open(run / "rounds/001/annotations")
    path = done.path / "annotations.parquet"
    table = read_annotations(path)
    kept = table.with_columns(text=pl.col("text").replace("red mug", "I \u2764\ufe0f mugs"))
    tables.write(kept, path, schemas.ANNOTATIONS)
    pool = old_pool(run, ["jar", "i \u2764 mugs"], ["x", "y"], None)
    rows, classes = gold_answers(pool, [done])
    assert dict(zip(rows.tolist(), classes.tolist(), strict=True)) == {1: 0}
