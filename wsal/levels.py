"""The levels of a class tree, from the parents of a label set: which node each code belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from wsal.arrays import Classes, Mask, Probs
from wsal.labels import LabelSet

UNDECIDED = -1


@dataclass(frozen=True)
class Level:
    """The nodes at one depth of a class tree; a class above that depth is a node of its own."""

    names: tuple[str, ...]
    node_of_code: Classes
    """`(codes,)`: the node of each class and parent; `UNDECIDED` where a code spans several nodes,
    as parents above the level do, or belongs to none."""

    def node_of_class(self, n_classes: int) -> Classes:
        """`(classes,)`."""
        return self.node_of_code[:n_classes]

    def probs(self, probs: Probs) -> Probs:
        """`(texts, nodes)` from `(texts, classes)`: of each node, the sum of its classes."""
        nodes = self.node_of_class(probs.shape[1])
        order = np.argsort(nodes, kind="stable")
        starts = np.searchsorted(nodes[order], np.arange(len(self.names)))
        summed: Probs = np.add.reduceat(probs[:, order], starts, axis=1)
        return summed


@dataclass(frozen=True)
class Tree:
    """The nodes of a class tree: its inner nodes, from the top, and the classes."""

    labels: LabelSet
    inner: tuple[str, ...]
    """Those parents of the label set that form a tree: any two are nested, or have no class in
    common. All of them do, unless classes were moved after one was split."""

    @classmethod
    def of(cls, labels: LabelSet) -> "Tree":
        """The tree of the parents; larger ones are above smaller ones.

        >>> tree = Tree.of(LabelSet(("Tea", "Coffee", "Pets"), {"Drinks": ("Tea", "Coffee")}))
        >>> [level.names for level in tree.levels]
        [('Drinks', 'Pets'), ('Tea', 'Coffee', 'Pets')]
        """
        by_size = sorted(labels.parents, key=lambda name: -len(set(labels.parents[name])))
        members = _sparse(labels.members[[labels.code(name) for name in by_size]])
        size = np.asarray(members.sum(axis=1)).ravel()
        both = (members @ members.T).toarray()
        fits = (both == 0) | (both == np.minimum(size[:, None], size))
        kept: list[int] = []
        for place in np.flatnonzero(size):
            if fits[place, kept].all():
                kept.append(int(place))
        return cls(labels, tuple(by_size[place] for place in kept))

    @cached_property
    def paths(self) -> Mask:
        """`(codes, nodes)`: the nodes above each code, and its own; inner nodes, then classes."""
        members = self.labels.members
        inner = members[[self.labels.code(name) for name in self.inner]]
        nodes = np.concatenate([inner, np.eye(len(self.labels), dtype=bool)])
        both = (_sparse(members) @ _sparse(nodes).T).toarray()
        size = members.sum(axis=1, keepdims=True)
        above: Mask = (both >= size) & (size > 0)
        return above

    @property
    def class_paths(self) -> np.ndarray | None:
        """`(classes, nodes)` 0 and 1: each class and the inner nodes above it; None without these.

        A linear classifier whose weights of a class are the sum of those of these nodes shares what
        it learns of one class with its neighbours: hierarchical shrinkage (Salakhutdinov et al.,
        2011).
        """
        if not self.inner:
            return None
        paths: np.ndarray = self.paths[: len(self.labels)].astype(np.float32)
        return paths

    @cached_property
    def levels(self) -> Sequence[Level]:
        """The levels from the root to the classes; one if there is no inner node."""
        n, n_inner = len(self.labels), len(self.inner)
        above = self.paths[:, :n_inner]
        made = []
        for depth in range(int(above[:n].sum(axis=1).max(initial=0))):
            # Inner nodes are sorted from the top, so that the node at a depth is the (depth+1)-th.
            at = above & (above.cumsum(axis=1) == depth + 1)
            has = at.any(axis=1)
            node = np.where(has, at.argmax(axis=1), UNDECIDED)
            node[:n] = np.where(has[:n], node[:n], n_inner + np.arange(n))
            made.append(self._level(node))
        classes = np.where(np.arange(len(above)) < n, n_inner + np.arange(len(above)), UNDECIDED)
        return [*made, self._level(classes)]

    def _level(self, node: np.ndarray) -> Level:
        """The level whose nodes are those of the classes, in the order of these."""
        used = node[: len(self.labels)]
        first = np.unique(used, return_index=True)[1]
        order = used[np.sort(first)]
        number = np.full(len(self.inner) + len(self.labels), UNDECIDED)
        number[order] = np.arange(len(order))
        names = [*self.inner, *self.labels.names]
        of_code = np.where(node == UNDECIDED, UNDECIDED, number[node])
        return Level(tuple(names[i] for i in order), of_code)


def _sparse(members: Mask) -> sparse.csr_matrix:
    """Products of whole taxonomies are quick only if they leave out the zeros."""
    return sparse.csr_matrix(members.astype(np.int32))
