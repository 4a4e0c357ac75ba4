"""Rows taken from a table on disk, part by part, are those that one would pick at once."""

import numpy as np
import polars as pl
import pytest

from wsal import tables


@pytest.fixture
def path(tmp_path):
    numbers = np.random.default_rng(0).random((100, 4))
    frame = pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(100)],
            "fields": [{"title": f"t{i}", "brand": None if i % 3 else "b"} for i in range(100)],
            "probs": pl.Series(numbers, dtype=pl.Array(pl.Float32, 4)),
        }
    )  # fmt: skip
    frame.write_parquet(tmp_path / "table.parquet", row_group_size=13)
    return tmp_path / "table.parquet"


@pytest.mark.parametrize("rows", [[], [0], [99, 0, 50], [7, 7, 3, 7], list(range(99, -1, -1))])
def test_take_is_a_pick_from_the_whole(path, rows, monkeypatch):
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 8)
    taken = tables.take(path, np.array(rows, dtype=np.int64))
    whole = pl.read_parquet(path)
    assert taken.schema == whole.schema
    assert taken.equals(whole[rows])


def test_rows_without_columns_are_an_empty_table(tmp_path):
    path = tmp_path / "votes.parquet"
    tables.write(pl.DataFrame({"id": ["a", "b"]}), path, {"id": pl.String})
    assert tables.take(path, np.array([1]), []).shape == (0, 0)
