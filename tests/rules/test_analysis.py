"""The vote report, against loops over texts and rules."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from wsal.labels import LabelSet
from wsal.rules.analysis import examples, overall, summarise, tally

LABELS = LabelSet(("x", "y", "z"))


@st.composite
def voted(draw):
    """Votes and gold (-1 where unknown) of some texts."""
    n, m = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    votes = draw(st.lists(st.integers(-1, 2), min_size=n * m, max_size=n * m))
    gold = draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    return np.array(votes, dtype=np.int16).reshape(n, m), np.array(gold)


def names(votes):
    return [f"rule {j}" for j in range(votes.shape[1])]


def loop(votes, gold, j):
    """The row of rule j, one text at a time."""
    mine = [i for i in range(len(votes)) if votes[i, j] != -1]
    others = {i: [v for k, v in enumerate(votes[i]) if k != j and v != -1] for i in mine}
    judged = [i for i in mine if gold[i] != -1]
    right = [i for i in judged if votes[i, j] == gold[i]]
    return {
        "rule": f"rule {j}",
        "classes": sorted({LABELS.names[votes[i, j]] for i in mine}),
        "coverage": len(mine) / len(votes),
        "overlap": sum(bool(others[i]) for i in mine) / len(votes),
        "conflict": sum(any(v != votes[i, j] for v in others[i]) for i in mine) / len(votes),
        "n_votes": len(mine),
        "n_gold": len(judged),
        "accuracy": len(right) / len(judged) if judged else None,
    }


@given(voted())
@settings(max_examples=150, deadline=None)
def test_the_report_equals_a_loop(case):
    votes, gold = case
    found = summarise(votes, gold, names(votes), LABELS).to_dicts()
    for j, row in enumerate(found):
        expected = loop(votes, gold, j)
        assert row.pop("classes") == expected.pop("classes")
        ends = (row.pop("low"), row.pop("high"))
        right, n_gold = round((row["accuracy"] or 0) * row["n_gold"]), row["n_gold"]
        if n_gold:
            assert ends == pytest.approx(binomtest(right, n_gold).proportion_ci(method="wilson"))
        else:
            assert ends == (None, None)
        assert row == pytest.approx(expected)


@given(voted(), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_a_rule_that_always_abstains_changes_no_others_numbers(case, place):
    votes, gold = case
    place = min(place, votes.shape[1])
    more = np.insert(votes, place, -1, axis=1)
    found = summarise(more, gold, [*names(votes)[:place], "mute", *names(votes)[place:]], LABELS)
    mute = found.row(place, named=True)
    assert found.filter(pl.col("rule") != "mute").equals(
        summarise(votes, gold, names(votes), LABELS)
    )
    assert (mute["classes"], mute["n_votes"], mute["coverage"], mute["accuracy"]) == (
        [],
        0,
        0,
        None,
    )
    assert overall(more, np.ones(len(more))) == overall(votes, np.ones(len(votes)))


@given(voted(), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_permuting_and_duplicating_texts_changes_no_share(case, random):
    votes, gold = case
    order = random.sample(range(len(votes)), len(votes)) * 2
    once, twice = (
        summarise(v, g, names(votes), LABELS)
        for v, g in ((votes, gold), (votes[order], gold[order]))
    )
    counts = pl.col("n_votes", "n_gold") * 2
    assert [row for row in twice.drop("classes", "low", "high").rows(named=True)] == [
        pytest.approx(row)
        for row in once.drop("classes", "low", "high").with_columns(counts).rows(named=True)
    ]


@given(voted(), st.data())
@settings(max_examples=80, deadline=None)
def test_the_whole_sets_shares_weigh_texts_by_their_copies(case, data):
    votes, _ = case
    copies = data.draw(st.lists(st.integers(1, 4), min_size=len(votes), max_size=len(votes)))
    rows = np.repeat(votes, copies, axis=0)
    said = [{int(v) for v in row if v != -1} for row in rows]
    expected = {
        "coverage": sum(map(bool, said)) / len(rows),
        "overlap": sum((row != -1).sum() > 1 for row in rows) / len(rows),
        "conflict": sum(len(classes) > 1 for classes in said) / len(rows),
    }
    assert overall(votes, np.array(copies)) == pytest.approx(expected)
    assert tally(votes)[1].tolist() == [len({int(v) for v in row if v != -1}) > 1 for row in votes]


@given(voted(), st.integers(1, 3), st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_examples_are_true_wrong_ones_first_and_drawn_once(case, most, seed):
    votes, gold = case
    records = pl.DataFrame({"id": [f"i{i}" for i in range(len(votes))]})
    records = records.with_columns(text=pl.col("id").str.replace("i", "text "))
    draw = np.random.default_rng(seed)
    shown = examples(votes, gold, records, names(votes), LABELS, draw, most)
    for j, rule in enumerate(names(votes)):
        mine = shown.filter(pl.col("rule") == rule)
        rows = [int(one[1:]) for one in mine["id"]]
        wrong = [bool(gold[i] != -1 and gold[i] != votes[i, j]) for i in rows]
        hits = [i for i in range(len(votes)) if votes[i, j] != -1]
        n_wrong = sum(bool(gold[i] != -1 and gold[i] != votes[i, j]) for i in hits)
        assert len(set(rows)) == len(rows)
        assert wrong == sorted(wrong, reverse=True)
        assert sum(wrong) == min(most, n_wrong)
        assert len(rows) - sum(wrong) == min(most, len(hits) - n_wrong)
        assert mine["vote"].to_list() == [LABELS.names[votes[i, j]] for i in rows]
        assert mine["text"].to_list() == [f"text {i}" for i in rows]
        known = [LABELS.names[gold[i]] if gold[i] != -1 else None for i in rows]
        assert mine["gold"].to_list() == known
