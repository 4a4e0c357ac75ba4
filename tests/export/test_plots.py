"""The plots of the model card: what they show, and that the card shows them."""

import re

import numpy as np
import pytest

from wsal.evaluation.by_class import by_class
from wsal.evaluation.metrics import calibration_error, evaluate
from wsal.evaluation.trust import POINTS, reliability, risk_coverage
from wsal.export.card import model_card
from wsal.export.plots import MAX_CLASSES, _classes, write_plots
from wsal.labels import LabelSet

LABELS = LabelSet(("Tea & <b>", "Pets", "Cups"))


@pytest.fixture(scope="module")
def predictions():
    """Probabilities, gold and weights of 500 texts; the probabilities are right on the whole."""
    draws = np.random.default_rng(0)
    probs = draws.dirichlet([0.4, 0.4, 0.4], 500).astype(np.float32)
    gold = np.array([draws.choice(3, p=row / row.sum()) for row in probs.astype(np.float64)])
    return probs, gold, draws.integers(1, 4, 500).astype(float)


@pytest.fixture(scope="module")
def metrics(predictions):
    probs, gold, weights = predictions
    measured = evaluate(probs, gold, weights, LABELS)
    f1 = by_class(gold, probs.argmax(axis=1), weights, 3).f1
    for number, name in enumerate(LABELS.names):
        measured["classes"][name]["f1_interval"] = [float(f1.low[number]), float(f1.high[number])]
    return measured | {
        "measured_on": "the test split", "calibrated_on": None, "n_gold": 9, "temperature": 1.0,
        "reliability": reliability(*predictions), "risk_coverage": risk_coverage(*predictions),
    }  # fmt: skip


def test_the_curves_agree_with_the_metrics(predictions, metrics):
    probs, gold, weights = predictions
    curve = metrics["risk_coverage"]
    assert len(curve) <= POINTS
    assert curve[-1]["coverage"] == 1
    assert curve[-1]["value"] == pytest.approx(1 - metrics["accuracy"], abs=1e-6)
    assert [p["threshold"] for p in curve] == sorted((p["threshold"] for p in curve), reverse=True)
    for point in curve[::20]:
        sure = probs.max(axis=1) >= point["threshold"] - 1e-6
        wrong = (probs.argmax(axis=1) != gold)[sure]
        assert point["value"] == pytest.approx(np.average(wrong, weights=weights[sure]), abs=1e-5)
        assert point["low"] <= point["value"] <= point["high"]
    bins = metrics["reliability"]
    assert sum(each["n"] for each in bins) == 500
    gaps = [abs(each["confidence"] - each["value"]) for each in bins]
    error = calibration_error(probs, gold, weights, n_bins=10)
    shares = [np.floor(np.minimum(probs.max(axis=1) * 10, 9)) == b for b in range(10)]
    in_bins = [weights[rows].sum() / weights.sum() for rows in shares if rows.any()]
    assert np.dot(gaps, in_bins) == pytest.approx(error, abs=1e-5)
    covered = [each["low"] <= each["confidence"] <= each["high"] for each in bins]
    assert sum(covered) >= len(covered) - 2


def test_the_interval_of_f1_holds_it(predictions, metrics):
    for of_class in metrics["classes"].values():
        low, high = of_class["f1_interval"]
        assert 0 < low < of_class["f1"] < high < 1


def test_both_plots_are_written_alike_each_time_and_the_card_shows_them(metrics, tmp_path):
    names = write_plots(tmp_path, metrics)
    assert names == ["plots/probabilities.png", "plots/classes.png"]
    first = {name: (tmp_path / name).read_bytes() for name in names}
    assert all(png.startswith(b"\x89PNG") for png in first.values())
    write_plots(tmp_path, metrics)
    assert first == {name: (tmp_path / name).read_bytes() for name in names}
    about = {
        "labels": LABELS.names, "text_fields": ["title"], "n_pool": 9, "n_duplicates": 0,
        "n_rules": 2, "coverage": 0.5, "n_nearest": 7,
    }  # fmt: skip
    parity = {"formats": {}, "compared_on": "9 texts", "n_hard_inputs": 15}
    card = model_card(about, metrics, {"classes": {}}, parity, 32)
    images = dict(re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", card))
    assert sorted(images.values()) == sorted(names)
    assert all(len(alternative) > 40 for alternative in images)
    assert "**This folder contains 7 texts that people labelled**" in card
    blind = metrics | {"measured_on": None}
    assert write_plots(tmp_path / "none", blind) == []
    card = model_card(about | {"n_nearest": 0}, blind, {"classes": {}}, parity, 32)
    assert "plots/" not in card
    assert "people labelled" not in card


def test_of_many_classes_the_lowest_are_shown():
    classes = {f"class {n}": {"f1": n / 200, "f1_interval": [0.0, 1.0]} for n in range(150)}
    rows = _classes(classes)["data"]["values"]
    assert len(rows) == MAX_CLASSES
    assert [row["class"] for row in (rows[0], rows[-1])] == [f"class {MAX_CLASSES - 1}", "class 0"]
