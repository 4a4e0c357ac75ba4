"""Metrics on a class tree against their definitions, and estimates against the truth."""

import numpy as np
import pytest

from wsal.class_tree import SHARED, UNDECIDED, ClassTree
from wsal.evaluation.metrics import evaluate
from wsal.evaluation.sample import Sample
from wsal.evaluation.tree import estimate_hierarchical, estimate_levels, measure
from wsal.labels import LabelSet

LABELS = LabelSet(
    ("F > D > Tea", "F > D > Coffee", "F > Bread", "Pets"),
    {
        "F": ("F > D > Tea", "F > D > Coffee", "F > Bread"),
        "F > D": ("F > D > Tea", "F > D > Coffee"),
    },
)
TREE = ClassTree.of(LABELS)
F, DRINKS = LABELS.code("F"), LABELS.code("F > D")


def ancestors(code):
    """The nodes of a path, by the names alone."""
    parts = LABELS.answers[code].split(" > ")
    return {" > ".join(parts[: i + 1]) for i in range(len(parts))}


def test_levels_go_from_the_root_to_the_classes():
    names = [level.names for level in TREE.levels]
    assert names == [("F", "Pets"), ("F > D", "F > Bread", "Pets"), LABELS.names]
    assert [level.node_of_code[F] for level in TREE.levels] == [0, UNDECIDED, UNDECIDED]
    assert [level.node_of_code[DRINKS] for level in TREE.levels] == [0, 0, UNDECIDED]
    assert (TREE.levels[0].node_of_code[LABELS.code("none of these")]) == UNDECIDED
    probs = np.array([[0.1, 0.2, 0.3, 0.4]])
    np.testing.assert_allclose(TREE.levels[0].probs(probs), [[0.6, 0.4]])
    np.testing.assert_allclose(TREE.levels[1].probs(probs), [[0.3, 0.3, 0.4]])


def test_a_parent_that_overlaps_others_decides_no_level_that_divides_it():
    labels = LabelSet(
        ("a", "b", "c", "d"), {"x": ("a", "b", "c"), "y": ("c", "d"), "z": ("a", "b")}
    )
    tree = ClassTree.of(labels)
    for code, members in enumerate(labels.members):
        classes = np.flatnonzero(members)
        for level in tree.levels:
            nodes = set(level.node_of_code[classes])
            assert level.node_of_code[code] == (nodes.pop() if len(nodes) == 1 else UNDECIDED)
        above = (tree.class_paths[classes] > 0).all(axis=0) & (len(classes) > 0)
        assert (tree.paths[code] == above).all()
    assert ClassTree.of(LabelSet(("a", "b"))).class_paths is None


def test_weights_of_parents_count_half():
    paths = TREE.class_paths
    for number, node in enumerate(TREE.nodes):
        for label, name in enumerate(LABELS.names):
            weight = 1 if node == name else SHARED * (node in ancestors(label))
            assert paths[label, number] == weight


@pytest.mark.parametrize("seed", range(5))
def test_hierarchical_metrics_are_those_of_ancestor_sets(seed):
    draw = np.random.default_rng(seed)
    probs = draw.dirichlet(np.ones(4), 50)
    gold = draw.choice([0, 1, 2, 3, F, DRINKS], 50)
    weights = draw.integers(1, 4, 50).astype(float)
    both = n_predicted = n_true = 0
    for row, code, weight in zip(probs.argmax(axis=1), gold, weights, strict=True):
        predicted, true = ancestors(row), ancestors(code)
        counted = len(predicted) if code < 4 else min(len(predicted), len(true))
        both += weight * len(predicted & true)
        n_predicted, n_true = n_predicted + weight * counted, n_true + weight * len(true)
    found = measure(probs, gold, weights, TREE)["hierarchical"]
    assert found["precision"] == pytest.approx(both / n_predicted)
    assert found["recall"] == pytest.approx(both / n_true)
    assert found["f1"] == pytest.approx(2 * both / (n_predicted + n_true))


def test_gold_at_a_parent_counts_only_for_the_levels_that_it_decides():
    probs = np.eye(4, dtype=np.float32)[[0, 1, 3, 2]]
    metrics = evaluate(probs, np.array([0, DRINKS, F, 2]), np.ones(4), LABELS)
    assert (metrics["n_texts"], metrics["n_parents"], metrics["accuracy"]) == (2, 2, 1.0)
    levels = [(of["n_texts"], of["n_undecided"], of["accuracy"]) for of in metrics["levels"]]
    assert levels == [(4, 0, 0.75), (3, 1, 1.0), (2, 2, 1.0)]
    flat = evaluate(probs, np.array([0, 1, 3, 2]), np.ones(4), LabelSet(LABELS.names))
    assert "levels" not in flat and "n_parents" not in flat


def test_estimates_from_the_whole_frame_are_the_plain_metrics():
    draw = np.random.default_rng(0)
    probs = draw.dirichlet(np.ones(4), 300)
    gold = draw.choice([0, 1, 2, 3, F, DRINKS], 300)
    sample = Sample(np.arange(300), gold, np.zeros(300, np.int64))
    plain = measure(probs, gold, np.ones(300), TREE)
    found = estimate_hierarchical(sample, probs, TREE, np.random.default_rng(1))
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(plain["hierarchical"][name], abs=1e-6)
        assert estimate.low < estimate.value < estimate.high
    (first, second) = estimate_levels(sample, [probs], TREE, lambda _: np.random.default_rng(1))[0]
    assert first["accuracy"].value == pytest.approx(plain["levels"][0]["accuracy"])
    assert second["n_undecided"] == (gold == F).sum()


def test_intervals_hold_and_the_estimate_is_unbiased():
    draw = np.random.default_rng(3)
    n = 2_000
    truth = draw.integers(0, 4, n)
    probs = draw.dirichlet(np.ones(4), n) * 0.5
    probs[np.arange(n), np.where(draw.random(n) < 0.7, truth, draw.integers(0, 4, n))] += 0.5
    true = measure(probs, truth, np.ones(n), TREE)["hierarchical"]["f1"]
    values, n_held = [], 0
    for seed in range(40):
        rows = np.random.default_rng(seed).choice(n, 80, replace=False)
        sample = Sample(rows, truth[rows], np.zeros(n, np.int64))
        found = estimate_hierarchical(sample, probs, TREE, np.random.default_rng(seed))["f1"]
        values.append(found.value)
        n_held += found.low <= true <= found.high
    assert abs(np.mean(values) - true) < 3 * np.std(values) / np.sqrt(40)
    assert n_held >= 30
