"""Independent random streams from one seed, one for each name."""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHUFFLED = 1_000_000
"""If there are more rows than this, they are not all shuffled to draw a few of them."""


def rng(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on the seed and the names alone, not on the order of calls.

    >>> bool(rng(0, "select", 3).integers(100) == rng(0, "select", 3).integers(100))
    True
    """
    words = [zlib.crc32(str(name).encode()) for name in names]
    return np.random.default_rng([seed, *words])


def integer(seed: int, *names: str | int) -> int:
    """A seed in [0, 2**31) for libraries that take an integer; independent for each name.

    >>> integer(0, "pretrain") == integer(0, "pretrain") != integer(0, "finetune", 1)
    True
    """
    return int(rng(seed, *names).integers(2**31))


def uniform(first: int, n: int, seed: int, *names: str | int) -> np.ndarray:
    """Numbers in [0, 1) for `n` rows from row `first`; they do not depend on how rows are divided.

    >>> bool((uniform(3, 2, 0, "ties") == uniform(0, 9, 0, "ties")[3:5]).all())
    True
    """
    bits: Any = rng(seed, *names).bit_generator  # a PCG64, which can skip numbers
    return np.random.Generator(bits.advance(first)).random(n)


def random_rows(n: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """At most `size` of `n` rows, each once, in random order; in memory for about `size`."""
    if n <= SHUFFLED:
        return rng.permutation(n)[:size]
    return rng.choice(n, min(size, n), replace=False)


def random_of(mask: NDArray[np.bool_], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """At most `size` of the rows at which `mask` is true, each once, in random order.

    >>> sorted(random_of(np.array([True, False, True]), 5, np.random.default_rng(0)).tolist())
    [0, 2]
    """
    places = random_rows(int(np.count_nonzero(mask)), size, rng)
    blocks = np.array_split(mask, max(1, len(mask) // SHUFFLED))
    n_before = np.cumsum([0, *map(np.count_nonzero, blocks)])
    starts = np.cumsum([0, *map(len, blocks)])
    rows = np.empty(len(places), np.int64)
    of_block = np.searchsorted(n_before, places, side="right") - 1
    for number in np.unique(of_block):
        mine = of_block == number
        places_in_block = places[mine] - n_before[number]
        rows[mine] = starts[number] + np.flatnonzero(blocks[number])[places_in_block]
    return rows
