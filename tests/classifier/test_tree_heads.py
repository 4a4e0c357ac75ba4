"""Heads that share strength along the paths of a class tree."""

import numpy as np
import pytest
import torch

from wsal.class_tree import ClassTree
from wsal.classifier.head import fit_last_layer, last_layer
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.softmax_regression import fit_softmax
from wsal.labels import LabelSet

LABELS = LabelSet(("a1", "a2", "b1", "b2"), {"A": ("a1", "a2"), "B": ("b1", "b2")})
PATHS = ClassTree.of(LABELS).class_paths


def drawn(n, seed=0):
    """Embeddings near the centre of their class, which is near that of its parent."""
    draw = np.random.default_rng(seed)
    centres = np.repeat(draw.normal(0, 1, (2, 20)), 2, axis=0) + draw.normal(0, 0.5, (4, 20))
    gold = draw.integers(0, 4, n)
    x = centres[gold] + draw.normal(0, 0.6, (n, 20))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), gold


def test_a_class_with_few_texts_takes_over_what_its_parent_learned():
    x, gold = drawn(400)
    is_rare = np.flatnonzero(gold[:80] == 1)
    known = np.setdiff1d(np.arange(80), is_rare[1:])  # one text of a2
    flat, tree = (
        fit_softmax(x[known], np.eye(4)[gold[known]], np.ones(len(known)), 1e-2, paths)
        for paths in (None, PATHS)
    )
    unseen = x[80:][gold[80:] == 1]
    for classes in ([0, 1], [1]):  # its parent, and the class itself
        before, after = (m.predict_proba(unseen)[:, classes].sum(axis=1) for m in (flat, tree))
        assert after.mean() > before.mean()


def test_paths_of_classes_alone_change_nothing():
    x, gold = drawn(200)
    alone = np.eye(4, dtype=np.float32)
    both = [fit_softmax(x, np.eye(4)[gold], np.ones(200), 1e-3, paths) for paths in (None, alone)]
    first, second = (model.predict_proba(x) for model in both)
    np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.fixture
def objective(tiny):
    texts = [f"tea pot {n}" if n % 4 < 2 else f"dog bone {n}" for n in range(40)]
    classifier = tiny(texts, n_classes=4)
    targets = np.eye(4, dtype=np.float32)[np.arange(40) % 4]

    def of(paths):
        tokens = classifier.tokens(texts)
        return LabelObjective(classifier, tokens, targets, np.ones(40), paths=paths)

    return of


def test_the_last_layer_moves_along_the_paths(objective):
    fitted = []
    for paths in (None, np.eye(4, dtype=np.float32), PATHS):
        of = objective(paths)
        layer = last_layer(of.classifier.model)
        before = [p.detach().clone() for p in layer.parameters()]
        fit_last_layer(of, np.ones(40), "test")
        fitted.append([(p - b).detach() for p, b in zip(layer.parameters(), before, strict=True)])
        with torch.no_grad():
            for p, b in zip(layer.parameters(), before, strict=True):
                p.copy_(b)
    for flat, alone in zip(fitted[0], fitted[1], strict=True):
        assert torch.allclose(flat, alone, atol=1e-3)
    moved = fitted[2][0]
    shared = ((moved[0] + moved[1]) / 2).norm()
    assert shared > ((fitted[0][0][0] + fitted[0][0][1]) / 2).norm()  # siblings move together
