"""Prepare a whole table in memory: slow and plain, to compare `wsal.data.prepared` with."""

from hashlib import blake2b

import polars as pl

from wsal import schemas, tables
from wsal.data.records import label_set, to_records
from wsal.text import same_text


def prepare_slowly(rows, layout, seed, out):
    """Write the tables of the pool to `out`, each as one file."""
    records = to_records(rows, layout)
    if not layout.id:
        records = records.with_columns(id=_ids(records["text"]))
    records = records.drop_nulls("text")
    labels = label_set(records, layout)
    records = assign_splits(records, layout, seed)
    numbers = {name: number for number, name in enumerate(labels.names)}
    as_class = pl.col("label").replace_strict(numbers, return_dtype=pl.Int16)
    for name in ("pool", "dev", "test"):
        table = keep_once(records, name).with_columns(as_class)
        if len(table):
            schema = schemas.records_schema(layout.fields, gold=name != "pool")
            tables.write(table, out / f"{name}.parquet", schema)
        if name == "pool":
            gold = table.drop_nulls("label").select("id", "label")
            tables.write(gold, out / "gold.parquet", schemas.GOLD)
    return labels


def _ids(texts):
    """An id for each row: a digest of its text, and its number among the rows with this text."""
    digests = [f"t{blake2b((text or '').encode(), digest_size=6).hexdigest()}" for text in texts]
    frame = pl.DataFrame({"id": digests}).with_columns(nth=pl.cum_count("id").over("id"))
    first = pl.col("nth") == 1
    numbered = pl.format("{}-{}", "id", "nth")
    return frame.select(pl.when(first).then("id").otherwise(numbered).alias("id")).to_series()


def assign_splits(records, layout, seed):
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


def keep_once(records, split):
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


def _uniform(text):
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest()) / 2**56
