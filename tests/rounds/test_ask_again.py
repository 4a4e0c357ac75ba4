"""Which answered texts a round asks again."""

import numpy as np
import pytest

from wsal.rounds.ask_again import asked_again

ROWS = np.array([4, 7, 9, 12])
NOTHING = np.empty(0, np.int64)


def test_marked_rows_are_asked_again_even_a_third_time():
    vectors = np.zeros((20, 2), np.float16)
    asked = np.array([4, 7, 7, 9, 12])
    marked = np.array([7, 12, 15])  # nobody has answered 15
    found = asked_again(vectors, ROWS, np.zeros(4, np.int64), asked, 0, marked)
    assert ROWS[found.rows].tolist() == [7, 12]
    assert found.reasons == ["asked again"] * 2
    assert len(asked_again(vectors, ROWS, np.zeros(4, np.int64), asked, 0, NOTHING).rows) == 0


def test_a_marked_row_that_also_looks_wrong_is_asked_once():
    pytest.importorskip("cleanlab")
    gold = np.repeat([0, 1], 30)
    draw = np.random.default_rng(0)
    vectors = np.eye(3)[gold] + 0.05 * draw.normal(size=(60, 3))
    labels = gold.copy()
    labels[[5, 40]] = 1 - labels[[5, 40]]
    rows = np.arange(60)
    both = asked_again(vectors, rows, labels, rows, 5, np.array([40, 8]))
    assert sorted(both.rows.tolist()) == [5, 8, 40]
    assert sorted(both.rows.tolist()[:2]) == [8, 40]
