"""For each node of a class tree, the probability from which it is trusted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wsal.arrays import Classes, Probs, Weights
from wsal.class_tree import ClassTree
from wsal.evaluation.shares import share_of, wilson

NEVER = np.inf
NODE, SIBLINGS, LEVEL = "node", "siblings", "level"
"""Whose predictions set a threshold: the node's own, its siblings' too, or all of its level."""


@dataclass(frozen=True)
class NodeThresholds:
    """The thresholds of a tree's nodes, in the order of `ClassTree.nodes`."""

    least: np.ndarray
    """`(nodes,)`: the lowest probability at which a node is trusted; infinite: never."""
    basis: list[str]
    """Whose predictions set each threshold: `NODE`, `SIBLINGS` or `LEVEL`."""
    precision: list[float | None]
    """Of the texts of the sample for which the node is the deepest trusted one, the share that
    belongs there; None if there are none."""
    n: list[int]
    """How many texts these are."""


def fit_node_thresholds(
    tree: ClassTree, probs: Probs, gold: Classes, weights: Weights, precision: float
) -> NodeThresholds:
    """For each node, the lowest probability at which it has the precision, by its lower bound.

    Nodes are taken from the deepest level up. A text counts for a node if the node is on the way to
    its likeliest class and nothing below it is trusted: so the precision is that of what is
    returned, and the texts for which a class is trusted do not make its parents look better.

    The bound is the lower end of the 90% interval (Wilson, 1927), with the effective number of
    texts. Where the texts of a node are too few to prove the precision, the node has the threshold
    that it and its siblings together have, or else that of its level (the classes are a level of
    their own), unless its own texts show that its precision is lower. Otherwise it is never
    trusted.

    Args:
        tree: the tree, with parents.
        probs: `(texts, classes)`, calibrated.
        gold: the class of each text.
        weights: how many texts each stands for.
        precision: in [0, 1].
    """
    ways, n_nodes = tree.way_of_class, len(tree.nodes)
    chosen, of_nodes = ways[probs.argmax(axis=1)], tree.way_probs(probs)
    right = chosen == ways[gold]
    least, basis = np.full(n_nodes, NEVER), [LEVEL] * n_nodes
    open_texts = np.ones(len(probs), dtype=bool)
    measured: dict[int, tuple[float, int]] = {}
    for level, nodes in _levels(tree):
        place = tree.n_levels - 1 if level is None else level
        rows = np.flatnonzero(open_texts & np.isin(chosen[:, place], nodes))
        node, texts = (
            chosen[rows, place],
            _Texts(of_nodes[rows, place], right[rows, place], weights[rows]),
        )
        for number, threshold, of in _thresholds(tree, nodes, node, texts, precision):
            least[number], basis[number] = threshold, of
        taken = texts.p >= least[node]
        for number in np.unique(node[taken]).tolist():
            own = texts.of(taken & (node == number))
            measured[number] = float(np.average(own.right, weights=own.weights)), len(own.p)
        open_texts[rows[taken]] = False
    values = [measured.get(number) for number in range(n_nodes)]
    return NodeThresholds(
        least,
        basis,
        [None if v is None else v[0] for v in values],
        [0 if v is None else v[1] for v in values],
    )


def _levels(tree: ClassTree) -> Iterator[tuple[int | None, list[int]]]:
    """The classes (level None), then the parents of each level, the deepest first."""
    yield None, [tree.number[name] for name in tree.labels.names]
    for level in reversed(range(tree.n_levels)):
        names = [n for n in tree.children if n and len(tree.way(n)) == level + 1]
        if names:
            yield level, [tree.number[name] for name in names]


@dataclass(frozen=True)
class _Texts:
    """The texts of some nodes: their probabilities, and whether they belong to the nodes."""

    p: np.ndarray
    right: np.ndarray
    weights: Weights

    def of(self, chosen: np.ndarray) -> "_Texts":
        """Some of the texts."""
        return _Texts(self.p[chosen], self.right[chosen], self.weights[chosen])

    def lowest(self, precision: float) -> float:
        """The lowest probability at which the precision is proved; infinite if there is none."""
        if not len(self.p):
            return NEVER
        order = np.argsort(-self.p, kind="stable")
        p, weights = self.p[order], self.weights[order]
        total, squares = weights.cumsum(), (weights**2).cumsum()
        low = wilson((weights * self.right[order]).cumsum() / total, total**2 / squares).low
        last_of_tie = np.append(p[1:] < p[:-1], True)  # equal probabilities go together
        good = np.flatnonzero(last_of_tie & (low >= precision))
        return float(p[good[-1]]) if len(good) else NEVER

    def contradict(self, threshold: float, precision: float) -> bool:
        """Whether the precision from a threshold on is certainly lower."""
        kept = self.p >= threshold
        if not kept.any():
            return False
        w = self.weights[kept]
        share = np.array([np.average(self.right[kept], weights=w)])
        n = np.array([w.sum() ** 2 / (w**2).sum()])
        return bool(wilson(share, n).high[0] < precision)


def _thresholds(
    tree: ClassTree, nodes: list[int], node: np.ndarray, texts: _Texts, precision: float
) -> Iterator[tuple[int, float, str]]:
    """For each of the nodes of a level, its threshold, and whose texts set it."""

    def proved(own: _Texts, wider: tuple[float, str], name: str) -> tuple[float, str]:
        lowest = own.lowest(precision)
        if lowest < NEVER:
            return lowest, name
        return (NEVER, name) if own.contradict(wider[0], precision) else wider

    of_level = texts.lowest(precision), LEVEL
    siblings: dict[str, list[int]] = {}
    for number in nodes:
        siblings.setdefault(tree.parent[tree.nodes[number]], []).append(number)
    for members in siblings.values():
        of_siblings = proved(texts.of(np.isin(node, members)), of_level, SIBLINGS)
        for number in members:
            yield number, *proved(texts.of(node == number), of_siblings, NODE)


def trusted_by_level(
    tree: ClassTree, trusted: np.ndarray, gold: Classes, weights: Weights
) -> list[dict[str, Any]]:
    """How many texts have their trusted node at each level, and how many of these are right.

    Args:
        tree: the tree.
        trusted: `(texts,)`, the numbers of the nodes; see `ClassTree.trusted`.
        gold: the class of each text.
        weights: how many texts each stands for.

    Returns:
        For `class`, then the parents of each level (counted from 1, the deepest first), and last
        `any`: the `share` of the texts and the `precision` with 90% intervals, and the number `n`.
    """
    is_right = (tree.way_of_class[gold] == trusted[:, None]).any(axis=1)
    depth = np.array([0 if n not in tree.children else len(tree.way(n)) for n in tree.nodes])
    level = np.where(trusted < 0, -1, depth[trusted])
    rows: list[tuple[str | int, np.ndarray]] = [("class", level == 0)]
    rows += [(k, level == k) for k in range(int(depth.max()), 0, -1)]
    rows.append(("any", level >= 0))
    nobody = {"value": None, "low": None, "high": None}
    return [
        {
            "level": name,
            "n": int(here.sum()),
            "share": share_of(here, weights),
            "precision": share_of(is_right[here], weights[here]) if here.any() else nobody,
        }
        for name, here in rows
    ]
