"""Group equal texts, put each group into one split, and keep each text once."""

from hashlib import blake2b

import polars as pl

from wsal.data.base import Layout
from wsal.errors import DataError
from wsal.text import same_text


def assign_splits(records: pl.DataFrame, layout: Layout, seed: int) -> pl.DataFrame:
    """The records with `group`, `split` and `moved`; all records of a group are in one split.

    Records with the same text (`same_text`) form a group. With a split column, a group with rows
    in several splits goes to the most protected of them: test, then dev, then pool; the others
    are `moved`. Without one, the hash of the group decides; groups without gold go to the pool.
    """
    records = records.with_columns(group=same_text(records["text"]))
    if layout.split:
        no_gold = pl.col("label").is_null()  # nothing can be measured on it, so people may label it
        records = records.with_columns(
            split=pl.when(no_gold).then(pl.lit("pool")).otherwise("split")
        )
        protection = pl.col("split").replace_strict({"pool": 0, "dev": 1, "test": 2})
        most = protection.max().over("group")
        return records.with_columns(moved=protection < most).with_columns(
            split=most.replace_strict({0: "pool", 1: "dev", 2: "test"}, return_dtype=pl.String)
        )
    groups = records["group"].unique(maintain_order=True)
    draw = pl.Series([_uniform(f"{seed}:{group}") for group in groups], dtype=pl.Float64)
    draws = pl.DataFrame({"group": groups, "draw": draw})
    with_gold = pl.col("label").is_not_null().any().over("group")
    split = (
        pl.when(~with_gold)
        .then(pl.lit("pool"))
        .when(pl.col("draw") < layout.test_share)
        .then(pl.lit("test"))
        .when(pl.col("draw") < layout.test_share + layout.dev_share)
        .then(pl.lit("dev"))
        .otherwise(pl.lit("pool"))
    )
    joined = records.join(draws, on="group", how="left", maintain_order="left")
    return joined.with_columns(split=split, moved=pl.lit(value=False)).drop("draw")


def keep_once(records: pl.DataFrame, split: str) -> pl.DataFrame:
    """The records of a split, each text once; `n_copies` is how many rows of the source it has.

    In the pool, a group becomes one text with its most common gold label (the first, if several
    are). In dev and test, it becomes one text for each gold label it has, so that metrics weighted
    by `n_copies` are those of the rows. Rows moved here from a less protected split are left out.
    """
    rows = records.filter((pl.col("split") == split) & ~pl.col("moved"))
    if split == "pool":
        counts = rows.drop_nulls("label").group_by("group", "label", maintain_order=True).len()
        best = counts.sort("len", descending=True, maintain_order=True).unique(
            "group", keep="first", maintain_order=True
        )
        rows = rows.drop("label").join(
            best.select("group", "label"), on="group", how="left", maintain_order="left"
        )
    else:
        rows = rows.drop_nulls("label")
    copies = pl.len().over("group", "label").cast(pl.Int32)
    once = rows.with_columns(n_copies=copies).unique(
        ["group", "label"], keep="first", maintain_order=True
    )
    return once.select("id", "text", "n_copies", "fields", "label")


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


def _uniform(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest()) / 2**56
