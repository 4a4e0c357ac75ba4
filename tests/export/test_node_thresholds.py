"""Thresholds of nodes: what they promise holds for new texts."""

import numpy as np
import pytest

from wsal.class_tree import ClassTree
from wsal.data.taxonomy import Taxonomy
from wsal.evaluation.sample import Sample
from wsal.export.card import _tree
from wsal.export.node_thresholds import (
    LEVEL,
    NODE,
    fit_node_thresholds,
    trusted_by_level,
)
from wsal.labels import LabelSet
from wsal.rounds.export_calibration import LabelledSample
from wsal.rounds.export_tree import TreeOfExport, at_thresholds

PATHS = [f"{a} > {b} > {c}" for a in "AB" for b in "xy" for c in ("1", "2", "3")] + ["C"]


@pytest.fixture(scope="module")
def tree():
    taxonomy = Taxonomy.of(PATHS)
    return ClassTree.of(LabelSet(taxonomy.leaves, taxonomy.parents))


def drawn(tree, n, rng, near=3.0):
    """Calibrated probabilities and gold: errors stay near the right class."""
    ways = tree.way_of_class
    centre = rng.integers(0, len(ways), n)
    shared = (ways[centre][:, None, :] == ways[None]).sum(axis=2)
    logits = near * shared + rng.normal(0, 1.5, (n, len(ways)))
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    gold = np.array([rng.choice(len(ways), p=p) for p in probs])
    return probs.astype(np.float32), gold


@pytest.mark.parametrize("near", [1.0, 2.0])
def test_new_texts_have_the_precision(tree, near):
    rng = np.random.default_rng(0)
    new, gold_of_new = drawn(tree, 4_000, rng, near)
    precisions, shares = [], []
    for _ in range(10):
        probs, gold = drawn(tree, 400, rng, near)
        fitted = fit_node_thresholds(tree, probs, gold, np.ones(400), 0.8)
        trusted, _ = tree.trusted(new, fitted.least)
        rows = trusted_by_level(tree, trusted, gold_of_new, np.ones(len(new)))
        assert [row["level"] for row in rows] == ["class", 2, 1, "any"]
        assert sum(row["n"] for row in rows[:-1]) == rows[-1]["n"]
        precisions.append(rows[-1]["precision"]["value"])
        shares.append(rows[-1]["share"]["value"])
    assert np.mean(precisions) > 0.8
    assert np.mean(np.array(precisions) < 0.78) <= 0.1
    # more texts have a trusted node than a class that is likely enough
    assert np.mean(shares) > (new.max(axis=1) >= 0.8).mean()


def test_a_bad_node_is_not_trusted_because_its_siblings_are_good(tree):
    likeliest = np.repeat([0, 1, 2, 3], [60, 20, 60, 140])  # of class 1 too few to prove anything
    probs = np.full((len(likeliest), 13), 0.1 / 12, np.float32)
    probs[np.arange(len(likeliest)), likeliest] = 0.9
    gold = likeliest.copy()
    gold[:12] = 6  # texts of class 0 that belong elsewhere
    fitted = fit_node_thresholds(tree, probs, gold, np.ones(len(gold)), 0.9)
    least = dict(zip(tree.nodes, fitted.least, strict=True))
    basis = dict(zip(tree.nodes, fitted.basis, strict=True))
    bad, rare, good = PATHS[:3]
    assert (least[bad], basis[bad]) == (np.inf, NODE)
    assert [least[good], least[rare]] == pytest.approx([0.9, 0.9])
    assert (basis[good], basis[rare]) == (NODE, LEVEL)


def test_texts_without_evidence_lean_on_their_level(tree):
    rng = np.random.default_rng(1)
    probs, gold = drawn(tree, 300, rng, near=4.0)
    seen = probs.argmax(axis=1) != 12
    fitted = fit_node_thresholds(tree, probs[seen], gold[seen], np.ones(seen.sum()), 0.6)
    number = tree.number["C"]
    assert fitted.basis[number] == LEVEL
    assert np.isfinite(fitted.least[number])
    assert (fitted.precision[number], fitted.n[number]) == (None, 0)  # nothing is claimed


def sample_of(probs, gold):
    rows = np.arange(len(gold))
    return LabelledSample("the dev split", probs, Sample(rows, gold, np.zeros(len(gold), int)))


def test_quality_on_the_same_texts_is_cross_fitted(tree):
    rng = np.random.default_rng(2)
    probs, gold = drawn(tree, 500, rng, near=1.5)
    sample, new = sample_of(probs, gold), sample_of(*drawn(tree, 500, rng, near=1.5))
    fitted = TreeOfExport.fit(tree, sample, 1.0, 0.8)
    quality = fitted.quality(sample, 1.0, seed=0)
    assert quality["cross_fitted"]
    assert quality == fitted.quality(sample, 1.0, seed=0)
    assert not fitted.quality(new, 1.0, seed=0)["cross_fitted"]
    in_sample = tree.trusted(probs, fitted.thresholds.least)[0]
    in_sample = trusted_by_level(tree, in_sample, gold, sample.weights)
    assert quality["levels"] != in_sample
    assert set(at_thresholds(quality)) == {"share", "precision"}
    nothing = TreeOfExport.fit(tree, None, 1.0, 0.8)
    assert nothing.class_thresholds() == {}
    assert nothing.quality(new, 1.0, seed=0) == {"measured_on": None, "levels": []}
    names = {node["name"] for node in fitted.nodes({})}
    assert set(fitted.class_thresholds()) == set(tree.labels.names) <= names


def test_the_card_has_a_row_for_each_level(tree):
    sample = sample_of(*drawn(tree, 300, np.random.default_rng(3), near=1.5))
    fitted = TreeOfExport.fit(tree, sample, 1.0, 0.8)
    metrics = {"tree": fitted.quality(sample, 1.0, seed=0)}
    thresholds = {"precision": 0.8, "measured_on": "the dev split"}
    words = _tree({"n_parents": 6, "n_levels": 3}, metrics, thresholds)
    assert "a tree with 6 parents" in words
    assert "each fifth of the texts measured with thresholds from the other four" in words
    rows = [line for line in words.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:]] == [
        "| the class", "| a parent, level 2", "| a parent, level 1", "| any"
    ]  # fmt: skip
    assert _tree({"n_parents": 0}, {}, thresholds) == ""
    without = _tree(
        {"n_parents": 6, "n_levels": 3}, {"tree": {"levels": []}}, {"measured_on": None}
    )
    assert "no node is trusted" in without
