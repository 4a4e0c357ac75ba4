"""Few labels measure quality without bias, in half the labels, with intervals that hold."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score
from worlds import drawn, true_f1, world

from wsal.errors import DataError
from wsal.evaluation.auxiliary import expect
from wsal.evaluation.estimates import _macro_f1, accuracy, gain, macro_f1
from wsal.evaluation.sample import Sample, whole_sample

REPEATS = 80


def at_random(probs, gold, n, seed):
    """What one would do without any of this: label at random, count."""
    rows = np.random.default_rng(seed).permutation(len(gold))[:n]
    right = probs[rows].argmax(axis=1)
    f1 = f1_score(gold[rows], right, average="macro", labels=np.unique(gold[rows]), zero_division=0)
    return (right == gold[rows]).mean(), f1


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 300])
def test_half_the_labels_no_bias_and_honest_intervals(n):
    probs, gold = world()
    truth = np.array([accuracy_score(gold, probs.argmax(axis=1)), true_f1(probs, gold)])
    assert 0.86 < truth[0] < 0.9 and probs.max(axis=1).mean() > truth[0] + 0.03
    found, covered, plain = [], [], []
    for seed in range(REPEATS):
        sample, rng = drawn(probs, gold, n, seed), np.random.default_rng(seed)
        both = accuracy(sample, probs, rng), macro_f1(sample, probs, rng)
        found.append([one.value for one in both])
        covered.append([one.low <= t <= one.high for one, t in zip(both, truth, strict=True)])
        plain.append(at_random(probs, gold, 2 * n, seed))
    errors = np.array(found) - truth
    rmse, of_plain = (np.sqrt((e**2).mean(axis=0)) for e in (errors, np.array(plain) - truth))
    assert (np.abs(errors.mean(axis=0)) < 3 * errors.std(axis=0) / np.sqrt(REPEATS) + 0.002).all()
    assert (rmse <= of_plain).all()
    assert (np.mean(covered, axis=0) >= 0.85).all()


@pytest.mark.slow
def test_gains_are_paired():
    before, gold = world(signal=6.0)
    rng = np.random.default_rng(5)
    better = rng.random(len(gold)) < 0.05
    after = before.copy()
    after[better] = np.eye(10, dtype=np.float32)[gold[better]] * 0.9 + 0.01
    truth = {
        "accuracy": (after.argmax(1) == gold).mean() - (before.argmax(1) == gold).mean(),
        "macro_f1": true_f1(after, gold) - true_f1(before, gold),
    }
    covered = []
    for seed in range(60):
        sample, rng = drawn(before, gold, 200, seed), np.random.default_rng(seed)
        both = [gain(sample, before, after, name, rng) for name in truth]
        covered += [o.low <= t <= o.high for o, t in zip(both, truth.values(), strict=True)]
    assert np.mean(covered) >= 0.85
    alone = [accuracy(sample, one, rng).variance for one in (before, after)]
    assert both[0].variance < 0.7 * sum(alone)
    same = gain(sample, before, before, "macro_f1", rng)
    assert (same.value, same.low, same.high, same.variance) == (0, 0, 0, 0)


def test_a_wholly_labelled_frame_gives_the_plain_metrics():
    probs, gold = world(n=400)
    sample = Sample(np.arange(400), gold, np.zeros(400, np.int64))
    rng = np.random.default_rng(0)
    assert accuracy(sample, probs, rng).value == pytest.approx((probs.argmax(1) == gold).mean())
    present = np.unique(gold)
    expected = f1_score(gold, probs.argmax(1), labels=present, average="macro", zero_division=0)
    assert macro_f1(sample, probs, rng).value == pytest.approx(expected)


def test_the_value_is_what_a_loop_finds():
    probs, gold = world(n=600, c=4)
    sample, said = drawn(probs, gold, 60, seed=1), probs.argmax(axis=1)
    f1 = []
    for k in range(4):
        true, of_gold = probs[said == k, k].sum(dtype=float), probs[:, k].sum(dtype=float)
        for row, answer, weight in zip(sample.rows, sample.gold, sample.weights, strict=True):
            surprise = float(answer == k) - float(probs[row, k])
            of_gold += weight * surprise
            true += weight * surprise * (said[row] == k)
        f1.append(2 * max(true, 0) / ((said == k).sum() + max(of_gold, true)))
    statistic, asked = _macro_f1(sample, expect(sample, probs)), np.empty((1, 0))
    found = statistic(sample.rows, sample.gold, sample.weights[None], asked)[0]
    assert found == pytest.approx(np.mean(f1), abs=1e-6)


@pytest.mark.slow
def test_macro_f1_has_no_bias_in_small_samples():
    probs, gold = world(n=3_000)
    truth, plain, found = true_f1(probs, gold), [], []
    for seed in range(300):
        sample = drawn(probs, gold, 60, seed, most=20)
        statistic = _macro_f1(sample, expect(sample, probs))
        value = statistic(sample.rows, sample.gold, sample.weights[None], np.empty((1, 0)))[0]
        plain.append(value - truth)
        found.append(macro_f1(sample, probs, np.random.default_rng(seed)).value - truth)
    assert abs(np.mean(found)) < 2 * np.std(found) / np.sqrt(300)
    assert np.mean(plain) < -2 * np.std(plain) / np.sqrt(300)  # what is taken off is there


def test_the_order_of_labels_changes_no_value():
    probs, gold = world(n=500)
    sample = drawn(probs, gold, 80, seed=0)
    order = np.random.default_rng(1).permutation(80)
    other = Sample(sample.rows[order], sample.gold[order], sample.stratum)
    for estimate in (accuracy, macro_f1):
        one, two = (estimate(s, probs, np.random.default_rng(0)) for s in (sample, other))
        assert one.value == pytest.approx(two.value)


def test_weights_stand_for_the_frame_even_where_a_stratum_has_no_label():
    stratum = np.repeat([0, 1, 2, 3], [10, 20, 30, 40])
    sample = Sample(np.array([0, 1, 35]), np.zeros(3, np.int64), stratum)
    assert sample.n_merged == 2
    assert sample.weights.tolist() == [15, 15, 70]  # 0 with 1, 2 with 3
    whole = Sample(np.array([0, 15, 35, 99]), np.zeros(4, np.int64), stratum)
    assert (whole.n_merged, whole.weights.tolist()) == (0, [10, 20, 30, 40])


def test_right_answers_alone_leave_room_for_doubt():
    probs = np.tile(np.array([[0.999, 0.001]], np.float32), (1_000, 1))
    sample = Sample(np.arange(30), np.zeros(30, np.int64), np.zeros(1_000, np.int64))
    found = accuracy(sample, probs, np.random.default_rng(0))
    assert found.low < 0.999 and found.variance > 0


def test_a_wider_level_and_fewer_labels_make_wider_intervals():
    probs, gold = world()
    few, many = (drawn(probs, gold, n, seed=0) for n in (60, 400))
    widths = []
    for sample, level in ((many, 0.9), (many, 0.99), (few, 0.99)):
        found = accuracy(sample, probs, np.random.default_rng(0), level)
        widths.append(found.high - found.low)
    assert widths == sorted(widths)


def test_no_label_at_all_is_said():
    empty = np.empty(0, np.int64)
    with pytest.raises(DataError, match="0 texts and 0 gold"):
        Sample(empty, empty, np.zeros(5, np.int64))


def test_many_classes_and_a_thousand_resamples():
    probs, gold = world(c=143, signal=12.0)
    found = macro_f1(drawn(probs, gold, 300, 0, most=40), probs, np.random.default_rng(0))
    assert found.low < true_f1(probs, gold) < found.high


def whole(probs, gold, copies=None):
    return Sample(np.arange(len(gold)), gold, np.zeros(len(gold), np.int64), copies)


def test_a_text_counts_as_many_times_as_it_has_copies():
    probs, gold = world(n=600)
    copies = np.random.default_rng(1).integers(1, 6, len(gold)).astype(np.float64)
    said, draw = probs.argmax(axis=1), np.random.default_rng
    right = accuracy(whole(probs, gold, copies), probs, draw(0)).value
    assert right == pytest.approx(accuracy_score(gold, said, sample_weight=copies), abs=1e-6)
    f1 = macro_f1(whole(probs, gold, copies), probs, draw(0)).value
    expected = f1_score(gold, said, average="macro", sample_weight=copies)
    assert f1 == pytest.approx(expected, abs=1e-6)


def test_copies_do_not_make_an_estimate_surer():
    probs, gold = world(n=400)
    once = accuracy(whole(probs, gold), probs, np.random.default_rng(0))
    many = accuracy(whole(probs, gold, np.full(len(gold), 25.0)), probs, np.random.default_rng(0))
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=1e-6)


@pytest.mark.parametrize("estimate", [accuracy, macro_f1])
def test_texts_whose_label_is_a_parent_count_for_nothing(estimate):
    rng = np.random.default_rng(0)
    gold, weights = rng.integers(0, 3, 300), rng.integers(1, 4, 300).astype(np.float64)
    probs = rng.dirichlet(np.ones(5), 300)
    probs[np.arange(300), gold] += rng.random(300)
    probs /= probs.sum(axis=1, keepdims=True)
    at_parent = np.arange(300) < 60
    coded = np.where(at_parent, 6, gold)
    with_parents = estimate(whole_sample(coded, weights, 5), probs, np.random.default_rng(1))
    kept = ~at_parent
    alone = estimate(whole_sample(gold[kept], weights[kept]), probs[kept], np.random.default_rng(1))
    assert with_parents.value == pytest.approx(alone.value, abs=0.002)  # random resamples
    assert with_parents.low == pytest.approx(alone.low, abs=0.01)
