"""The generated catalogue: what it promises, and how hard it is for its rules."""

from pathlib import Path

import polars as pl
import pytest
from omegaconf import OmegaConf

from wsal.arrays import ABSTAIN
from wsal.building import build, construct
from wsal.data.base import DataSource
from wsal.data.catalog import Catalog
from wsal.data.catalog_kinds import KINDS
from wsal.data.records import label_set, to_records
from wsal.errors import ConfigError
from wsal.label_models.majority import Majority
from wsal.rules.voting import collect_votes

RULES = Path(__file__).parents[2] / "conf" / "rules" / "catalog.yaml"
COLUMNS = ["id", "title", "brand", "description", "category", "split"]


@pytest.mark.parametrize("n", [200, 1501])
def test_the_same_arguments_give_the_same_rows(n):
    frame = Catalog(n=n, seed=3).read()
    assert frame.equals(Catalog(n=n, seed=3).read())
    assert not frame["title"].equals(Catalog(n=n, seed=4).read()["title"])
    assert frame.columns == COLUMNS
    assert (len(frame), frame["id"].n_unique()) == (n, n)
    assert frame["id"].null_count() == frame["title"].null_count() == 0
    shares = dict(frame["split"].value_counts().rows())
    assert sum(shares.values()) == n
    for name, share in {"train": 0.7, "valid": 0.1, "test": 0.2}.items():
        assert shares[name] / n == pytest.approx(share, abs=0.03)  # copies move a few
    assert isinstance(Catalog(), DataSource)


def test_has_twelve_classes_in_pairs_and_all_come_up():
    assert len(KINDS) == 12
    assert all(KINDS[kind.near].near == name for name, kind in KINDS.items())
    assert set(Catalog(n=1000).read()["category"]) == set(KINDS)


def test_gold_noise_is_in_train_alone_and_of_the_share_asked_for():
    clean, noisy = (Catalog(n=3000, gold_noise=share).read() for share in (0.0, 0.2))
    assert clean.drop("category").equals(noisy.drop("category"))
    changed = clean.filter(clean["category"] != noisy["category"])
    train = (clean["split"] == "train").sum()
    assert set(changed["split"]) == {"train"}
    assert len(changed) == round(0.2 * train)
    wrong = noisy.filter(clean["category"] != noisy["category"])["category"]
    near = [KINDS[name].near for name in changed["category"]]
    assert (wrong == pl.Series(near)).mean() == pytest.approx(2 / 3 + 1 / 3 / 11, abs=0.08)


def test_copies_stay_in_the_split_of_what_they_copy():
    frame = Catalog(n=3000, duplicates=0.3, vague=0, gold_noise=0).read()
    listings = frame.group_by("title", "brand", "description", "category")
    crossing = listings.agg(pl.col("split").n_unique(), pl.len()).filter(pl.col("len") > 1)
    assert crossing["len"].sum() > 0.3 * 3000
    assert (crossing["split"] > 1).mean() < 0.02  # two sellers may write the same by chance


@pytest.mark.parametrize(("key", "value"), [("n", 10), ("duplicates", 0.9), ("gold_noise", -0.1)])
def test_values_out_of_range_are_refused(key, value):
    with pytest.raises(ConfigError, match=rf"data\.{key} is {value}"):
        construct(Catalog, {key: value}, "data")


@pytest.mark.parametrize("seed", [0, 1])
def test_its_rules_are_as_good_as_rules_are(seed):
    source = Catalog(n=6000, seed=seed)
    records = to_records(source.read(), source.layout)
    labels = label_set(records, source.layout)
    rules = build(OmegaConf.to_container(OmegaConf.load(RULES)), "rules")
    votes = collect_votes(rules, records, labels)
    covered = (votes != ABSTAIN).any(axis=1)
    said = Majority().fit(votes, len(labels)).predict_proba(votes).argmax(axis=1)
    gold = [labels.index(name) for name in records["label"]]
    assert 0.55 <= covered.mean() <= 0.80
    assert 0.80 <= (said == gold)[covered].mean() <= 0.95
    assert (votes != ABSTAIN).any(axis=0).all()  # every rule fires
