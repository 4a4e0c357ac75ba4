"""What a batch would do to a run whose labels are no plain classes: counted before it is taken."""

import json

import polars as pl
import pytest
from helpers import run_here

from wsal.artifacts import Artifact, create
from wsal.changes import Batch, Changes, ClassEdit
from wsal.commands.append import has_labels
from wsal.data.base import Layout
from wsal.data.class_history import ClassHistory
from wsal.data.frames import TableFrame
from wsal.errors import DataError
from wsal.labels import NONE
from wsal.run.appending import checked
from wsal.stages.prepare import prepare

OPTIONS = (
    "data=csv", "data.path=shop.csv", "data.layout.text=[text]", "name=shop",
    "data.layout.label=label", "data.layout.split=split", "data.layout.id=id",
)  # fmt: skip
LAYOUT = Layout(text=("text",), label="label", split="split", id="id")
SPLIT = ClassEdit("split", ("Tea",), ("Green Tea", "Black Tea"))
MERGE = ClassEdit("merge", ("Coffee", "Pets"), ("Others",))


def rows():
    labels, splits = ["Tea", "Coffee", "Pets", NONE], ["train", "dev", "test"]
    return pl.DataFrame(
        {
            "id": [f"i{i}" for i in range(48)],
            "text": [f"text {i}" for i in range(48)],
            "label": [labels[i % 4] for i in range(48)],
            "split": [splits[i // 4 % 3] for i in range(48)],
        }
    )


def pool_of(folder, *edits):
    with create(folder / "pool", {}, {}) as (work, facts):
        data = TableFrame(rows(), LAYOUT)
        made = prepare(work, data=data, changes=Changes(edits), seed=0, shard_rows=1_000)
        facts.update(made)
    return Artifact.open(folder / "pool")


def count(folder, pool, frame, *edits, by="id"):
    frame.write_csv(folder / "batch.csv")
    classes = ClassHistory(("Coffee", "Pets", "Tea"), edits)
    return checked(folder / "batch.csv", Batch("", "", by=by), LAYOUT, pool, classes)[0]


@pytest.mark.parametrize("applied", [(), (SPLIT,), (SPLIT, MERGE)])
def test_records_with_the_labels_of_before_are_unchanged_after_edits(tmp_path, applied):
    """Whether the pool was made before the edits or after them."""
    pool = pool_of(tmp_path, *applied)
    assert count(tmp_path, pool, rows(), SPLIT, MERGE).in_words() == "48 records: 48 unchanged"
    finer = rows().with_columns(pl.col("label").replace({"Tea": "Black Tea", "Pets": "Others"}))
    counted = count(tmp_path, pool, finer, SPLIT, MERGE)
    assert counted.in_words() == "48 records: 12 changed, 36 unchanged"


def test_the_names_of_edits_that_no_run_has_read_yet_are_classes(tmp_path):
    pool, new = pool_of(tmp_path), rows().with_columns(id=pl.lit("n") + pl.col("id"))
    new = new.with_columns(pl.col("label").replace({"Tea": "Green Tea"}))
    assert count(tmp_path, pool, new, SPLIT).new == 48
    with pytest.raises(DataError, match=r"row 2 and 11 more: the label 'Green Tea' is not a class"):
        count(tmp_path, pool, new)


def test_all_that_is_wrong_with_a_batch_is_named_at_once(tmp_path):
    pool = pool_of(tmp_path)
    new = rows().with_columns(
        pl.col("label").replace({"Tea": "Tee", "Coffee": "Koffee"}),
        id=pl.Series(["n0", "n0", "n2", "n2", *rows()["id"][4:]]),
    )
    with pytest.raises(DataError) as caught:
        count(tmp_path, pool, new, by="text")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path / 'batch.csv'}: 4 things are wrong:"
    assert lines[1].strip() == (
        "2 ids occur several times in column 'id': 'n0' (rows 2, 3), 'n2' (rows 4, 5); ids must be "
        "unique"
    )
    assert "the run already has records with" in lines[2]
    assert "and 34 more; with --by text, ids must be new" in lines[2]
    assert "row 2 and 11 more: the label 'Tee' is not a class of this run; did you" in lines[3]
    assert "row 3 and 11 more: the label 'Koffee'" in lines[4]
    assert "known: Coffee, Pets, Tea; to add a class: wsal classes add RUN" in lines[4]
    pl.DataFrame({"title": ["mug"]}).write_csv(tmp_path / "batch.csv")
    with pytest.raises(DataError, match="no column 'text' and no column 'id'"):
        checked(tmp_path / "batch.csv", Batch("", ""), LAYOUT, pool, ClassHistory(("a", "b")))


def test_no_undo_leaves_labels_of_a_batch_without_a_class(tmp_path):
    """It is refused before `prepare` would have to: a batch can only be taken back."""
    rows().write_csv(tmp_path / "shop.csv")

    def wsal(*words):
        done = run_here(tmp_path, *words)
        assert not done.returncode, done.stdout + done.stderr
        return done.stdout

    wsal("prepare", *OPTIONS)
    wsal("classes", "rename", "shop", "Pets", "Animals")
    wsal("classes", "split", "shop", "Tea", "--into", "Green Tea", "Black Tea")
    for name, label in (("a", "Green Tea"), ("b", "Coffee"), ("c", "Animals")):
        new = rows()[:8].with_columns(label=pl.lit(label))
        new = new.with_columns(pl.col("id", "text").str.replace("^", f"{name} "))
        new.write_csv(tmp_path / f"{name}.csv")
        wsal("append", "shop", f"{name}.csv")
    wsal("prepare", *OPTIONS)
    for words in (("undo",), ("restore", "--at", "1"), ("restore", "--at", "0")):
        done = run_here(tmp_path, "classes", words[0], "shop", *words[1:])
        assert done.returncode
        assert "001.csv, row 2 and 7 more: the label 'Green Tea' is not a class" in done.stderr
        assert "take the last 3 batches back first" in done.stderr
        assert ("003.csv, row 2" in done.stderr) == ("0" in words)
    for _ in range(3):
        wsal("append", "shop", "--undo")
    wsal("classes", "undo", "shop")
    # The pool has its records until it is made again.
    assert "taken back but are still in the pool: 001.csv, 002" in wsal("append", "shop", "c.csv")
    wsal("prepare", *OPTIONS)
    assert Artifact.open(tmp_path / "runs/shop/pool").facts["n_pool"] == 16 + 4
    assert "known: Coffee, Pets, Tea" in run_here(tmp_path, "classes", "undo", "shop").stderr


def test_no_label_of_a_batch_moves_to_a_new_class_with_a_freed_name(tmp_path):
    rows().write_csv(tmp_path / "shop.csv")

    def wsal(*words):
        done = run_here(tmp_path, *words)
        return done.stdout if not done.returncode else done.stderr

    assert "texts" in wsal("prepare", *OPTIONS)
    assert "change 1" in wsal("classes", "add", "shop", "Cups")
    new = rows()[:3].with_columns(pl.col("id", "text") + " new", label=pl.lit("Cups"))
    new.write_csv(tmp_path / "new.csv")
    assert "3 new" in wsal("append", "shop", "new.csv")
    assert "change 2" in wsal("classes", "rename", "shop", "Cups", "Mugs")
    for words in (("add", "shop", "Cups"), ("rename", "shop", "Tea", "Cups")):
        printed = wsal("classes", *words)
        assert "3 records of appended/001.csv have the label 'Cups', which means 'Mugs'" in printed
    assert "change 3" in wsal("classes", "rename", "shop", "Mugs", "Cups")  # its own name
    assert "change 4" in wsal("classes", "add", "shop", "Glasses")


def test_records_of_no_class_are_in_the_run_in_each_split(tmp_path):
    pool = pool_of(tmp_path)
    assert json.loads((pool.path / "manifest.json").read_text())["facts"]["n_without_class"] == 12
    classified = rows().with_columns(pl.col("label").replace({NONE: "Tea"}))
    counted = count(tmp_path, pool, classified)
    assert counted.in_words() == "48 records: 12 changed, 36 unchanged"


def test_a_batch_has_the_labels_of_all_levels_or_of_none(tmp_path):
    layout = Layout(text=("text",), label=("shelf", "kind"), id="id")
    columns = {"id": ["a"], "text": ["mug"], "shelf": ["Food"], "kind": ["Tea"]}
    for names, expected in (((), True), (("shelf", "kind"), False)):
        pl.DataFrame(columns).drop(names).write_csv(tmp_path / "batch.csv")
        assert has_labels(tmp_path / "batch.csv", layout) is expected
    pl.DataFrame(columns).drop("kind").write_csv(tmp_path / "batch.csv")
    with pytest.raises(DataError, match="has no column 'kind', but others of"):
        has_labels(tmp_path / "batch.csv", layout)
