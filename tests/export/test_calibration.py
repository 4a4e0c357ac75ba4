"""The temperature that is folded in: what few texts can show, and what many do."""

import numpy as np
import pytest

from wsal.export.calibration import apply_temperature, fit_temperature, fit_thresholds
from wsal.export.card_thresholds import calibration_text, threshold_cell
from wsal.export.multilabel_calibration import fit_thresholds as fit_thresholds_of_sets
from wsal.labels import LabelSet


def drawn(n, n_classes, true, seed, spread=4.0):
    """Probabilities that are right once tempered by `true`, and gold."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes)) * spread
    probs = apply_temperature(np.exp(logits), 1.0)
    rights = apply_temperature(probs, true)
    return probs, (rights.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def log_loss(probs, gold):
    of_gold = probs[np.arange(len(gold)), gold].astype(float)
    return -np.log(np.maximum(of_gold, 1e-30)).mean()


@pytest.mark.parametrize("n_wrong", [0, 1])
@pytest.mark.parametrize("n", [30, 100, 1000])
def test_texts_that_are_nearly_all_right_make_nothing_certain(n, n_wrong):
    """Said with 0.70 to 0.95: if 99 of 100 are right it is surer, but never 0.9999999."""
    sure = np.random.default_rng(0).uniform(0.7, 0.95, n)
    probs = np.column_stack([sure, 1 - sure]).astype(np.float32)
    gold = np.zeros(n, dtype=int)
    gold[:n_wrong] = 1
    fitted = fit_temperature(probs, gold, np.ones(n))
    tempered = apply_temperature(np.array([[0.7, 0.3]], dtype=np.float32), fitted)[0, 0]
    assert 0.7 < tempered < 1 - 1 / n
    assert fitted < 1


@pytest.mark.parametrize("true", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_a_thousand_texts_show_the_temperature_and_thirty_do_no_harm(true, n_classes):
    new, gold_of_new = drawn(4000, n_classes, true, 99)
    as_is, best = (log_loss(apply_temperature(new, fitted), gold_of_new) for fitted in (1.0, true))
    of_many = [fit_temperature(*drawn(1000, n_classes, true, s), np.ones(1000)) for s in range(4)]
    assert np.median(of_many) == pytest.approx(true, rel=0.2)
    for n, allowed in ((30, 0.06), (100, 0.03)):
        of_few = [fit_temperature(*drawn(n, n_classes, true, s), np.ones(n)) for s in range(40)]
        losses = [log_loss(apply_temperature(new, fitted), gold_of_new) for fitted in of_few]
        assert np.mean(losses) < as_is + allowed / 3
        assert np.quantile(losses, 0.9) < as_is + allowed
        assert np.mean(losses) - best < max(as_is - best, 0.02)


def test_one_heavy_text_tells_as_much_as_one_text():
    """Weights say how much of the source a text stands for, not how often it was labelled."""
    probs, gold = drawn(30, 2, 3.0, 0)
    alike = fit_temperature(probs, gold, np.ones(30))
    assert fit_temperature(probs, gold, np.full(30, 50.0)) == pytest.approx(alike, rel=1e-3)
    heavy = np.where(np.arange(30) == 0, 1000.0, 1.0)
    assert abs(np.log(fit_temperature(probs, gold, heavy))) < 0.7


def test_a_class_with_few_predictions_shares_the_threshold_of_all_and_says_so():
    """Of 40 predictions two are of `rare`, and only half of these are right."""
    predicted = np.repeat([0, 1], [38, 2])
    probs = np.where(np.eye(2)[predicted] == 1, 0.9, 0.1).astype(np.float32)
    gold = np.append(predicted[:-1], 0)
    limits = fit_thresholds(probs, gold, np.ones(40), LabelSet(("common", "rare")), 0.95)
    assert limits["common"] == {
        "threshold": pytest.approx(0.9), "shared": False, "precision": 1.0, "n": 38,
    }  # fmt: skip
    assert limits["rare"] == {
        "threshold": pytest.approx(0.9), "shared": True, "precision": 0.5, "n": 2,
    }  # fmt: skip
    assert not threshold_cell({"classes": limits}, "common").endswith("(shared)")
    assert threshold_cell({"classes": limits}, "rare") == "0.900 (shared)"
    about = {"measured_on": "the dev split", "precision": 0.95, "classes": limits}
    facts = {"measured_on": "the dev split", "calibrated_on": "the dev split", "temperature": 1.0,
             "calibration_error_before": 0.1, "calibration_error": 0.1, "cross_fitted": False,
             "at_thresholds": {"share": 1.0, "precision": 0.975}}  # fmt: skip
    assert "fewer than 20 predictions there" in calibration_text(facts, about)
    del limits["rare"]
    assert "(*shared*)" not in calibration_text(facts, about)


def test_decisions_with_few_predictions_share_a_threshold_and_say_so():
    """With a wanted precision, of yes/no decisions; with the best F1, each class has its own."""
    probs = np.column_stack([np.full(30, 0.9), np.where(np.arange(30) < 3, 0.9, 0.1)])
    sets, labels = probs > 0.5, LabelSet(("common", "rare"))
    for target, shared in (("precision", [False, True]), ("f1", [False, False])):
        limits = fit_thresholds_of_sets(probs, probs, sets, np.ones(30), labels, 0.95, target)
        assert [limits[name]["shared"] for name in labels.names] == shared
