"""The sets of the label-savings benchmark: pool, gold and test as wsal prepares them."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from hydra import compose, initialize_config_dir

from wsal import tables
from wsal.config.composed import check
from wsal.labels import LabelSet
from wsal.presets import CONF_DIR
from wsal.run.pipeline import run_stage

SETS = {
    "pricerunner": ("pricerunner.parquet", "category"),
    "bigbasket": ("bigbasket.parquet", "sub_category"),
    "fashion": ("fashion.parquet", "article_type"),
    "banking77": ("banking77.parquet", "label"),
}
"""File and column of the class; the experiment has the set's name."""
LEAST = {"fashion": 20}
"""Classes of fewer rows are left out."""


@dataclass(frozen=True)
class Known:
    """A set with its gold."""

    labels: LabelSet
    pool: list[str]
    pool_gold: np.ndarray
    test: list[str]
    test_gold: np.ndarray
    test_weights: np.ndarray


def file_of(name, data, work):
    """The set's file, without rows of rare classes; None if it is not there."""
    file, column = SETS[name]
    if not (data / file).exists():
        return None
    if name not in LEAST:
        return data / file
    kept = work / file
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        rows = pl.read_parquet(data / file)
        rows.filter(pl.len().over(column) >= LEAST[name]).write_parquet(kept)
    return kept


def configured(name, file, run_dir, *overrides):
    """The experiment's checked configuration for one run."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        given = [f"experiment={name}", f"data.path={file}", f"run_dir={run_dir}", "tracker=none"]
        return check(compose("config", overrides=[*given, *overrides]))


def known(name, file, work):
    """Pool and test with gold; a text of the pool without gold is left out."""
    run = configured(name, file, work / "prepared" / name)
    folder = run_stage(run.run_dir, "prepare", run.components).artifact
    gold = tables.read(folder.path / "gold.parquet", tables.GOLD)
    pool = tables.read(folder.path / "pool.parquet").join(
        gold, on="id", how="inner", maintain_order="left"
    )
    test = tables.read(folder.path / "test.parquet")
    return Known(
        LabelSet(tuple(folder.facts["labels"])),
        pool["text"].to_list(), pool["label"].to_numpy().astype(np.int64),
        test["text"].to_list(), test["label"].to_numpy().astype(np.int64),
        test["n_copies"].to_numpy().astype(np.float64),
    )  # fmt: skip
