"""Rules two by two, and what no rule votes on, against loops over texts."""

from itertools import combinations, permutations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal import schemas
from wsal.labels import LabelSet
from wsal.rules.pairs import MIN_VOTES, conflicts, related
from wsal.rules.uncovered import groups

LABELS = LabelSet(("x", "y", "z"))


@st.composite
def voted(draw):
    """Votes of rules of which many lean on one another, and gold (-1 where unknown)."""
    n, m = draw(st.integers(0, 60)), draw(st.integers(0, 4))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    votes = rng.integers(-1, 3, (n, m))
    for j in range(1, m):
        keep = rng.random(n) < draw(st.sampled_from([0, 0.5, 0.97, 1]))
        votes[:, j] = np.where(keep, votes[:, draw(st.integers(0, j - 1))], votes[:, j])
        votes[rng.random(n) < draw(st.sampled_from([0, 0.6])), j] = -1
    return votes.astype(np.int16), rng.integers(-1, 3, n)


def rule_names(votes):
    return [f"rule {j}" for j in range(votes.shape[1])]


def relation(a, b, n):
    """Of rule `a`, the one with fewer votes, to `b`; sets of texts."""
    if len(a) < MIN_VOTES:
        return None
    if len(a & b) >= 0.9 * len(a | b):
        return "same"
    if len(a & b) >= 0.95 * len(a):
        return "within"
    on = np.array([[i in a, i in b] for i in range(n)], dtype=float)
    if on.all(axis=0).any():
        return None  # one that votes on every text tells nothing
    return "tied" if np.corrcoef(on.T)[0, 1] >= 0.5 - 1e-12 else None


@given(voted())
@settings(max_examples=200, deadline=None)
def test_related_rules_equal_a_loop(case):
    votes, _ = case
    names = rule_names(votes)
    fires = [set(np.flatnonzero(column != -1).tolist()) for column in votes.T]
    expected = {}
    for pair in combinations(range(len(names)), 2):
        j, k = sorted(pair, key=lambda one: len(fires[one]))
        if found := relation(fires[j], fires[k], len(votes)):
            both = fires[j] & fires[k]
            agree = sum(votes[i, j] == votes[i, k] for i in both) / len(both)
            counts = (len(fires[j]), len(fires[k]), len(both))
            expected[names[j], names[k]] = (*counts, pytest.approx(agree), found)
    table = related(votes, names)
    assert table.schema == schemas.PAIRS
    assert {row[:2]: row[2:] for row in table.rows()} == expected


@given(voted(), st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_the_largest_conflicts_equal_a_loop(case, most):
    votes, gold = case
    texts = pl.Series([f"text {i}" for i in range(len(votes))], dtype=pl.String)
    names = rule_names(votes)
    table = conflicts(votes, gold, texts, names, LABELS, np.random.default_rng(0), most)
    sizes = {}
    for j, k in combinations(range(len(names)), 2):
        for a, b in permutations(range(3), 2):
            where = [i for i in range(len(votes)) if votes[i, j] == a and votes[i, k] == b]
            if where:
                key = (names[j], LABELS.names[a], names[k], LABELS.names[b])
                sizes[key] = where
    assert table["n_texts"].to_list() == sorted(map(len, sizes.values()), reverse=True)[:most]
    for row in table.iter_rows(named=True):
        where = sizes[row["rule"], row["vote"], row["other"], row["other_vote"]]
        truth = [LABELS.names[gold[i]] for i in where if gold[i] != -1]
        assert (row["n_texts"], row["n_gold"]) == (len(where), len(truth))
        for share, vote in (("rule_right", "vote"), ("other_right", "other_vote")):
            right = sum(one == row[vote] for one in truth)
            assert row[share] == (pytest.approx(right / len(truth)) if truth else None)
        assert len(row["examples"]) == min(3, len(where))
        assert set(row["examples"]) <= {f"text {i}" for i in where}


def test_groups_find_what_the_uncovered_texts_are_about():
    texts = ["red lamp"] * 900 + ["green sofa"] * 600 + ["blue chair"] * 500
    gold = np.repeat([0, 1, 2], [900, 600, 500])
    order = np.random.default_rng(1).permutation(2000)
    found = groups(
        pl.Series(texts).gather(order), gold[order], LABELS, np.random.default_rng(0), most=100
    )
    assert found["n_texts"].sum() == 2000
    for row in found.iter_rows(named=True):
        assert len(row["gold"]) == 1
        assert row["gold"][0].endswith("(100%)")
        assert len(set(row["examples"])) == 1
        words = row["examples"][0].split()
        assert set(row["ngrams"]) == {f"{one} (100%)" for one in (*words, " ".join(words))}


@pytest.mark.parametrize("texts", [[], ["one alone"], ["a", "b c", "!"], ["same words here"] * 5])
def test_few_texts_without_a_vote_are_no_error(texts):
    gold = np.full(len(texts), -1)
    found = groups(pl.Series(texts, dtype=pl.String), gold, LABELS, np.random.default_rng(0))
    assert found.schema == schemas.UNCOVERED
    assert found["n_texts"].sum() in (0, len(texts))
