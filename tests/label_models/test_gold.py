"""Gold makes weak labels better or leaves them as they are; calibration recovers what is true."""

import numpy as np
import polars as pl
import pytest
from helpers import ROOT
from omegaconf import OmegaConf
from simulations import broad_rules, keyword_rules, log_loss, repeated, some_gold

from wsal.building import build
from wsal.data.catalog import Catalog
from wsal.label_models.auto import Auto
from wsal.label_models.calibration import (
    Calibration,
    calibrate,
)
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.gold_votes import none_losses
from wsal.label_models.majority import Majority
from wsal.label_models.precision import Precision
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.rules.voting import collect_votes
from wsal.text import clean, compose

SETS = {
    "one rule a class": lambda: keyword_rules(4000, 4, 4, (0.2, 0.6), (0.005, 0.1), 7),
    "opinions": lambda: keyword_rules(4000, 2, 20, (0.03, 0.15), (0.015, 0.09), 1),
    "many classes, few votes": lambda: keyword_rules(3000, 40, 40, (0.1, 0.5), (0.0002, 0.006), 6),
    "all good": lambda: broad_rules(3000, 5, np.array([0.99, 0.98, 0.995]), np.full(3, 0.6), 10),
    "an adversary": lambda: broad_rules(3000, 2, np.array([0.85, 0.8, 0.75, 0.15]), 0.5, 14),
    "few of a class": lambda: keyword_rules(4000, 2, 10, (0.1, 0.4), (0.01, 0.1), 8, [0.9, 0.1]),
}


def catalog():
    """The embedded catalogue, its own rules, and its gold."""
    source = Catalog(2000, seed=1)
    rows, layout = source.read(), source.layout
    cleaned = pl.DataFrame([clean(rows[name]).alias(name) for name in layout.text])
    records = pl.DataFrame(
        {
            "id": rows["id"],
            "text": compose(cleaned, layout.text, layout.separator).fill_null(""),
            "fields": cleaned.to_struct("fields"),
        }
    )
    labels = LabelSet(tuple(sorted(rows[layout.label].unique())))
    rules = build(OmegaConf.to_container(OmegaConf.load(ROOT / "conf/rules/catalog.yaml")), "rules")
    truth = np.array([labels.index(name) for name in rows[layout.label]])
    return np.ascontiguousarray(collect_votes(rules, records, labels)), truth


@pytest.mark.parametrize("name", [*SETS, "catalog"])
def test_gold_never_makes_log_loss_higher_by_more_than_a_little(name):
    votes, truth = catalog() if name == "catalog" else SETS[name]()
    n_classes, covered = int(truth.max()) + 1, (votes >= 0).any(axis=1)
    without = Auto().fit(votes, n_classes).predict_proba(votes)
    more = []
    for n, draws in ((30, 4), (100, 3), (300, 1)):
        for draw in range(draws):
            gold = some_gold(truth, n, draw)
            probs = Auto().fit(votes, n_classes, gold=gold).predict_proba(votes)
            unseen = covered & (gold < 0)
            losses = [log_loss(p[unseen], truth[unseen]) for p in (probs, without)]
            more.append(losses[0] - losses[1])
    assert max(more) <= 0.03, more
    assert np.mean(more) <= 0, more


@pytest.mark.parametrize(("n_gold", "at_least"), [(100, 0.2), (300, 0.22)])
def test_gold_makes_it_much_lower_where_rules_repeat_one_another(n_gold, at_least):
    votes, truth = keyword_rules(4000, 2, 8, (0.1, 0.3), (0.02, 0.12), 11)
    votes = repeated(votes, 4)
    covered, gold = (votes >= 0).any(axis=1), some_gold(truth, n_gold, 0)
    losses = [
        log_loss(Precision().fit(votes, 2, gold=g).predict_proba(votes)[covered], truth[covered])
        for g in (None, gold)
    ]
    assert losses[1] < losses[0] - at_least, losses


def test_precisions_move_to_what_gold_says_the_more_the_more_the_consensus_errs():
    votes, truth = broad_rules(6000, 4, np.array([0.9, 0.85, 0.8, 0.3]), 0.5, seed=3)
    truth = np.where(
        truth == 0, 1, truth
    )  # all rules take class 1 for class 0 in half of its texts
    gold = some_gold(truth, 300, 0)
    fitted = [Precision().fit(votes, 4, gold=g) for g in (None, gold)]
    true = np.array([(truth[votes[:, j] == 0] == 0).mean() for j in range(4)])
    apart = [np.abs(model.precision[:, 0] - true).mean() for model in fitted]
    assert fitted[1].by_gold
    assert apart[1] < apart[0] / 2


@pytest.mark.parametrize("prior", [[0.25] * 4, [0.85, 0.05, 0.05, 0.05]])
def test_a_prior_counts_in_calibration_as_it_does_in_prediction(prior):
    """Nearly as good on new texts as the temper and bonus that are best for them."""
    found, best = [], []
    for seed in range(4):
        votes, truth = keyword_rules(4000, 4, 12, (0.35, 0.35), (0.06, 0.06), seed, prior)
        gold, prior = some_gold(truth, 200, seed), np.array(prior)
        fitted = Precision().fit(votes, 4, prior=prior, gold=gold)
        unseen = np.flatnonzero((gold < 0) & (votes >= 0).any(axis=1))
        new = fitted.predict_proba(votes[unseen])
        found.append(log_loss(new, truth[unseen]))
        scores = fitted.scores(SparseVotes.of(votes[unseen]))
        best.append(
            min(
                log_loss(Calibration(temper, bonus).probs(scores, prior), truth[unseen])
                for temper in np.geomspace(0.1, 3, 12)
                for bonus in (0, 0.5, 1, 2)
            )
        )
    assert np.mean(found) < np.mean(best) + 0.03, (found, best)


@pytest.mark.parametrize(("bonus", "slope"), [(0.0, 0.5), (0.0, 1.0), (1.0, 0.7), (-0.3, 1.0)])
def test_calibration_recovers_what_scores_were_drawn_with(bonus, slope):
    rng, prior = np.random.default_rng(0), np.array([0.5, 0.3, 0.2])
    scores = rng.normal(scale=2, size=(50_000, 3))
    true = Calibration(0.9, bonus, slope).probs(scores, prior)
    truth = (true.cumsum(axis=1) > rng.random((len(true), 1))).argmax(axis=1)
    fitted = calibrate(scores, truth, prior, 0.9)
    assert fitted.bonus == pytest.approx(bonus, abs=0.1)
    assert fitted.slope == pytest.approx(slope, abs=0.1)


@pytest.mark.parametrize("prior", [[0.25, 0.25, 0.25, 0.25], [0.9, 0.05, 0.04, 0.01], [0.1, 0.9]])
def test_calibration_changes_no_answer(prior):
    rng, prior = np.random.default_rng(0), np.array(prior)
    scores = rng.normal(scale=2, size=(500, len(prior)))
    answers = Calibration().probs(scores, prior).argmax(axis=1)
    unsure = Calibration(1.0, bonus=-4.0, slope=0.1).probs(scores, prior)
    assert (unsure.argmax(axis=1) == answers).all()


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_texts_that_are_all_right_by_chance_make_nothing_certain(n):
    scores = np.tile([np.log(9.0), 0.0], (n, 1))  # said with 0.9
    always = np.zeros(n, dtype=int)
    found = calibrate(scores, always, np.array([0.5, 0.5]))
    said = found.probs(scores[:1], np.array([0.5, 0.5]))[0, 0]
    assert 0.9 < said < 0.995
    assert said < 1 - 1 / (3 * n) or n == 1000


def with_texts_of_no_class(seed=0):
    """Rules for four classes, one of which also fires on half of the texts of no class."""
    votes, truth = keyword_rules(2000, 4, 8, (0.2, 0.5), (0.005, 0.04), seed)
    none, _ = keyword_rules(600, 4, 8, (0.0, 0.01), (0.005, 0.04), seed + 50)
    none[np.random.default_rng(seed).random(600) < 0.5, 0] = 0
    return np.concatenate([votes, none]), np.concatenate([truth, np.full(600, 4)])


@pytest.mark.parametrize("model", [Auto(), Precision()])
def test_texts_of_no_class_count_against_the_rules_that_fire_on_them(model):
    votes, truth = with_texts_of_no_class()
    gold = some_gold(np.where(truth < 4, truth, -1), 120, 0)
    more = gold.copy()
    more[2000:2040] = 4
    alone = (votes[:, 0] == 0) & ((votes >= 0).sum(axis=1) == 1) & (more < 0)
    is_right = (truth[alone] == 0).mean()  # also of the texts of no class
    before, after = (
        model.fit(votes, 4, gold=g).predict_proba(votes)[alone].max(axis=1).mean()
        for g in (gold, more)
    )
    assert abs(after - is_right) < abs(before - is_right) / 2
    others = (votes[:, 0] < 0) & (votes >= 0).any(axis=1) & (truth < 4)
    losses = [
        log_loss(model.fit(votes, 4, gold=g).predict_proba(votes)[others], truth[others])
        for g in (gold, more)
    ]
    assert losses[1] < losses[0] + 0.05


def test_other_models_leave_texts_of_no_class_out():
    votes, truth = with_texts_of_no_class()
    gold = some_gold(np.where(truth < 4, truth, -1), 120, 0)
    for model in (DawidSkene(), Majority()):
        probs = [
            model.fit(votes, 4, gold=g).predict_proba(votes)
            for g in (gold, np.where(truth == 4, 4, gold))
        ]
        assert np.array_equal(*probs)


def test_the_loss_on_texts_of_no_class_is_finite_where_probabilities_were_rounded_to_zero():
    probs = np.array([[0.0, 1.0], [0.5, 0.5]], np.float32)
    for prior in ([0.5, 0.5], [0.0, 1.0]):
        assert np.isfinite(none_losses(probs, np.array(prior))).all()
