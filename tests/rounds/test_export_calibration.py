"""What is said of quality holds for texts that had no part in calibration."""

from dataclasses import replace

import numpy as np
import pytest

from wsal.evaluation.sample import Sample, whole_sample
from wsal.export.calibration import apply_temperature
from wsal.export.card import _quality
from wsal.labels import LabelSet
from wsal.rounds.assessment import assess_rounds
from wsal.rounds.export_calibration import LabelledSample, _named, calibrated, quality

LABELS = LabelSet(("a", "b", "c"))


def known(n_frame, n_gold, seed):
    """A frame on which a classifier is too sure; gold of a random part of it, truth of all."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n_frame, 3))
    right = apply_temperature(np.exp(logits), 1.0)
    truth = (right.cumsum(axis=1) > rng.random((n_frame, 1))).argmax(axis=1)
    rows = np.sort(rng.choice(n_frame, n_gold, replace=False))
    sample = Sample(rows, truth[rows], np.zeros(n_frame, dtype=np.int64))
    return LabelledSample("an evaluation sample", apply_temperature(right, 0.5), sample), truth


def test_without_a_test_split_quality_is_that_of_new_texts():
    """Thresholds always hold on the texts that set them; the card must not say so of new ones."""
    told, in_sample, on_new, losses = [], [], [], []
    for seed in range(40):
        some, truth = known(3000, 60, seed)
        by, limits = calibrated(some, LABELS, 0.8)
        facts = quality(some, some, by, limits, LABELS, 0)
        assert facts["cross_fitted"]
        new = np.setdiff1d(np.arange(3000), some.sample.rows)
        after = apply_temperature(some.all_probs, by)
        named = _named(after, limits["classes"], LABELS)
        right = after.argmax(axis=1) == truth
        own = some.sample.rows[named[some.sample.rows]]
        if facts["at_thresholds"]["precision"] is None or not len(own):
            continue
        told.append(facts["at_thresholds"]["precision"])
        in_sample.append(right[own].mean())
        on_new.append(right[new][named[new]].mean())
        losses.append(facts["log_loss"] + np.log(after[new, truth[new]]).mean())
    apart = np.array(told) - on_new
    error = apart.std() / np.sqrt(len(apart))
    assert len(told) > 25
    assert np.mean(in_sample) - np.mean(on_new) > 0.05  # what would have been told
    assert abs(apart.mean()) < 3 * error + 0.02, (apart.mean(), error)
    assert abs(np.mean(losses)) < 3 * np.std(losses) / np.sqrt(len(losses)) + 0.02


def test_estimates_on_a_frame_stay_unbiased():
    values = []
    for seed in range(30):
        some, truth = known(1500, 60, seed)
        by, limits = calibrated(some, LABELS, 0.8)
        facts = quality(some, some, by, limits, LABELS, 0)
        values.append(facts["accuracy"] - (some.all_probs.argmax(axis=1) == truth).mean())
        low, high = facts["accuracy_interval"]
        assert low < facts["accuracy"] < high
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_with_a_test_split_the_temperature_and_thresholds_are_those_that_are_exported():
    dev, _ = known(500, 500, 0)
    test, _ = known(500, 500, 1)
    by, limits = calibrated(dev, LABELS, 0.8)
    facts = quality(test, dev, by, limits, LABELS, 0)
    named = _named(apply_temperature(test.all_probs, by), limits["classes"], LABELS)
    right = test.all_probs.argmax(axis=1) == test.gold
    assert not facts["cross_fitted"]
    assert facts["at_thresholds"]["share"] == pytest.approx(named.mean())
    assert facts["at_thresholds"]["precision"] == pytest.approx(right[named].mean())


@pytest.mark.parametrize("n_gold", [1, 3])
def test_a_handful_of_gold_texts_is_enough_to_say_something(n_gold):
    some, _ = known(100, n_gold, 0)
    by, limits = calibrated(some, LABELS, 0.9)
    facts = quality(some, some, by, limits, LABELS, 0)
    assert 0 <= facts["at_thresholds"]["share"] <= 1
    assert np.isfinite(facts["log_loss"])


def test_the_card_has_the_figures_of_the_last_round():
    """A temperature changes no label, so both are the same estimate of the same quantity."""
    some, _ = known(300, 40, 0)
    by, limits = calibrated(some, LABELS, 0.8)
    facts = quality(some, some, by, limits, LABELS, 7)
    (assessed,) = assess_rounds(some.sample, [some.all_probs], [0], 7)["rounds"]
    for name in ("accuracy", "macro_f1"):
        own = [facts[name], *facts[f"{name}_interval"]]
        assert own == pytest.approx([assessed[name][key] for key in ("value", "low", "high")])


def test_a_sample_is_counted_in_labelled_texts_and_a_split_in_rows():
    """40 texts of 300: what they stand for has a name of its own."""
    some, _ = known(300, 40, 0)
    by, limits = calibrated(some, LABELS, 0.8)
    facts = quality(some, some, by, limits, LABELS, 0)
    counts = [of_class["n"] for of_class in facts["classes"].values()]
    assert facts["n_texts"] == sum(counts) == 40
    assert counts == np.bincount(some.gold).tolist()
    estimated = sum(of_class["n_estimated"] for of_class in facts["classes"].values())
    assert estimated == pytest.approx(300, abs=3)
    card = _quality({}, facts, limits)
    assert "(40 labelled texts, never trained on)" in card
    assert "| F1 | labelled texts | threshold |" in card
    split = replace(some, sample=whole_sample(some.gold, np.full(40, 2.0)), all_probs=some.probs)
    facts = quality(split, None, by, limits, LABELS, 0)
    assert facts["n_texts"] == sum(of_class["n"] for of_class in facts["classes"].values()) == 80
    assert "(80 rows, never trained on)" in _quality({}, facts, limits)
