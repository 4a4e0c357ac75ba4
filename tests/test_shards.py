"""Datasets in several files read as one."""

import numpy as np
import polars as pl
import pytest
from helpers import write_shards
from hypothesis import given
from hypothesis import strategies as st

from wsal import tables
from wsal.shards import Stacked, read_array, shard_files, shard_path

SCHEMA = {"id": pl.String, "text": pl.String}


@pytest.fixture
def table(tmp_path):
    frame = pl.DataFrame({"id": [f"i{n}" for n in range(20)], "text": [f"t{n}" for n in range(20)]})
    write_shards(frame, tmp_path / "pool.parquet", [7, 7, 16])
    return frame, tmp_path / "pool.parquet"


def test_a_table_of_many_files_reads_as_one(table):
    frame, path = table
    assert not path.exists()
    assert tables.read(path, SCHEMA).equals(frame)
    assert tables.scan(path).collect().equals(frame)
    assert tables.column(path, "id").to_list() == frame["id"].to_list()
    assert tables.rows_of_shards(path) == [7, 0, 9, 4]
    assert [t for part in tables.texts(path, 4) for t in part] == frame["text"].to_list()


@given(rows=st.lists(st.integers(0, 19), max_size=30))
def test_take_gives_rows_in_the_order_asked(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("taken")
    frame = pl.DataFrame({"id": [f"i{n}" for n in range(20)], "text": [f"t{n}" for n in range(20)]})
    write_shards(frame, folder / "pool.parquet", [5, 6, 19])
    taken = tables.take(folder / "pool.parquet", np.array(rows, np.int64))
    assert taken["text"].to_list() == [f"t{n}" for n in rows]


@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    data=st.data(),
)
def test_stacked_arrays_read_as_their_concatenation(sizes, data):
    parts = [np.random.default_rng(n).random((size, 2)) for n, size in enumerate(sizes)]
    stacked, whole = Stacked(parts), np.concatenate(parts)
    n = len(whole)
    assert (len(stacked), stacked.shape, stacked.dtype) == (n, whole.shape, whole.dtype)
    bound = st.none() | st.integers(-n - 2, n + 2)
    cut = slice(data.draw(bound), data.draw(bound), data.draw(st.sampled_from([None, 1, 2, 3])))
    assert np.array_equal(stacked[cut], whole[cut])
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    assert np.array_equal(stacked[mask], whole[mask])
    if n:
        rows = np.array(data.draw(st.lists(st.integers(-n, n - 1), max_size=6)), np.int64)
        assert np.array_equal(stacked[rows], whole[rows])
        row = data.draw(st.integers(-n, n - 1))
        assert np.array_equal(stacked[row], whole[row])
    for wrong in (n, -n - 1):
        with pytest.raises(IndexError):
            stacked[wrong]
        with pytest.raises(IndexError):
            stacked[np.array([wrong])]


def test_the_files_of_a_dataset_are_no_others(tmp_path):
    for name in (
        "votes-00001.parquet",
        "votes-00000.parquet",
        "votes_dev.parquet",
        "votes-1.parquet",
    ):
        (tmp_path / name).touch()
    files = [file.name for file in shard_files(tmp_path / "votes.parquet")]
    assert files == ["votes-00000.parquet", "votes-00001.parquet"]
    assert shard_path(tmp_path / "pool.bounds.npy", 2, 3).name == "pool-00002.bounds.npy"


def test_arrays_of_several_files_are_memory_maps(tmp_path):
    for number in range(2):
        np.save(shard_path(tmp_path / "a.npy", number, 2), np.full((2, 3), number))
    array = read_array(tmp_path / "a.npy")
    assert array[1:3].tolist() == [[0, 0, 0], [1, 1, 1]]
    assert all(isinstance(part, np.memmap) for part in array.parts)
