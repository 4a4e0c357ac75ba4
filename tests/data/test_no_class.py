"""Rows whose gold label is "none of these": no class, in no metric of classes, but known."""

import numpy as np
import polars as pl
import pytest

from wsal.annotation.annotators import Oracle
from wsal.annotation.query import Query
from wsal.api.pool import Pool
from wsal.artifacts import Artifact, create
from wsal.data.base import Layout
from wsal.data.frames import TableFrame
from wsal.errors import DataError
from wsal.evaluation.estimates import accuracy, macro_f1
from wsal.evaluation.sample import Sample
from wsal.labels import NONE, LabelSet
from wsal.stages.annotate import _gold
from wsal.stages.prepare import prepare


def rows(n=90):
    labels = ["Tea", "Coffee", NONE]
    splits = ["train", "train", "test"]
    return pl.DataFrame(
        {
            "text": [f"{labels[i % 3]} number {i}" for i in range(n)],
            "label": [labels[i % 3] for i in range(n)],
            "split": [splits[i // 3 % 3] for i in range(n)],
        }
    )


@pytest.mark.parametrize("shard_rows", [1_000, 7])
def test_rows_of_no_class_are_in_the_pool_but_not_in_the_splits(tmp_path, shard_rows):
    layout = Layout(text=("text",), label="label", split="split")
    with create(tmp_path / "pool", {}, {}) as (work, facts):
        made = prepare(work, data=TableFrame(rows(), layout), seed=0, shard_rows=shard_rows)
        facts.update(made)
    pool = Artifact.open(tmp_path / "pool")
    assert (facts["labels"], facts["n_without_class"]) == (["Coffee", "Tea"], 30)
    assert (facts["n_pool"], facts["n_test"], facts["n_pool_gold"]) == (60, 20, 40)
    test = pl.read_parquet(pool.path / "test.parquet")
    assert set(test["label"]) == {0, 1}
    none = pl.read_parquet(pool.path / "none.parquet")
    assert dict(none["split"].value_counts().rows()) == {"pool": 20, "test": 10}
    assert none["text"].str.starts_with(NONE).all()
    gold = pl.read_parquet(sorted(pool.path.glob("gold*.parquet")))
    assert set(gold["label"]) == {0, 1}
    texts = pl.read_parquet(sorted(pool.path.glob("pool*.parquet")))
    known = _gold(pool, texts["id"], pl.Series(range(60)))
    query = Query(texts.select("id"), LabelSet.of_pool(facts), known, tmp_path)
    answered = Oracle().annotate(query, np.random.default_rng(0))
    assert [text.partition(" number")[0] for text in texts["text"]] == answered["label"].to_list()


def test_without_such_rows_there_is_no_trace_of_them(tmp_path):
    layout = Layout(text=("text",), label="label", split="split")
    with create(tmp_path / "pool", {}, {}) as (work, facts):
        some = rows().filter(pl.col("label") != NONE)
        facts.update(prepare(work, data=TableFrame(some, layout), seed=0, shard_rows=1_000))
        assert not (work / "none.parquet").exists()
    assert "n_without_class" not in facts


def test_a_former_class_may_become_none_of_these():
    frame = rows().with_columns(pl.col("label").replace({NONE: "Other"}))
    pool = Pool(frame, label="label", split="split", renamed={"Other": NONE})
    assert pool.labels == ("Coffee", "Tea")
    assert (len(pool), len(pool.prepared.test), (pool.gold < 0).sum()) == (60, 20, 20)


def test_it_is_no_name_for_a_class():
    with pytest.raises(DataError, match=r"data.layout.labels names 'none of these'"):
        Pool(["a", "b"], labels=["Tea", NONE])


def test_a_text_of_no_class_counts_as_wrong():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet([1, 1, 1], 60).astype(np.float32)
    gold = rng.integers(0, 4, 60)  # 3: no class
    sample = Sample(np.arange(60), gold, np.zeros(60, np.int64))
    predicted = probs.argmax(axis=1)
    assert accuracy(sample, probs, rng).value == pytest.approx((predicted == gold).mean())
    pairs = [((predicted == c) & (gold == c), (predicted == c), (gold == c)) for c in range(3)]
    f1 = [2 * both.sum() / (p.sum() + g.sum()) for both, p, g in pairs]
    assert macro_f1(sample, probs, rng).value == pytest.approx(np.mean(f1), abs=1e-6)
