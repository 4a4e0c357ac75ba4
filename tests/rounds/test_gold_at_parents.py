"""A split whose gold labels are all parents measures no class, and the stages go on without it."""

import polars as pl

from wsal.artifacts import Artifact, create
from wsal.changes import Changes, ClassEdit
from wsal.data.base import Layout
from wsal.data.frames import TableFrame
from wsal.labels import LabelSet
from wsal.rounds.export_calibration import for_measuring
from wsal.rounds.scoring import dev_texts
from wsal.rounds.split_gold import has_gold
from wsal.rounds.weak_labels import on_gold
from wsal.settings import AggregateSettings
from wsal.stages.prepare import prepare

SPLITS = (
    ClassEdit("split", ("Tea",), ("Green Tea", "Black Tea")),
    ClassEdit("split", ("Coffee",), ("Beans", "Capsules")),
)


def pool_of(folder, edits):
    rows = pl.DataFrame(
        {
            "text": [f"text {i}" for i in range(24)],
            "label": ["Tea", "Coffee"] * 12,
            "split": [s for s in ("train", "dev", "test") for _ in range(8)],
        }
    )
    data = TableFrame(rows, Layout(text=("text",), label="label", split="split"))
    with create(folder / "pool", {}, {}) as (work, facts):
        facts.update(prepare(work, data=data, changes=Changes(edits), seed=0, shard_rows=1_000))
    return Artifact.open(folder / "pool")


def test_a_split_that_was_split_in_all_classes_measures_nothing(tmp_path):
    pool = pool_of(tmp_path, SPLITS)
    assert pool.facts["n_dev"] == pool.facts["n_test"] == 8
    assert not has_gold(pool, "dev") and not has_gold(pool, "test")
    assert on_gold(None, pool, None, AggregateSettings(), LabelSet.of_pool(pool.facts)) == {}
    assert dev_texts(pool, None) is None
    assert for_measuring(pool, None, None) is None


def test_one_class_is_enough(tmp_path):
    pool = pool_of(tmp_path, SPLITS[:1])
    assert has_gold(pool, "dev") and has_gold(pool, "test") and not has_gold(pool, "train")
