"""How many distinct texts all rows have, from a random sample of them.

A small sample cannot tell how often rare texts repeat, so there are only bounds. The lower bound is
that of Chao & Lin (2012, Biometrics 68). The upper bound is the share in the sample, as a part of
the rows has no smaller share of distinct texts than all rows. The copies of a text are assumed to
lie at random places or next to each other; a table that contains the same file twice has fewer
distinct texts than the bounds say.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.stats import chi2

from wsal.planning.draws import TAIL


def distinct_share(blocks: Sequence[pl.Series], share: float) -> tuple[float, float]:
    """Bounds on the number of distinct texts per row of the whole table, above 0, at most 1.

    Args:
        blocks: texts of the sample, a series in the order of the table for each random place.
        share: the share of the table that was sampled; at 1, both bounds are the exact number.
    """
    texts = pl.concat(blocks)
    n, n_distinct = len(texts), texts.n_unique()
    if share >= 1:
        return n_distinct / n, n_distinct / n
    n_once, n_fewer = _once(blocks, texts)
    once = max(0.0, n_once - n_fewer)
    n_twice = int((texts.value_counts(name="n")["n"] == 2).sum())
    twice = float(chi2.ppf(1 - TAIL, 2 * (n_twice + 1)) / 2)  # upper bound of a Poisson count
    unseen = once**2 / (2 * twice + share / (1 - share) * once)
    mean = n_distinct / n
    low = max(n_distinct, n_distinct - n_fewer + unseen) * share / n
    return min(low, mean), min(mean + _error(blocks, mean), 1.0)


def _once(blocks: Sequence[pl.Series], texts: pl.Series) -> tuple[int, float]:
    """How many texts the sample has once, and two standard errors of it, from differing blocks."""
    ends = np.cumsum([len(block) for block in blocks])
    counts = [int(part.sum()) for part in np.split(texts.is_unique().to_numpy(), ends[:-1])]
    spread = np.std(counts, ddof=1) if len(counts) > 1 else np.sqrt(sum(counts))
    return sum(counts), float(2 * spread * np.sqrt(len(counts)))


def _error(blocks: Sequence[pl.Series], mean: float) -> float:
    """About two standard errors of the sample's share, from how its blocks differ."""
    own = np.array([block.n_unique() / max(1, len(block)) for block in blocks])
    n = sum(map(len, blocks))
    within = np.sqrt(mean * (1 - mean) / n)
    among = own.std(ddof=1) / np.sqrt(len(own)) if len(own) > 1 else 0.0
    return 2 * float(np.hypot(within, among))
