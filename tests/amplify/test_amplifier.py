"""Copies: how many, of what weight, and that they depend on their own record alone."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lexicon import lexicon, pool

from wsal.amplify.amplifier import OPERATIONS, rewrite
from wsal.amplify.consistency import consistency, swap_attributes
from wsal.building import construct
from wsal.errors import ConfigError
from wsal.seeding import rng
from wsal.settings import AmplifySettings

MINED = lexicon()


def records(n=40, seed=1):
    texts, classes = pool(seed, n)
    frame = pl.DataFrame({"id": [f"r{i}" for i in range(n)], "text": texts})
    return frame.with_columns(fields=pl.struct(title="text")), classes


def copies_by_id(frame, made):
    found = {}
    ids = frame["id"].to_list()
    for text, parent in zip(made.texts, made.parent.tolist(), strict=True):
        found.setdefault(ids[parent], set()).add(text)
    return found


def test_counts_weights_and_origins():
    frame, classes = records()
    made = rewrite(frame, classes, MINED, AmplifySettings(copies=3, weight=0.6), rng(0))
    per_record = np.bincount(made.parent, minlength=len(frame))
    assert 0 < per_record.max() <= 3
    assert len(made.texts) == len(made.operation) == len(made.weight) == per_record.sum()
    totals = np.bincount(made.parent, made.weight, minlength=len(frame))
    np.testing.assert_allclose(totals, np.where(per_record > 0, 0.6, 0))
    assert len(set(made.texts)) == len(made.texts)
    assert set(made.texts).isdisjoint(frame["text"])
    assert set(made.operation) <= set(OPERATIONS)
    for text, parent in zip(made.texts, made.parent, strict=True):
        assert MINED.protected_words(frame["text"][int(parent)]) <= MINED.protected_words(text)


@given(order=st.permutations(range(12)), n=st.integers(1, 12))
@settings(max_examples=15, deadline=None)
def test_a_record_gets_the_same_copies_whatever_its_neighbours(order, n):
    frame, classes = records(12)
    frame = frame.with_columns(text=pl.col("id") + ", " + pl.col("text"))  # no two copies equal
    whole = copies_by_id(frame, rewrite(frame, classes, MINED, AmplifySettings(copies=4), rng(7)))
    some = list(order)[:n]
    part = copies_by_id(
        frame[some], rewrite(frame[some], classes[some], MINED, AmplifySettings(copies=4), rng(7))
    )
    assert part == {key: whole[key] for key in frame["id"][some] if key in whole}
    other = copies_by_id(frame, rewrite(frame, classes, MINED, AmplifySettings(copies=4), rng(8)))
    assert other != whole


def test_equal_copies_are_kept_once_and_never_of_two_classes():
    frame = pl.DataFrame({"id": ["b", "a"], "text": ["tea 125 g, x", "tea 250 g, x"]})
    frame = frame.with_columns(fields=pl.struct(title="text"))
    shuffle = AmplifySettings(copies=8, operations=("segment_permute",))
    made = rewrite(frame, np.array([2, 2]), MINED, shuffle, rng(0))
    assert dict(zip(made.texts, made.parent.tolist(), strict=True)) == {
        "x, tea 125 g": 0, "x, tea 250 g": 1,
    }  # fmt: skip
    twins = frame.with_columns(text=pl.lit("tea, x"))
    assert rewrite(twins, np.array([2, 2]), MINED, shuffle, rng(0)).parent.tolist() == [1]
    assert rewrite(twins, np.array([2, 1]), MINED, shuffle, rng(0)).texts == []


def test_no_copy_is_a_real_text():
    frame, classes = records()
    made = rewrite(frame, classes, MINED, AmplifySettings(copies=4), rng(0))
    again = rewrite(frame, classes, MINED, AmplifySettings(copies=4), rng(0), real=made.texts[::2])
    assert set(again.texts) == set(made.texts[1::2])


@pytest.mark.parametrize("options", [{"copies": 0}, {"operations": ()}])
def test_off_makes_nothing(options):
    frame, classes = records()
    made = rewrite(frame, classes, MINED, AmplifySettings(**options), rng(0))
    assert made.texts == made.operation == []
    assert made.parent.dtype == np.int64
    assert made.weight.dtype == np.float64
    nothing = rewrite(frame[:0], classes[:0], MINED, AmplifySettings(copies=4), rng(0))
    assert nothing.texts == []


@pytest.mark.parametrize("wrong", [{"copies": 9}, {"weight": 1.5}, {"operations": ["typos"]}])
def test_settings_have_bounds(wrong):
    assert construct(AmplifySettings, {"operations": ["code_mask"]}, "amplify").copies == 0
    with pytest.raises(ConfigError, match=rf"amplify\.{next(iter(wrong))}"):
        construct(AmplifySettings, wrong, "amplify")


def test_swapped_and_consistency():
    texts, classes = pool(seed=2, n=50)
    texts = [*texts, "", "nothing to swap here"]
    rows, new = swap_attributes(texts, np.append(classes, [0, 0]), MINED, rng(0))
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert len(rows) == len(new) > 25
    assert max(rows) < 50
    assert all(texts[row] != text for row, text in zip(rows, new, strict=True))
    by_colour = lambda some: np.array(["black" in text for text in some]).astype(int)  # noqa: E731
    by_kind = lambda some: np.array(["fridge" in text for text in some]).astype(int)  # noqa: E731
    before = [texts[row] for row in rows]
    assert consistency(by_kind(before), by_kind(new)) == 1.0
    assert consistency(by_colour(before), by_colour(new)) < 1.0
    assert np.isnan(consistency(by_kind([]), by_kind([])))
