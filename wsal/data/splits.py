"""Group equal texts; put each group into one split; keep each text once."""

from hashlib import blake2b

import polars as pl

from wsal.data.base import Layout
from wsal.errors import DataError
from wsal.text import same_text


def assign_splits(records: pl.DataFrame, layout: Layout, seed: int) -> pl.DataFrame:
    """The records with `group` (same text, same group) and a `split` that no group crosses.

    With a split column, a group that has rows in several splits goes where its most guarded
    row is: test before dev before pool. Without one, the group's hash decides; a group without
    gold goes to the pool.
    """
    records = records.with_columns(group=same_text(records["text"]))
    if layout.split:
        no_gold = pl.col("label").is_null()  # such a row measures nothing: it may as well be asked
        records = records.with_columns(
            split=pl.when(no_gold).then(pl.lit("pool")).otherwise("split")
        )
        guarded = pl.col("split").replace_strict({"pool": 0, "dev": 1, "test": 2})
        top = guarded.max().over("group")
        return records.with_columns(moved=guarded < top).with_columns(
            split=top.replace_strict({0: "pool", 1: "dev", 2: "test"}, return_dtype=pl.String)
        )
    groups = records["group"].unique(maintain_order=True)
    draw = pl.Series([_uniform(f"{seed}:{group}") for group in groups], dtype=pl.Float64)
    draws = pl.DataFrame({"group": groups, "draw": draw})
    with_gold = pl.col("label").is_not_null().any().over("group")
    split = (
        pl.when(~with_gold).then(pl.lit("pool"))
        .when(pl.col("draw") < layout.test_share).then(pl.lit("test"))
        .when(pl.col("draw") < layout.test_share + layout.dev_share).then(pl.lit("dev"))
        .otherwise(pl.lit("pool"))
    )  # fmt: skip
    joined = records.join(draws, on="group", how="left", maintain_order="left")
    return joined.with_columns(split=split, moved=pl.lit(value=False)).drop("draw")


def keep_once(records: pl.DataFrame, split: str) -> pl.DataFrame:
    """The records of a split, each text once, with `n_copies` rows of the source behind it.

    In the pool a group is one text, with its commonest gold label (the first of equals). In dev
    and test a group is one text for each gold label it has, so that weighting by `n_copies`
    measures on the rows of the source. A row moved here from a less guarded split is left out.
    """
    rows = records.filter((pl.col("split") == split) & ~pl.col("moved"))
    if split == "pool":
        votes = rows.drop_nulls("label").group_by("group", "label", maintain_order=True).len()
        best = votes.sort("len", descending=True, maintain_order=True).unique(
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
    """What to say where no row is left for the pool."""
    if layout.split:
        return DataError(
            f"column {layout.split!r} (data.layout.split) puts every row that has text and gold "
            "into dev or test, and none into the pool; write 'train' in some rows, or leave "
            "data.layout.split out, and wsal splits the rows"
        )
    return DataError(
        "no row is left for the pool; lower data.layout.test_share and data.layout.dev_share "
        f"(now {layout.test_share} and {layout.dev_share})"
    )


def _uniform(text: str) -> float:
    """A number in [0, 1) that the text alone decides."""
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest()) / 2**56
