"""Votes on the rows of a table as they are."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wsal
from wsal.errors import DataError, RuleError

LABELS = ["Coffee", "Tea"]
RULES = {
    "beans": wsal.Keyword("Coffee", ["beans"]),
    "green": wsal.Keyword("Tea", ["green", "sencha"]),
    "brand": wsal.Keyword("Tea", ["leaf"], fields=["brand"]),
}
WORDS = st.sampled_from(["beans", "green", "sencha", "leaf", "mug", "", None, "green beans"])


def votes(rows):
    return wsal.vote_table(RULES, rows, text="title", keep=["brand"], labels=LABELS)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=20), st.integers(0, 20))
def test_batches_give_the_votes_of_the_table_and_of_a_pool(pairs, cut):
    rows = pl.DataFrame(pairs, {"title": pl.String, "brand": pl.String}, orient="row")
    whole = votes(rows)
    assert whole.schema == dict.fromkeys(RULES, pl.String)
    assert pl.concat([votes(rows[:cut]), votes(rows[cut:])]).equals(whole)
    for (title, brand), vote in zip(pairs, whole.iter_rows(), strict=True):
        if not title:
            assert vote == (None, None, None)
            continue
        pool = wsal.Pool(
            pl.DataFrame({"title": [title], "brand": [brand]}, {"title": str, "brand": str}),
            text="title", keep=["brand"], labels=LABELS,
        )  # fmt: skip
        (numbers,) = wsal.vote(RULES, pool).matrix.tolist()
        assert vote == tuple(LABELS[n] if n >= 0 else None for n in numbers)


def test_mistakes():
    rows = pl.DataFrame({"title": ["mug"], "brand": ["a"]})
    with pytest.raises(DataError, match="no column 'text'"):
        wsal.vote_table(RULES, rows, labels=LABELS)
    with pytest.raises(RuleError, match="unknown label 'Tea'"):
        wsal.vote_table(RULES, rows, text="title", keep=["brand"], labels=["Coffee"])
    with pytest.raises(RuleError, match="brand"):
        wsal.vote_table(RULES, rows, text="title", labels=LABELS)
