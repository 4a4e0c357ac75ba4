"""Classes and parents as a tree: the parent of each node, the way to it, and the levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from wsal.arrays import Classes, Mask, Probs
from wsal.labels import LabelSet

SEPARATOR = " > "
"""Between the names of a path."""
TOP = ""
"""Takes the place of a parent for the nodes at the top."""
UNDECIDED = -1
SHARED = 0.5
"""The share of a parent's weights that its classes get; with all of them, accuracy fell."""


@dataclass(frozen=True)
class Level:
    """The nodes that a level divides the classes into; a class above it is a node of its own."""

    names: tuple[str, ...]
    node_of_code: Classes
    """`(codes,)`: the node that has all classes of each code; `UNDECIDED` where there is none."""

    def probs(self, probs: Probs) -> Probs:
        """`(texts, nodes)` from `(texts, classes)`: of each node, the sum of its classes."""
        nodes = self.node_of_code[: probs.shape[1]]
        order = np.argsort(nodes, kind="stable")
        starts = np.searchsorted(nodes[order], np.arange(len(self.names)))
        summed: Probs = np.add.reduceat(probs[:, order], starts, axis=1)
        return summed


@dataclass(frozen=True)
class ClassTree:
    """The nodes of a label set in a tree. A parent is whatever stands for all classes below it.

    Names say nothing about the tree: the classes that each parent stands for do. So a class that
    was split is a parent like a node of a taxonomy.

    >>> names = ("Food > Tea", "Food > Cocoa", "Pets")
    >>> tree = ClassTree.of(LabelSet(names, {"Food": ("Food > Tea", "Food > Cocoa")}))
    >>> tree.children[TOP], tree.children["Food"]
    (('Food', 'Pets'), ('Food > Tea', 'Food > Cocoa'))
    >>> tree.way("Food > Tea"), tree.short("Food > Tea"), tree.n_levels
    (('Food', 'Food > Tea'), 'Tea', 2)
    """

    labels: LabelSet
    parent: Mapping[str, str]
    """Node -> its parent, or `TOP`; every node is here, each before its children, depth first."""

    @classmethod
    def of(cls, labels: LabelSet) -> "ClassTree":
        """The tree of a label set; without parents, all classes are at the top."""
        rank = {name: number for number, name in enumerate(labels.names)}
        members = {name: frozenset(classes) for name, classes in labels.parents.items() if classes}
        place = {name: number for number, name in enumerate(members)}
        # of parents with the same classes, the one that is listed first is above the other
        outer = sorted(members, key=lambda name: (len(members[name]), -place[name]))
        containing: dict[str, list[str]] = {name: [] for name in labels.names}
        for name in outer:
            for label in members[name]:
                containing[label].append(name)
        parent = {name: next(iter(containing[name]), TOP) for name in labels.names}
        for name in outer:
            of_first = containing[next(iter(members[name]))]
            above = of_first[of_first.index(name) + 1 :]
            parent[name] = next((n for n in above if members[name] <= members[n]), TOP)
        first = {name: rank[name] for name in labels.names}
        first |= {name: min(rank[label] for label in members[name]) for name in members}
        below: dict[str, list[str]] = {}
        for name in sorted(parent, key=first.__getitem__):
            below.setdefault(parent[name], []).append(name)
        ordered: dict[str, str] = {}
        waiting = below.get(TOP, [])[::-1]
        while waiting:
            name = waiting.pop()
            ordered[name] = parent[name]
            waiting += below.get(name, [])[::-1]
        return cls(labels, ordered)

    @property
    def is_flat(self) -> bool:
        """Whether there are no parents."""
        return len(self.parent) == len(self.labels)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node, parents before their children, depth first."""
        return tuple(self.parent)

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """The children of each parent, and of `TOP`; a class has none and is not here."""
        below: dict[str, list[str]] = {TOP: []}
        for name, parent in self.parent.items():
            below.setdefault(parent, []).append(name)
        return {name: tuple(names) for name, names in below.items()}

    @cached_property
    def _ways(self) -> dict[str, tuple[str, ...]]:
        ways: dict[str, tuple[str, ...]] = {TOP: ()}
        for name, parent in self.parent.items():
            ways[name] = (*ways[parent], name)
        return ways

    def way(self, name: str) -> tuple[str, ...]:
        """The nodes from the top to a node, which is the last of them; empty for `TOP`."""
        return self._ways[name]

    def short(self, name: str) -> str:
        """The name of a node below its parent: what its path adds to the parent's."""
        return name.removeprefix(self.parent[name] + SEPARATOR)

    def path(self, name: str) -> str:
        """The short names from the top to a node; in a taxonomy, that is the node's name."""
        return SEPARATOR.join(map(self.short, self.way(name)))

    @cached_property
    def n_levels(self) -> int:
        """How many nodes the longest way has."""
        return max((len(way) for way in self._ways.values()), default=0)

    @cached_property
    def number(self) -> dict[str, int]:
        """The position of each node in `nodes`."""
        return {name: number for number, name in enumerate(self.parent)}

    @cached_property
    def way_of_class(self) -> np.ndarray:
        """`(classes, levels)`: the numbers of the nodes on the way to each class.

        Where a way is shorter, the class itself is repeated.
        """
        ways = [self.way(name) for name in self.labels.names]
        full = [[*way, *[way[-1]] * (self.n_levels - len(way))] for way in ways]
        numbers = [[self.number[name] for name in way] for way in full]
        return np.array(numbers, dtype=np.int64).reshape(len(ways), self.n_levels)

    @cached_property
    def class_paths(self) -> np.ndarray | None:
        """`(classes, nodes)`: 1 at each class, `SHARED` at the parents above it, and 0 elsewhere.

        If the weights of a class in a linear classifier are the sum of those of its nodes, times
        these numbers, what it learns about a class is shared with the class's neighbours:
        hierarchical shrinkage (Salakhutdinov et al., 2011). None if there are no parents.
        """
        if self.is_flat:
            return None
        paths = SHARED * self._on_way
        np.put_along_axis(paths, self.class_nodes[:, None], 1, axis=1)
        return paths

    @property
    def _on_way(self) -> np.ndarray:
        """`(classes, nodes)`: 1 at each class and the parents above it."""
        nodes = np.zeros((len(self.labels), len(self.parent)), np.float32)
        np.put_along_axis(nodes, self.way_of_class, 1, axis=1)
        return nodes

    @cached_property
    def paths(self) -> Mask:
        """`(codes, nodes)`: the nodes that have all classes of each code; see `LabelSet.code`."""
        counts = (self._members @ sparse.csr_matrix(self._on_way)).toarray()
        size = self.labels.members.sum(axis=1, keepdims=True)
        paths: Mask = (counts == size) & (size > 0)
        return paths

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The levels from the top to the classes; a single level if there are no parents."""
        return tuple(self._level(depth) for depth in range(self.n_levels))

    def _level(self, depth: int) -> Level:
        numbers, of_class = np.unique(self.way_of_class[:, depth], return_inverse=True)
        ones, classes = np.ones(len(of_class), np.float32), np.arange(len(of_class))
        nodes = (self._members @ sparse.csr_matrix((ones, (classes, of_class)))).tocsr()
        of_code = np.full(len(self.labels.answers), UNDECIDED)
        is_decided = nodes.getnnz(axis=1) == 1
        of_code[is_decided] = nodes.indices[nodes.indptr[:-1][is_decided]]
        return Level(tuple(self.nodes[number] for number in numbers), of_code)

    @cached_property
    def _members(self) -> sparse.csr_matrix:
        """Products of whole taxonomies are quick only if they leave out the zeros."""
        return sparse.csr_matrix(self.labels.members.astype(np.float32))

    @cached_property
    def _order(self) -> Classes | None:
        """The classes, depth first; None where they are in this order already."""
        order = np.argsort([self.number[name] for name in self.labels.names], kind="stable")
        return None if (order == np.arange(len(order))).all() else order

    @cached_property
    def _spans(self) -> np.ndarray:
        """`(nodes, 2)`: where the classes of each node begin and end in `_order`."""
        classes = set(self.labels.names)
        is_class = np.array([name in classes for name in self.parent])
        begin = np.cumsum(is_class) - is_class
        spans = np.stack([begin, begin], axis=1)
        for name in reversed(self.nodes):
            own = spans[self.number[name]]
            own[1] = max(own[1], own[0] + is_class[self.number[name]])
            if (parent := self.parent[name]) != TOP:
                above = spans[self.number[parent]]
                above[1] = max(above[1], own[1])
        return spans

    def way_probs(self, probs: Probs) -> np.ndarray:
        """`(texts, levels)`: the probability of each node on the way to the likeliest class."""
        best = probs.argmax(axis=1)
        ordered = probs if self._order is None else probs[:, self._order]
        sums = np.zeros((len(probs), len(self.labels) + 1))
        np.cumsum(ordered, axis=1, dtype=np.float64, out=sums[:, 1:])
        ways, texts = self.way_of_class[best], np.arange(len(probs))
        spans = self._spans[ways]
        of_nodes = np.take_along_axis(sums, spans[..., 1], 1)
        of_nodes -= np.take_along_axis(sums, spans[..., 0], 1)
        is_class = ways == self.class_nodes[best][:, None]
        of_classes = probs[texts, best].astype(np.float64)  # as it is, not rounded by sums
        return np.where(is_class, of_classes[:, None], of_nodes)

    @cached_property
    def class_nodes(self) -> np.ndarray:
        """`(classes,)`: the number of each class in `nodes`."""
        return self.way_of_class[:, -1]

    def trusted(self, probs: Probs, least: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each text, the deepest node on the way to its likeliest class that can be trusted.

        Args:
            probs: `(texts, classes)`.
            least: `(nodes,)`: the probability from which each node is trusted.

        Returns:
            `(texts,)`: the number of the node in `nodes`, or -1 for none; and its probability.
        """
        ways, of_nodes = self.way_of_class[probs.argmax(axis=1)], self.way_probs(probs)
        reached = of_nodes >= least[ways]
        level = np.where(reached, np.arange(self.n_levels), -1).max(axis=1)
        texts = np.arange(len(probs))
        number = np.where(level < 0, -1, ways[texts, level])
        return number, of_nodes[texts, level]
