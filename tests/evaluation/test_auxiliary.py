"""Answers of a language model narrow the intervals, and leave them honest however bad they are."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from worlds import answers, drawn, true_f1, world

from wsal.evaluation.auxiliary import expect
from wsal.evaluation.estimates import accuracy, gain, macro_f1
from wsal.evaluation.sample import Auxiliary, Sample
from wsal.evaluation.sampling import NO_ROWS, top_up

REPEATS = 100
METRICS = (accuracy, macro_f1)


def simulated(kind, share, repeats=REPEATS, n=100):
    """Widths and errors of both metrics with the answers and without, and whether they cover."""
    probs, gold = world(signal=5.0)
    truth = np.array([accuracy_score(gold, probs.argmax(axis=1)), true_f1(probs, gold)])
    found = []
    for seed in range(repeats):
        with_answers = drawn(
            probs, gold, n, seed, auxiliary=answers(kind, probs, gold, share, seed)
        )
        without = drawn(probs, gold, n, seed)
        found.append(
            [
                [
                    (e.value, e.low, e.high)
                    for e in (f(s, probs, np.random.default_rng(seed)) for f in METRICS)
                ]
                for s in (with_answers, without)
            ]
        )
    value, low, high = np.moveaxis(np.array(found), 3, 0)
    return (high - low).mean(axis=0), value - truth, ((low <= truth) & (truth <= high)).mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "share", "narrower"),
    [
        ("good", 1.0, 0.85),
        ("good", 0.1, 0.95),
        ("bad", 1.0, 1.03),
        ("alike", 1.0, 1.03),
        ("alike", 0.1, 1.1),
    ],
)
def test_intervals_hold_and_are_narrower_with_good_answers(kind, share, narrower):
    width, error, covered = simulated(kind, share)
    print(
        kind,
        share,
        "width",
        width.round(4).tolist(),
        "ratio",
        (width[0] / width[1]).round(3),
        "cover",
        covered.tolist(),
        "rmse",
        np.sqrt((error**2).mean(axis=0)).round(4).tolist(),
        "bias",
        error.mean(axis=0).round(4).tolist(),
    )
    assert (width[0] < narrower * width[1]).all()
    assert (covered[0] >= 0.84).all()
    bias, noise = error[:, 0].mean(axis=0), error[:, 0].std(axis=0) / np.sqrt(REPEATS)
    assert (np.abs(bias) < 3 * noise + 0.003).all()
