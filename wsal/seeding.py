"""Independent random streams from one seed, one for each name."""

import zlib

import numpy as np


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
