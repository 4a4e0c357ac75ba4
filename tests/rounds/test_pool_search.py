"""A search of shards finds what a search of the whole pool finds, also when it is begun again."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from helpers import write_shards

from wsal.active.proxy import fit_proxy
from wsal.active.shortlist import Search, chosen, search
from wsal.artifacts import CHECKPOINTS
from wsal.rounds.pool_search import search_shards
from wsal.settings import LauncherSettings
from wsal.shards import shard_path

N, DIMS = 900, 8


@pytest.fixture
def pool():
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(N, DIMS)).astype(np.float16)
    probs = draw.dirichlet(np.ones(3), N).astype(np.float32)
    votes = draw.integers(-1, 3, (N, 2)).astype(np.int16)
    given = {
        "proxy": fit_proxy(vectors[:200], probs[:200]),
        "rare": vectors[[5]].astype(np.float32),
    }
    return vectors, votes, Search(60, 3, np.arange(0, 200), n_drawn=30, **given)


def written(folder, vectors, votes, cuts, cuts_of_votes):
    for number, (first, end) in enumerate(pairwise([0, *cuts, N])):
        path = shard_path(folder / "embeddings.npy", number, len(cuts) + 1)
        np.save(path, vectors[first:end])
    table = pl.DataFrame({"id": map(str, range(N)), "rule a": votes[:, 0], "rule b": votes[:, 1]})
    write_shards(table, folder / "votes.parquet", cuts_of_votes, rows_of_group=70)
    return folder / "embeddings.npy", folder / "votes.parquet"


@pytest.mark.parametrize("cuts", [[], [250, 250, 700]])
@pytest.mark.parametrize("cuts_of_votes", [[], [10, 600]])
def test_shards_give_what_the_whole_pool_gives(pool, tmp_path, cuts, cuts_of_votes):
    vectors, votes, wanted = pool
    is_disputed = (votes.min(axis=1) >= 0) & (votes[:, 0] != votes[:, 1])
    rows, drawn = chosen(wanted, search(wanted, vectors, is_disputed))
    paths = written(tmp_path, vectors, votes, cuts, cuts_of_votes)
    out = tmp_path / "query"
    for _ in range(2):  # as after a kill
        listed = search_shards(wanted, out, *paths, LauncherSettings())
        again = chosen(wanted, listed)
        assert (again[0].tolist(), again[1].tolist()) == (rows.tolist(), drawn.tolist())
    assert [path.name for path in out.iterdir()] == [CHECKPOINTS]  # nothing is left in an artifact
    assert np.isin(rows, np.flatnonzero(is_disputed)).sum() >= 12


def test_processes_find_the_same(pool, tmp_path):
    vectors, votes, wanted = pool
    paths = written(tmp_path, vectors, votes, [300, 600], [])
    lists = [
        search_shards(wanted, tmp_path / str(n), *paths, LauncherSettings(processes=n))
        for n in (1, 2)
    ]
    assert lists[0].tolist() == lists[1].tolist()
