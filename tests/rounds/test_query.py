"""A query of which people have answered a part already."""

import numpy as np
import polars as pl
import pytest

from wsal.active.candidates import Selection
from wsal.active.shortlist import search
from wsal.rounds.evaluation_frame import Frame
from wsal.rounds.query import PoolReader, RoundState, choose_query
from wsal.settings import ActiveSettings

N, CLASSES = 40, 3


class InOrder:
    """Chooses the first candidates."""

    def select(self, candidates, size, rng):
        n = min(size, len(candidates.probs))
        return Selection(np.arange(n), np.ones(n, np.float32), ["first"] * n)


def query(early, size=8, n_evaluation=4):
    frame = Frame(np.arange(30, N), np.zeros(N - 30, np.int64))
    probs = np.full((N, CLASSES), 1 / CLASSES, np.float32)
    vectors = np.zeros((N, 2), np.float32)
    nothing = np.empty(0, np.int64)
    state = RoundState(2, vectors, frame, probs[frame.rows], np.array([0, 1]), nothing, nothing)
    reader = PoolReader(
        lambda rows: (probs[rows], vectors[rows]),
        lambda rows: pl.Series([f"text {row}" for row in rows], dtype=pl.String),
        lambda rows: (probs[rows], np.zeros(len(rows))),
        lambda rows: np.zeros(len(rows)),
        lambda wanted: search(wanted, vectors),
    )
    return choose_query(
        state, reader, InOrder(), ActiveSettings(query_size=size), n_evaluation, 0,
        lambda: np.array(early, np.int64),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("early", "chosen"),
    [
        ([], range(2, 10)),
        ([20, 3], [2, 4, 5, 6, 7, 8]),  # in the place of the last ones
        ([2, 3, 4], [5, 6, 7, 8, 9]),
        ([20, 21, 22, 23, 24, 25, 26, 27], [2, 3]),  # a quarter stays
        ([2, 3, 4, 5, 6, 7, 8, 9], [10, 11]),  # even if all that was chosen is answered
        ([*range(2, 9), *range(20, 28)], [9, 10]),
    ],
)
def test_early_answers_take_the_place_of_texts_and_none_is_asked_twice(early, chosen):
    made = query(early)
    table = made.table
    assert table["rank"].to_list() == list(range(1, len(table) + 1))
    assert table["row"].head(len(early)).to_list() == early
    train = table.filter(pl.col("purpose") == "train")
    assert train["row"].to_list() == [*early, *chosen]
    assert set(train["reason"].head(len(early))) <= {"answered early"}
    assert set(table.filter(pl.col("purpose") == "evaluate")["row"]) <= set(range(30, N))
    assert (made.n_early, made.n_evaluation) == (len(early), 4)


def test_a_pool_that_people_have_answered_wholly_still_makes_a_query():
    made = query(list(range(2, 30)))
    assert made.table["row"].to_list()[:28] == list(range(2, 30))
    assert made.table["row"].n_unique() == 28 + 4
