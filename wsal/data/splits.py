"""Group equal texts, put each group into one split, and keep each text once."""

import numpy as np
import polars as pl

from wsal.data.base import Layout
from wsal.data.batches import Periods
from wsal.data.keys import SPLITS
from wsal.errors import DataError


def assign_splits(keys: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The keys with `split`, `moved` and `place`; all rows of a group are in one split.

    With a split column, a group with rows in several splits goes to the most protected of them:
    test, then dev, then pool; the others are `moved`. Without one, the draw of the group decides;
    groups without gold go to the pool.

    Args:
        keys: of whole groups: `group`, `label` (or null), `split` (the position in `SPLITS`) and
            `draw`, which is the same for all rows of a group with a label; see `keys.KEYS`.
        layout: what the columns mean.
    """
    if layout.split:
        most = pl.col("split").max().over("group")
        return keys.with_columns(split=most, moved=pl.col("split") < most, place="row")
    # only rows with gold have a draw
    drawn = keys.drop_nulls("label").unique("group").select("group", "draw")
    split = (
        pl.when(pl.col("draw") < layout.test_share)
        .then(SPLITS.index("test"))
        .when(pl.col("draw") < layout.test_share + layout.dev_share)
        .then(SPLITS.index("dev"))
        .otherwise(SPLITS.index("pool"))
        .cast(pl.Int8)
    )
    joined = keys.drop("draw", "split").join(drawn, on="group", how="left", maintain_order="left")
    return joined.with_columns(split=split, moved=pl.lit(value=False), place="row")


def assign_in_periods(
    keys: pl.DataFrame, layout: Layout, periods: Periods, counts: np.ndarray
) -> pl.DataFrame:
    """The keys that count with `split`, `moved` and `place`; no batch moves a text.

    The rows of the period in which a text came first decide its split, also when they were changed
    or withdrawn since, and the first of them is its place. Only a text of dev or test that has
    lost its gold goes to the pool.

    Args:
        keys: of whole groups.
        layout: what the columns mean.
        periods: which rows are from which batch.
        counts: whether each row counts, `(all rows,)`.
    """
    rows = keys["row"].to_numpy()
    keys = keys.with_columns(
        own=pl.col("split"), period=periods.of(rows), counts=pl.Series(counts[rows])
    ).filter(~periods.withdraws[periods.of(rows)])
    keys = keys.with_columns(place=pl.col("row").min().over("group"))
    in_first = keys.filter(pl.col("period") == pl.col("period").min().over("group"))
    splits = assign_splits(in_first.select("group", "row", "label", "split", "draw"), layout)
    of_group = splits.unique("group").select("group", "split")
    joined = keys.drop("split").join(of_group, on="group", how="left", maintain_order="left")
    joined = joined.filter("counts")
    has_gold = pl.col("label").is_not_null().any().over("group")
    return joined.with_columns(
        split=pl.when(has_gold).then("split").otherwise(SPLITS.index("pool")).cast(pl.Int8),
        moved=has_gold & (pl.col("own") < pl.col("split")) if layout.split else False,
    )


def keep_once(keys: pl.DataFrame, split: str) -> pl.DataFrame:
    """The keys of a split, each text once; `n_copies` is how many rows of the source it has.

    In the pool, a group becomes one text with its most common gold label (the first, if several
    are). In dev and test, it becomes one text for each gold label it has, so that metrics weighted
    by `n_copies` are those of the rows. Rows moved here from a less protected split are left out.
    `place` is the place of the text among all rows.
    """
    rows = keys.filter((pl.col("split") == SPLITS.index(split)) & ~pl.col("moved"))
    if split == "pool":
        counts = (
            rows.drop_nulls("label").group_by("group", "label").agg(pl.len(), pl.col("row").min())
        )
        best = counts.sort("len", "row", descending=[True, False]).unique("group", keep="first")
        rows = rows.drop("label").join(
            best.select("group", "label"), on="group", how="left", maintain_order="left"
        )
    else:
        rows = rows.drop_nulls("label")
    copies = pl.len().over("group", "label").cast(pl.Int32)
    once = rows.with_columns(n_copies=copies).unique(
        ["group", "label"], keep="first", maintain_order=True
    )
    return once.select("row", "place", "split", "label", "n_copies")


def empty_pool(layout: Layout) -> DataError:
    """The error if no row is left for the pool."""
    if layout.split:
        return DataError(
            f"column {layout.split!r} (data.layout.split) puts every row that has text and gold "
            "into dev or test, and none into the pool; write 'train' in some rows, or leave out "
            "data.layout.split, so that wsal splits the rows"
        )
    return DataError(
        "no row is left for the pool; lower data.layout.test_share and data.layout.dev_share "
        f"(now {layout.test_share} and {layout.dev_share})"
    )
