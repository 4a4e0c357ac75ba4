"""Weak labels as the stages write them: texts without votes, the prior, gold that flows back."""

import json

import numpy as np
import polars as pl
import pytest
from helpers import ROOT
from omegaconf import OmegaConf

from wsal import tables
from wsal.errors import ConfigError, ModelError
from wsal.label_models.majority import FittedMajority, Majority
from wsal.labels import LabelSet
from wsal.rounds.weak_labels import class_prior, fill_uncovered
from wsal.run.pipeline import run_stage
from wsal.settings import AggregateSettings, LauncherSettings
from wsal.stages.aggregate import aggregate


@pytest.fixture
def stages(composed, tmp_path):
    """A function that runs stages with overrides, and gives back the last one's outcome."""
    from wsal.config.composed import check

    def run(names, *overrides, number=0, prior=None):
        config = composed("data=catalog_small", "data.n=600", *overrides)
        OmegaConf.update(config, "aggregate.prior", prior, force_add=True)
        parts = check(config).components
        for name in names:
            outcome = run_stage(tmp_path / "run", name, parts, number)
        return outcome.artifact

    return run


RULES = ("prepare", "vote", "aggregate")


def weak(artifact):
    frame = tables.read(artifact.path / "weak_labels.parquet")
    return frame, tables.probs_array(frame)


def test_texts_without_a_vote_are_dropped_or_get_the_prior_or_the_default_class(stages):
    dropped = stages(RULES)
    n = len(dropped.facts["test"] and stages(["prepare"]).facts["labels"])
    frame, probs = weak(dropped)
    bare = (frame["n_votes"] == 0).to_numpy()
    assert 0 < bare.sum() < len(frame)
    assert (frame["used"].to_numpy() == ~bare).all()
    assert np.allclose(probs[bare], 1 / n)

    frame, with_prior = weak(stages(RULES, "aggregate.uncovered=prior"))
    assert frame["used"].all()
    assert np.array_equal(with_prior, probs)

    default = stages(RULES, "aggregate.uncovered=default", "aggregate.default_class=Coffee")
    frame, filled = weak(default)
    coffee = stages(["prepare"]).facts["labels"].index("Coffee")
    assert frame["used"].all()
    assert (filled[bare].argmax(axis=1) == coffee).all()
    assert np.array_equal(filled[~bare], probs[~bare])
    assert default.facts["covered"] == dropped.facts["covered"]
    assert default.facts["test"] != dropped.facts["test"]


def test_a_prior_moves_weak_labels_towards_its_classes(stages):
    labels = stages(["prepare"]).facts["labels"]
    _, flat = weak(stages(RULES))
    shares = {name: 50 if name == "Coffee" else 1 for name in labels}
    frame, probs = weak(stages(RULES, prior=shares))
    coffee, bare = labels.index("Coffee"), (frame["n_votes"] == 0).to_numpy()
    assert probs[bare][:, coffee] == pytest.approx(50 / (49 + len(labels)))
    assert probs[:, coffee].mean() > flat[:, coffee].mean()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("aggregate.uncovered=default",), "needs aggregate.default_class"),
        (("aggregate.uncovered=default", "aggregate.default_class=Cofee"), "did you mean 'Coffee'"),
        (("aggregate.uncovered=drip",), "'drop', 'prior' or 'default'"),
    ],
)
def test_what_cannot_be_is_said(stages, overrides, said):
    with pytest.raises(Exception, match=said):
        stages(RULES, *overrides)


@pytest.mark.parametrize("name", ["Coffee", "Cofee"])
def test_a_prior_of_some_classes_or_of_unknown_ones_is_refused(stages, name):
    said = {"Coffee": "no share above 0", "Cofee": "did you mean 'Coffee'"}[name]
    with pytest.raises(ConfigError, match=said):
        stages(RULES, prior={name: 1})


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.1, 0.5])
def test_what_is_no_probability_stops_the_run_where_it_appears(stages, tmp_path, wrong):
    """A model whose numbers went wrong: for one text of the covered ones."""

    class Broken(FittedMajority):
        def predict_proba(self, votes):
            probs = super().predict_proba(votes)
            probs[np.flatnonzero(votes.n_votes)[3], 0] = wrong
            return probs

    class Breaks(Majority):
        def fit(self, votes, n_classes, **_):
            fitted = super().fit(votes, n_classes)
            return Broken(fitted.weights, fitted.prior)

    pool, votes = stages(["prepare"]), stages(["vote"])
    out = tmp_path / "out"
    out.mkdir()
    given = {"pool": pool, "votes": votes, "aggregate": AggregateSettings(),
             "launcher": LauncherSettings()}  # fmt: skip
    with pytest.raises(ModelError, match=r"for 1 of \d+ texts.*row \d+.*label_model=auto"):
        aggregate(out, label_model=Breaks(), **given)
    aggregate(out, label_model=Majority(), **given)


@pytest.mark.slow
def test_gold_of_the_rounds_makes_weak_labels_better(stages):
    """Every rule of one class votes for another: nothing but gold can tell."""
    rules = OmegaConf.load(ROOT / "conf" / "rules" / "catalog.yaml")
    swapped = [f"rules.{n}.label=Laptops" for n, r in rules.items() if r.get("label") == "Phones"]
    settings = ("encoder=tiny", "strategy=random", "active.query_size=150", "pretrain.epochs=0")
    random = (*settings, *swapped)
    stages((*RULES, "tokenise", "pretrain", "embed"), *random)
    done = stages(("select", "annotate", "reweigh"), *random, number=1)
    metrics = json.loads((done.path / "metrics.json").read_text())
    before, after = metrics["before"]["test"]["covered"], metrics["test"]["covered"]
    assert done.facts["n_gold"] == 150
    assert after["log_loss"] < before["log_loss"] - 0.05
    assert after["accuracy"] >= before["accuracy"]
    frame, probs = weak(done)
    assert len(frame) == stages(["prepare"]).facts["n_pool"]
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_gold_that_a_strategy_chose_where_rules_are_wrong_does_not_spoil_weak_labels(stages):
    """Answers on the texts on which the rules err say that all of them are bad."""
    settings = ("encoder=tiny", "strategy=random", "active.query_size=120", "pretrain.epochs=0")
    stages((*RULES, "tokenise", "pretrain", "embed"), *settings)
    weak_labels, probs = weak(stages(["aggregate"], *settings))
    pool = stages(["prepare"], *settings).path
    gold = pl.read_parquet(pool / "gold.parquet").join(
        weak_labels.with_columns(said=pl.Series(probs.argmax(axis=1))), on="id"
    )
    wrong = gold.filter((pl.col("said") != pl.col("label")) & (pl.col("n_votes") > 0))
    assert len(wrong) > 30
    query = stages(["select"], *settings, number=1).path / "query.parquet"
    texts = pl.read_parquet(pool / "pool.parquet").join(wrong.select("id"), on="id", how="semi")
    asked = (
        pl.read_parquet(query)
        .head(len(texts))
        .with_columns(texts.select("id", "text").head(120).get_columns())
    )
    asked.write_parquet(query)
    done = stages(("annotate", "reweigh"), *settings, number=1)
    metrics = json.loads((done.path / "metrics.json").read_text())
    assert not done.facts["gold_used"]
    assert "not used: log loss" in done.facts["checked"]
    assert metrics["test"]["covered"] == metrics["before"]["test"]["covered"]


def test_settings_may_name_a_class_as_the_source_writes_it():
    labels = LabelSet(("Kids' toys", "Caf\u00e9 & Tea"))  # cleaned, as those of the data are
    given = AggregateSettings(
        uncovered="default",
        default_class="Kids\u2019 toys",
        prior={"Kids\u2019 toys": 0.25, "Cafe\u0301  & Tea": 0.75},
    )
    assert class_prior(given, labels).tolist() == [0.25, 0.75]
    probs = fill_uncovered(np.zeros((1, 2)), np.array([False]), given, labels)
    assert probs.argmax() == 0
