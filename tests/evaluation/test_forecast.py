"""Forecasts against curves that are known, from families wider than the model's own."""

import json

import numpy as np
import pytest
from helpers import ROOT

from wsal.evaluation.forecast import Curve, forecast, next_gain, posterior

FAR = np.arange(1, 20_000, dtype=np.float64)


def error_curve(rng):
    """A power law, one that starts flat, a stretched exponential, a logistic or a straight line in
    log n, above a floor that is often 0: only the first two belong to the model."""
    kind, start = rng.integers(5), rng.uniform(0.15, 0.5)
    floor = rng.uniform(0, 0.15) if rng.random() < 0.8 else 0.0
    a, b, c = rng.uniform(0.3, 1), rng.uniform(60, 300), rng.uniform(0.8, 1.6)
    return [
        lambda n: floor + start * (n / 40) ** -a,
        lambda n: floor + start * (1 + n / b) ** -a,
        lambda n: floor + start * np.exp(-((n / b) ** (0.6 + 0.4 * a))),
        lambda n: floor + start / (1 + (n / b) ** c),
        lambda n: np.maximum(floor, start - 0.1 * a * np.log(np.maximum(n, 10) / 10)),
    ][kind]


def measured(error, n_points, rng, n_labels=300, each=40):
    counts = each * np.arange(1, n_points + 1, dtype=np.float64)
    true = error(counts)
    variance = 0.4 * true * (1 - true) / n_labels
    found = 1 - true + rng.normal(size=n_points) * np.sqrt(variance + 0.01**2)
    return Curve(counts, np.clip(found, 0, 1), variance)


@pytest.mark.slow
@pytest.mark.parametrize("n_points", [6, 10])
def test_80_percent_intervals_hold_on_curves_of_other_families(n_points):
    later, labels, gains = [], [], []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        error = error_curve(rng)
        curve = measured(error, n_points, rng)
        now = curve.counts[-1]
        target = 1 - error(now * rng.uniform(1.3, 2))
        told, gained = forecast(curve, target, horizon=2.0, steps=2), next_gain(curve, 100)
        later.append(told.lows[-1] <= 1 - error(2 * now) <= told.highs[-1])
        needed = np.argmax(error(FAR) <= 1 - target + 1e-9) + 1 - now
        labels.append(told.low - 1 <= needed <= told.high + 1)
        gains.append(gained.low <= error(now) - error(now + 100) <= gained.high)
    assert 0.7 <= np.mean(later) <= 0.9
    assert 0.7 <= np.mean(labels) <= 0.9
    assert 0.7 <= np.mean(gains) <= 0.95


def power_law(n_points=10, variance=1e-5):
    counts = 50.0 * np.arange(1, n_points + 1)
    return Curve(counts, 0.96 - 1.5 * counts**-0.5, np.full(n_points, variance))


def test_a_known_power_law_is_recovered():
    told = forecast(power_law(), target=0.9)  # (1.5 / .06) ** 2 = 625 labels, 125 more
    assert told.labels == pytest.approx(125, rel=0.3)
    assert told.low < 125 < told.high
    truth = 0.96 - 1.5 * told.counts**-0.5
    assert told.medians == pytest.approx(truth, abs=0.01)
    assert next_gain(power_law(), 250).value == pytest.approx(
        1.5 * (500**-0.5 - 750**-0.5), abs=0.005
    )


def test_what_every_forecast_promises():
    told = forecast(power_law(), target=0.93, horizon=4.0, steps=9)
    assert told.counts[0] == pytest.approx(500) and told.counts[-1] == pytest.approx(2_000)
    assert (told.lows <= told.medians).all() and (told.medians <= told.highs).all()
    assert (np.diff(told.reached) >= 0).all() and 0 <= told.reached[0] <= told.reached[-1] <= 1
    assert (np.diff(told.medians) >= 0).all()
    assert told.reached[-1] <= 1 - told.unreachable + 1e-9
    assert told.low <= told.labels <= told.high


def test_points_come_in_any_order():
    curve = measured(error_curve(np.random.default_rng(3)), 9, np.random.default_rng(3))
    order = np.random.default_rng(0).permutation(9)
    mixed = Curve(curve.counts[order], curve.values[order], curve.variances[order])
    one, two = forecast(curve, 0.9), forecast(mixed, 0.9)
    assert (one.labels, one.low, one.unreachable) == (two.labels, two.low, two.unreachable)


def test_more_noise_makes_wider_intervals():
    widths = []
    for variance in (1e-5, 1e-3, 1e-2):
        told = forecast(power_law(variance=variance), 0.9)
        widths.append(told.highs[-1] - told.lows[-1])
    assert widths == sorted(widths)


def test_errors_that_points_share_are_not_averaged_away():
    curve = power_law(variance=1e-3)
    shared = Curve(curve.counts, curve.values, curve.variances, shared=0.9)
    one, two = forecast(curve, 0.9), forecast(shared, 0.9)
    assert two.highs[0] - two.lows[0] > 1.2 * (one.highs[0] - one.lows[0])


def test_a_target_that_is_reached_needs_nothing():
    told = forecast(power_law(), target=0.6)
    assert (told.labels, told.low, told.high, told.unreachable) == (0, 0, 0, 0)
    assert told.reached.min() == pytest.approx(1) and not told.beyond


def test_a_target_above_the_floor_is_out_of_reach():
    counts = 50.0 * np.arange(1, 13)
    flat = Curve(counts, 0.8 - 0.3 * np.exp(-counts / 60), np.full(12, 1e-5))
    told = forecast(flat, target=0.97)
    assert told.unreachable > 0.5 and told.beyond and told.labels == np.inf
    assert forecast(flat, target=1.0).reached.max() < 0.05


def test_points_without_gold_labels_say_nothing():
    curve = power_law()
    more = Curve(
        np.append(curve.counts, 0.0), np.append(curve.values, 0.1), np.append(curve.variances, 1e-5)
    )
    assert forecast(more, 0.9).labels == forecast(curve, 0.9).labels


@pytest.mark.parametrize("n_points", [0, 1, 2])
def test_hardly_any_point_leaves_wide_intervals(n_points):
    told = forecast(power_law(n_points), target=0.95)
    assert np.isfinite(told.medians).all() and told.high > 1_000
    assert posterior(power_law(n_points)).probability.sum() == pytest.approx(1)


def test_quantiles_are_those_of_draws():
    laws = posterior(power_law())
    drawn = np.random.default_rng(0).choice(len(laws.probability), 20_000, p=laws.probability)
    for numbers in (laws.error(1_500), laws.labels(0.11)):
        expected = np.quantile(numbers[drawn], [0.1, 0.5, 0.9], method="inverted_cdf")
        assert laws.quantiles(numbers) == pytest.approx(expected, rel=0.05)


def test_80_percent_intervals_hold_on_recorded_real_curves():
    """Of a linear head on MiniLM embeddings of four sets of texts, by four query strategies."""
    recorded = json.loads((ROOT / "benchmarks" / "results" / "curves.json").read_text())
    later, labels = [], []
    for one in recorded:
        counts, values = np.array(one["counts"]), np.array(one["macro_f1"])
        best = np.maximum.accumulate(values)
        for seen, ahead in ((8, 12), (8, 16), (12, 18), (12, 24)):
            if best[ahead - 1] <= best[seen - 1]:
                continue
            so_far = Curve(counts[:seen], values[:seen], np.full(seen, 0.004**2))
            told = forecast(so_far, best[ahead - 1], horizon=ahead / seen, steps=2)
            later.append(told.lows[-1] <= values[ahead - 1] <= told.highs[-1])
            needed = counts[np.argmax(best >= best[ahead - 1])] - counts[seen - 1]
            labels.append(told.low <= needed <= told.high)
    assert len(later) > 80
    assert 0.7 <= np.mean(later) <= 0.9
    assert 0.7 <= np.mean(labels) <= 0.9
