"""Real product titles with gold, from a file in WSAL_DATA; the embedded catalogue without it."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal.data.catalog import Catalog
from wsal.labels import LabelSet
from wsal.text import clean

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("WSAL_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Titles:
    """Distinct titles of the train and the test split, in random order, and their classes."""

    name: str
    labels: LabelSet
    train: list[str]
    train_gold: np.ndarray
    test: list[str]
    test_gold: np.ndarray


def titles(data=DATA):
    """PriceRunner's 10 classes where the file is there, else 12 of the catalogue."""
    file = data / "pricerunner.parquet"
    rows = pl.read_parquet(file) if file.exists() else Catalog(n=30_000).read()
    rows = rows.select("title", "category", "split").drop_nulls()
    rows = rows.with_columns(title=clean(rows["title"])).drop_nulls().unique("title")
    rows = rows.sort("title").sample(fraction=1.0, shuffle=True, seed=0)
    labels = LabelSet(tuple(sorted(rows["category"].unique())))
    found = []
    for split in ("train", "test"):
        part = rows.filter(pl.col("split") == split)
        gold = np.array([labels.index(name) for name in part["category"]])
        found += [part["title"].to_list(), gold]
    return Titles("pricerunner" if file.exists() else "catalog", labels, *found)
