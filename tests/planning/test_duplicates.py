"""Bounds on distinct texts, from samples of tables whose distinct texts are known."""

import numpy as np
import polars as pl
import pytest
from helpers import by_default

from wsal.planning.duplicates import distinct_share

N_TIMES = by_default(40, thorough=400)


def geometric(n, random):
    """Most texts once or twice, few of them often."""
    copies = random.geometric(0.5, n)
    return np.repeat(np.arange(n), copies)[:n]


def popular(n, random):
    """A fifth of the rows has one of a hundred texts, the others are distinct."""
    return np.where(random.random(n) < 0.2, random.integers(100, size=n), 100 + np.arange(n))


TABLES = {
    "distinct": lambda n, _: np.arange(n),
    "twice": lambda n, _: np.arange(n) // 2,
    "ten times": lambda n, _: np.arange(n) // 10,
    "geometric": geometric,
    "popular": popular,
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("order", ["mixed", "copies beside each other"])
def test_bounds_cover_the_share(name, order):
    covered = 0
    for seed in range(N_TIMES):
        random = np.random.default_rng(seed)
        texts = TABLES[name](20_000, random)
        texts = random.permutation(texts) if order == "mixed" else np.sort(texts)
        truth = len(np.unique(texts)) / len(texts)
        cells = np.split(texts, 200)
        chosen = random.permutation(200)[: random.choice([10, 40, 120])]
        blocks = [pl.Series(cells[n].astype(str)) for n in chosen]
        low, high = distinct_share(blocks, len(chosen) / 200)
        assert 0 < low <= high <= 1
        covered += low - 1e-9 <= truth <= high + 1e-9
    assert covered >= 0.9 * N_TIMES


def test_bounds_narrow_with_the_sample():
    texts = np.random.default_rng(0).permutation(geometric(20_000, np.random.default_rng(0)))
    cells = np.split(texts, 200)
    widths = []
    for n in (5, 20, 80, 200):
        low, high = distinct_share([pl.Series(c.astype(str)) for c in cells[:n]], n / 200)
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 0


def test_all_rows_give_the_number_itself():
    assert distinct_share([pl.Series(["a", "b"]), pl.Series(["a"])], 1.0) == (2 / 3, 2 / 3)
