"""Quality on a class tree: by level, and hierarchical precision, recall and F1.

A text whose gold is a parent counts only for the levels that it decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from wsal.arrays import Classes, Mask, Probs, Weights
from wsal.class_tree import UNDECIDED, ClassTree, Level
from wsal.evaluation.auxiliary import expect
from wsal.evaluation.bootstrap import Statistic
from wsal.evaluation.estimates import Estimate, accuracy, estimate_of, macro_f1
from wsal.evaluation.sample import Sample

HIERARCHICAL = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Overlaps:
    """How much of a predicted path and of the true one is the same, by class and code.

    A path is a class with all nodes above it (Kiritchenko et al., 2006). Where the truth is a
    parent, nothing is known below it, so that predicted nodes below it do not count.
    """

    both: np.ndarray  # (classes, codes): nodes on both paths
    predicted: np.ndarray  # (classes, codes): nodes of the predicted path that count
    true: np.ndarray  # (codes,): nodes of the true path

    @classmethod
    def of(cls, tree: ClassTree) -> "Overlaps":
        """Those of all classes and codes of a tree."""
        paths, n = tree.paths, len(tree.labels)
        true = paths.sum(axis=1).astype(np.float64)
        counted = np.where(np.arange(len(paths)) < n, np.inf, true)
        nodes = sparse.csr_matrix(paths.astype(np.float64))
        return cls((nodes[:n] @ nodes.T).toarray(), np.minimum(true[:n, None], counted), true)


def measure(probs: Probs, gold: Classes, weights: Weights, tree: ClassTree) -> dict[str, Any]:
    """Figures of a split: `levels`, from the top, and `hierarchical`.

    A level has `n_nodes`, `n_texts` (rows of the source), `n_undecided` (rows whose gold says
    nothing of this level), `accuracy` and `macro_f1`; the last two are None without a text. The
    prediction is the node that is most probable, by the sum over its classes.

    Args:
        probs: `(texts, classes)`.
        gold: `(texts,)`, a code each.
        weights: `(texts,)`, how many rows of the source each stands for.
        tree: the class tree.
    """
    overlaps, predicted = Overlaps.of(tree), probs.argmax(axis=1)
    both, n_predicted, n_true = (
        float(weights @ counts)
        for counts in (
            overlaps.both[predicted, gold],
            overlaps.predicted[predicted, gold],
            overlaps.true[gold],
        )
    )
    shares = both / n_predicted, both / n_true, 2 * both / (n_predicted + n_true)
    return {
        "levels": [_of_level(level, probs, gold, weights) for level in tree.levels],
        "hierarchical": dict(zip(HIERARCHICAL, shares, strict=True)),
    }


def _of_level(level: Level, probs: Probs, gold: Classes, weights: Weights) -> dict[str, Any]:
    from sklearn.metrics import f1_score  # noqa: PLC0415  takes a second

    truth = level.node_of_code[gold]
    decided = truth != UNDECIDED
    facts: dict[str, Any] = {
        "n_nodes": len(level.names),
        "n_texts": int(weights[decided].sum()),
        "n_undecided": int(weights[~decided].sum()),
        "accuracy": None,
        "macro_f1": None,
    }
    if not decided.any():
        return facts
    truth, weights = truth[decided], weights[decided]
    predicted = level.probs(probs[decided]).argmax(axis=1)
    f1 = f1_score(
        truth, predicted, labels=np.unique(truth), average="macro", sample_weight=weights,
        zero_division=0.0,
    )  # fmt: skip
    right = float(np.average(predicted == truth, weights=weights))
    return facts | {"accuracy": right, "macro_f1": float(f1)}


def estimate_levels(
    sample: Sample,
    probs: Sequence[Probs],
    tree: ClassTree,
    rng: Callable[[str], np.random.Generator],
    level: float = 0.9,
) -> list[list[dict[str, Any]]]:
    """For each classifier and level: `n_nodes`, `n_texts`, `n_undecided` and both estimates.

    The classes themselves, the last level, are left out: flat metrics measure them.

    Args:
        sample: labelled texts; their gold is a class or a parent.
        probs: `(frame, classes)` of each classifier.
        tree: the class tree.
        rng: makes a generator for the bootstrap of a metric.
        level: of the intervals, in (0, 1).
    """
    made: list[list[dict[str, Any]]] = [[] for _ in probs]
    for at in tree.levels[:-1]:
        own = sample_at(sample, at)
        facts = {"n_nodes": len(at.names), "n_texts": len(own.rows) if own else 0}
        facts["n_undecided"] = len(sample.rows) - facts["n_texts"]
        for of_classifier, each in zip(made, probs, strict=True):
            estimates: dict[str, Estimate | None] = {"accuracy": None, "macro_f1": None}
            if own:
                summed = at.probs(each)
                estimates = {
                    "accuracy": accuracy(own, summed, rng("accuracy"), level),
                    "macro_f1": macro_f1(own, summed, rng("macro_f1"), level),
                }
            of_classifier.append({**facts, **estimates})
    return made


def estimate_hierarchical(
    sample: Sample, probs: Probs, tree: ClassTree, rng: np.random.Generator, level: float = 0.9
) -> dict[str, Estimate]:
    """Hierarchical precision, recall and F1 on the frame, in [0, 1], by difference estimators.

    The arguments are those of `accuracy`; gold may be a parent.
    """
    overlaps, expected = Overlaps.of(tree), expect(sample, probs)
    seeds = rng.integers(2**31, size=len(HIERARCHICAL))
    estimates = {}
    for name, seed in zip(HIERARCHICAL, seeds, strict=True):
        statistic = _hierarchical(sample, expected.predicted, expected.classifier, overlaps, name)
        draw = np.random.default_rng(seed)
        plain = replace(expected, probs=expected.classifier)
        estimates[name] = estimate_of(sample, plain, statistic, draw, level, least=0, curved=True)
    return estimates


def _hierarchical(
    sample: Sample, predicted: Classes, probs: Probs, overlaps: Overlaps, name: str
) -> Statistic:
    """The statistic of a metric: a ratio of sums, each expected by `probs` and corrected."""
    n_classes, copies = probs.shape[1], sample.n_copies
    tables = {
        "both": overlaps.both,
        "predicted": overlaps.predicted,
        "true": np.broadcast_to(overlaps.true, overlaps.both.shape),
    }
    of_text = {
        key: np.einsum("tc,tc->t", probs.astype(np.float64), table[predicted][:, :n_classes])
        for key, table in tables.items()
    }

    def total(key: str, rows: np.ndarray, gold: Classes, weights: np.ndarray) -> np.ndarray:
        residual = copies[rows] * (tables[key][predicted[rows], gold] - of_text[key][rows])
        summed: np.ndarray = copies @ of_text[key] + weights @ residual
        return summed

    def statistic(
        rows: np.ndarray, gold: Classes, weights: np.ndarray, _asked: np.ndarray
    ) -> np.ndarray:
        both, n_predicted, n_true = (total(k, rows, gold, weights) for k in tables)
        of = {"precision": n_predicted, "recall": n_true, "f1": (n_predicted + n_true) / 2}
        share: np.ndarray = both / np.maximum(of[name], 1e-9)
        return share

    return statistic


def sample_at(sample: Sample, level: Level) -> Sample | None:
    """The texts whose gold decides the level, with its nodes as gold; None if there is none."""
    truth = level.node_of_code[sample.gold]
    decided: Mask = truth != UNDECIDED
    if not decided.any():
        return None
    auxiliary = sample.auxiliary
    if auxiliary is not None:
        known = auxiliary.answers >= 0
        answers = np.where(known, level.node_of_code[auxiliary.answers], UNDECIDED)
        auxiliary = replace(auxiliary, answers=answers)
    rows, gold = sample.rows[decided], truth[decided]
    return replace(sample, rows=rows, gold=gold, auxiliary=auxiliary)
