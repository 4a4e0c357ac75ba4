"""Agreement against the published example and a slow obvious version."""

from itertools import permutations

import numpy as np
import pytest

from wsal.evaluation.agreement import by_class, krippendorff


def slow(answers):
    pairs = [
        (a, b, len(one))
        for one in answers
        if len(one) > 1
        for a, b in permutations(one.values(), 2)
    ]
    n = sum(1 / (size - 1) for _, _, size in pairs)
    differ = sum((a != b) / (size - 1) for a, b, size in pairs)
    values = [(a, 1 / (size - 1)) for a, _, size in pairs]
    expected = sum(v * w for a, v in values for b, w in values if a != b) / (n - 1)
    return 1 - differ / expected


def test_as_in_krippendorffs_own_example():
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, part C: nominal, four
    observers, twelve units, missing values: alpha 0.743."""
    rows = [
        "1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .",
    ]  # fmt: skip
    table = [row.split() for row in rows]
    answers = [
        {str(who): table[who][unit] for who in range(4) if table[who][unit] != "."}
        for unit in range(12)
    ]
    assert krippendorff(answers) == pytest.approx(0.743, abs=0.001)


def test_as_the_slow_version_and_blind_to_order_and_names():
    draw = np.random.default_rng(0)
    answers = [
        {f"p{who}": int(draw.integers(3)) for who in range(4) if draw.random() < 0.7}
        for _ in range(60)
    ]
    alpha = krippendorff(answers)
    assert alpha == pytest.approx(slow(answers), abs=1e-4)
    assert krippendorff(answers[::-1]) == alpha
    assert abs(alpha) < 0.2  # chance


def test_corners():
    assert krippendorff([]) is None
    assert krippendorff([{"a": 1}]) is None
    assert krippendorff([{"a": 1, "b": 1}]) == 1.0
    classes = by_class([{"a": 1, "b": 1}, {"a": 2, "b": 3}, {"a": 1, "b": 1}])
    assert classes[1] == 1.0
    assert classes[2] <= 0
