"""The sets of the label-savings benchmark: pool, gold and test as wsal prepares them, and rules."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from product_texts import DATA

from wsal import schemas, tables
from wsal.config.composed import check
from wsal.labels import LabelSet
from wsal.presets import CONF_DIR
from wsal.run.pipeline import run_stage
from wsal.text import clean

PATTERNS = "wsal.rules.patterns"


@dataclass(frozen=True)
class LabelledSet:
    """Where a set comes from."""

    file: str
    text: tuple[str, ...]
    """Columns that the text consists of."""
    label: str
    """Column of the class."""
    blind: str
    """File of the blind rules."""
    least: int = 1
    """Classes with fewer rows are left out."""
    lower: bool = False
    """Whether texts are lower-cased, because some splits are."""


SETS = {
    "pricerunner": LabelledSet("pricerunner", ("title",), "category", "pricerunner"),
    "bigbasket_category": LabelledSet(
        "bigbasket", ("title", "brand"), "category", "bigbasket_category"
    ),
    "bigbasket": LabelledSet(
        "bigbasket", ("title", "brand"), "sub_category", "bigbasket_sub_category"
    ),
    "fashion": LabelledSet("fashion", ("title",), "article_type", "fashion", least=20),
    "banking77": LabelledSet("banking77", ("text",), "label", "banking77"),
    "debian": LabelledSet("debian", ("title", "description"), "section", "debian"),
    "trec": LabelledSet("trec_weak", ("text",), "label_name", "trec", lower=True),
}
"""Where there is an experiment, it has the set's name."""


@dataclass(frozen=True)
class Known:
    """A set with its gold."""

    labels: LabelSet
    pool: list[str]
    pool_gold: np.ndarray
    test: list[str]
    test_gold: np.ndarray
    test_weights: np.ndarray


def has_experiment(name):
    """Whether `conf/experiment` has one for the set, and so rules, the present ones."""
    return (CONF_DIR / "experiment" / f"{name}.yaml").exists()


def file_of(name, data, work):
    """The set as a file in `work` with the splits train and test; None if it is not in `data`.

    There is no dev split: its gold would be labels that nobody counts.
    """
    source, kept = SETS[name], work / f"{name}-train-test.parquet"
    path = data / f"{source.file}.parquet"
    if not path.exists():
        return None
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".unfinished")
        train_and_test(pl.read_parquet(path), source).write_parquet(unfinished)
        unfinished.replace(kept)
    return kept


def train_and_test(rows, source):
    """Rows of train and test with frequent classes; no text of test is in train, in any case."""
    rows = rows.filter(pl.len().over(source.label) >= source.least)
    rows = rows.filter(pl.col("split").is_in(["train", "test"]))
    if source.lower:
        rows = rows.with_columns(pl.col(source.text).str.to_lowercase())
    texts = pl.concat_str([pl.col(c).fill_null("") for c in source.text], separator=" ")
    key = clean(rows.select(text=texts)["text"]).str.to_lowercase()
    is_test = rows["split"] == "test"
    return rows.filter(is_test | ~key.is_in(key.filter(is_test).implode()))


def written_rules(name):
    """The blind rules of a set as they were written: `keywords` and `regexes`."""
    return json.loads((DATA / "rules" / "blind" / f"{SETS[name].blind}.json").read_text())


def blind_rules(name):
    """The blind rules of a set, as nodes of a configuration."""
    written = written_rules(name)
    rules = {
        f"words_{number}": {
            "_target_": f"{PATTERNS}.Keyword", "label": label, "words": words, "unless": unless
        }
        for number, (label, words, unless) in enumerate(written["keywords"])
    }  # fmt: skip
    return rules | {
        f"pattern_{number}": {"_target_": f"{PATTERNS}.Regex", "label": label, "pattern": pattern}
        for number, (label, pattern) in enumerate(written["regexes"])
    }


def configured(name, file, run_dir, *overrides, rules="present"):
    """The checked configuration of one run: the set's experiment, or the defaults without one.

    `rules` is one of `label_ways.RULES`; a set without an experiment has no present ones.
    """
    given = [f"data.path={file}", f"run_dir={run_dir}", "tracker=none"]
    if has_experiment(name):
        given.append(f"experiment={name}")
    else:
        source = SETS[name]
        given += ["data=parquet", f"data.layout.text=[{','.join(source.text)}]",
                  f"data.layout.label={source.label}", "data.layout.split=split"]  # fmt: skip
    if rules in ("names", "none"):
        given.append(f"rules={rules}")
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        config = compose("config", overrides=[*given, *overrides])
    if rules == "blind":
        OmegaConf.set_struct(config, value=False)
        config.rules = blind_rules(name)
    return check(config)


def known(name, file, work):
    """Pool and test with gold; a text of the pool without gold is left out.

    Raises:
        ValueError: a text of test is in the pool, or there is a dev split.
    """
    run = configured(name, file, work / "prepared" / name, rules="none")
    folder = run_stage(run.run_dir, "prepare", run.components).artifact
    gold = tables.read(folder.path / "gold.parquet", schemas.GOLD)
    pool = tables.read(folder.path / "pool.parquet").join(
        gold, on="id", how="inner", maintain_order="left"
    )
    test = tables.read(folder.path / "test.parquet")
    both = set(pool["text"].str.to_lowercase()) & set(test["text"].str.to_lowercase())
    if both or folder.facts["n_dev"]:
        raise ValueError(f"{name}: {len(both)} texts of test are in the pool, or there is a dev")
    return Known(
        LabelSet(tuple(folder.facts["labels"])),
        pool["text"].to_list(), pool["label"].to_numpy().astype(np.int64),
        test["text"].to_list(), test["label"].to_numpy().astype(np.int64),
        test["n_copies"].to_numpy().astype(np.float64),
    )  # fmt: skip
