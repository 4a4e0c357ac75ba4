"""No text crosses splits, no row is counted twice, and order does not matter."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.data.base import Layout
from wsal.data.keys import as_frame, keys_of
from wsal.data.splits import assign_splits, keep_once
from wsal.evaluation.metrics import evaluate
from wsal.labels import LabelSet
from wsal.text import same_text

SPLITS = ("pool", "dev", "test")
GIVEN = Layout(text=("title",), split="split")
DRAWN = Layout(text=("title",), test_share=0.3, dev_share=0.2)
TEXTS = ["red mug", "Red Mug", "red, mug", "blue mug", "BLUE mug", "tv", "c++", "c", "pan", "Pan!"]
rows_of_a_source = st.lists(
    st.tuples(
        st.sampled_from(TEXTS), st.sampled_from(["a", "b", "c", None]), st.sampled_from(SPLITS)
    ),
    min_size=1,
    max_size=25,
)
layouts = st.sampled_from([GIVEN, DRAWN])


def records(rows):
    """Records as `to_records` makes them."""
    frame = pl.DataFrame(
        rows, schema=dict.fromkeys(("text", "label", "split"), pl.String), orient="row"
    )
    fields = frame.select(title="text").to_struct("fields")
    return frame.with_columns(fields, id=pl.lit(None, pl.String))


def assigned_keys(rows, layout, seed=0):
    """The keys with their splits, and the texts and labels of the records."""
    found = records(rows)
    made = keys_of(found, layout, seed, first=0)
    keys = assign_splits(as_frame(made.keys), layout)
    names = dict(enumerate(made.labels["label"]))
    return keys.with_columns(
        text=found["text"], name=pl.col("label").replace_strict(names, return_dtype=pl.String)
    )


def kept(rows, layout, seed=0):
    """Split -> what is kept of it, as (group, label) -> n_copies."""
    assigned = assigned_keys(rows, layout, seed)
    names = dict(assigned.drop_nulls("label").select("label", "name").rows())
    found = {}
    for split in SPLITS:
        table = keep_once(assigned.drop("text", "name"), split)
        texts = assigned["text"][table["row"]]
        keys = zip(same_text(texts), map(names.get, table["label"]), strict=True)
        found[split] = dict(zip(keys, table["n_copies"], strict=True))
        assert len(found[split]) == len(table)  # each text (and label) once
    return found


@given(rows_of_a_source, layouts)
@settings(max_examples=80, deadline=None)
def test_no_group_crosses_splits_and_the_pool_holds_a_text_once(rows, layout):
    groups = [group for found in kept(rows, layout).values() for group in {g for g, _ in found}]
    assert len(groups) == len(set(groups))
    pool = [group for group, _ in kept(rows, layout)["pool"]]
    assert len(pool) == len(set(pool))


@given(rows_of_a_source)
@settings(max_examples=80, deadline=None)
def test_a_given_split_is_kept_but_for_texts_that_a_more_guarded_one_has(rows):
    rows = [(text, label, split if label else "pool") for text, label, split in rows]
    guarded = {}
    for text, _, split in rows:
        [group] = same_text(pl.Series([text]))
        guarded[group] = max(guarded.get(group, "pool"), split, key=SPLITS.index)
    expected = {split: Counter() for split in SPLITS}
    for text, label, split in rows:
        [group] = same_text(pl.Series([text]))
        if guarded[group] == split:
            expected[split][(group, label) if split != "pool" else group] += 1
    found = kept(rows, GIVEN)
    assert {g: n for (g, _), n in found["pool"].items()} == expected["pool"]
    assert (found["dev"], found["test"]) == (expected["dev"], expected["test"])


@given(rows_of_a_source)
@settings(max_examples=80, deadline=None)
def test_drawn_splits_lose_no_row_with_gold(rows):
    assigned = assigned_keys(rows, DRAWN)
    assigned = assigned.with_columns(group=same_text(assigned["text"]))
    measured = assigned.filter(pl.col("split") != SPLITS.index("pool"))
    lost = measured["label"].null_count()  # a row without gold beside one with gold, in dev or test
    total = sum(n for found in kept(rows, DRAWN).values() for n in found.values())
    assert total == len(rows) - lost
    with_gold = {g for g, label in assigned.select("group", "name").iter_rows() if label}
    assert set(measured["group"]) <= with_gold  # a text without gold is never measured on


@given(rows_of_a_source)
@settings(max_examples=80, deadline=None)
def test_the_pool_takes_the_commonest_label_and_the_first_of_equals(rows):
    votes = {}
    pool_only = [(text, label, "pool") for text, label, _ in rows]
    for text, label, _ in pool_only:
        [group] = same_text(pl.Series([text]))
        votes.setdefault(group, Counter()).update([label] if label else [])
    expected = {(g, next(iter(c.most_common(1)), (None,))[0]) for g, c in votes.items()}
    assert set(kept(pool_only, GIVEN)["pool"]) == expected


@given(rows_of_a_source, layouts, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_permuting_rows_gives_the_same_groups_and_splits(rows, layout, random):
    order = random.sample(range(len(rows)), len(rows))
    found, again = kept(rows, layout), kept([rows[i] for i in order], layout)
    for split in ("dev", "test"):
        assert again[split] == found[split]
    copies = [{g: n for (g, _), n in one["pool"].items()} for one in (found, again)]
    assert copies[0] == copies[1]  # labels may differ: of equals, the first counts


@given(rows_of_a_source, layouts)
@settings(max_examples=80, deadline=None)
def test_duplicating_all_rows_doubles_copies_and_changes_nothing_else(rows, layout):
    once, twice = kept(rows, layout), kept(rows * 2, layout)
    assert twice == {s: {key: 2 * n for key, n in found.items()} for s, found in once.items()}


@given(rows_of_a_source, st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_weighted_metrics_are_those_of_the_rows(rows, seed):
    labels = LabelSet(("a", "b", "c"))
    assigned = assigned_keys(rows, GIVEN)
    assigned = assigned.with_columns(group=same_text(assigned["text"])).filter(~pl.col("moved"))
    draw = np.random.default_rng(seed)
    said = {
        g: draw.dirichlet(np.ones(3)).astype(np.float32) for g in sorted(set(assigned["group"]))
    }

    def metrics(groups, gold, weights):
        probs = np.array([said[g] for g in groups])
        classes = np.array([labels.index(name) for name in gold])
        return evaluate(probs, classes, np.array(weights, dtype=np.float64), labels)

    for split in ("dev", "test"):
        raw = assigned.filter(pl.col("split") == SPLITS.index(split)).drop_nulls("label")
        if len(raw):
            table = kept(rows, GIVEN)[split]
            weighted = metrics(*zip(*table, strict=True), list(table.values()))
            of_rows = metrics(raw["group"], raw["name"], [1.0] * len(raw))
            classes = weighted.pop("classes"), of_rows.pop("classes")
            assert weighted == pytest.approx(of_rows)
            for name in classes[1]:
                assert classes[0][name] == pytest.approx(classes[1][name])


def test_shares_hold_and_the_seed_moves_texts():
    rows = [(f"text {i}", "a", "pool") for i in range(4000)]
    found = {seed: kept(rows, DRAWN, seed) for seed in (0, 1)}
    for split, share in {"test": 0.3, "dev": 0.2, "pool": 0.5}.items():
        assert len(found[0][split]) / 4000 == pytest.approx(share, abs=0.03)
    both = found[0]["test"].keys() & found[1]["test"].keys()
    assert len(both) / 4000 == pytest.approx(0.3 * 0.3, abs=0.03)  # as independent draws would be
