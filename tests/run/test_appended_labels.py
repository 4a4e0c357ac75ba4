"""What a batch would do to a run whose labels are no plain classes: counted before it is taken."""

import json

import polars as pl
import pytest

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


def count(folder, pool, frame, *edits):
    frame.write_csv(folder / "batch.csv")
    classes = ClassHistory(("Coffee", "Pets", "Tea"), edits)
    return checked(folder / "batch.csv", Batch("", ""), LAYOUT, pool, classes)[0]


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
    with pytest.raises(DataError, match="row 2, has the label 'Green Tea', which is not a class"):
        count(tmp_path, pool, new)


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
