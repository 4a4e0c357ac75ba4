"""The class tree of an exported model, and the deepest node that can be trusted for each text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from wsal.arrays import Classes, Probs
from wsal.class_tree import TOP, ClassTree
from wsal.errors import ConfigError
from wsal.labels import LabelSet

COLUMNS = ("leaf", "trusted", "trusted_probability")
"""What a model with a class tree adds to a prediction."""
NODE = "node"  # the `basis` of a threshold that the node's own texts set
DECIMALS = 6  # of probabilities that are shown
FIELDS = [("node", "<i4"), ("node_prob", "<f4")]
"""The same in an array of answers; node -1: none is trusted."""


@dataclass(frozen=True)
class TrustedNodes:
    """A class tree with the probability from which each node is trusted."""

    tree: ClassTree
    least: np.ndarray
    """`(nodes,)`, in the order of `ClassTree.nodes`; infinite where a node is never trusted, or
    where no gold set thresholds."""

    @classmethod
    def of(cls, content: Mapping[str, Any], labels: Sequence[str]) -> "TrustedNodes":
        """The tree in classes.json.

        Raises:
            ConfigError: it does not fit the classes.
        """
        parent = {node["name"]: node["parent"] or TOP for node in content["nodes"]}
        inner = set(parent.values())
        if {name for name in parent if name not in inner} != set(labels):
            raise ConfigError(
                "classes.json does not have the classes in labels.json as its leaves; run "
                "`wsal export` again"
            )
        limits = [node.get("threshold") for node in content["nodes"]]
        least = [np.inf if limit is None else float(limit) for limit in limits]
        return cls(ClassTree(LabelSet(tuple(labels)), parent), np.array(least))

    def add(self, answers: np.ndarray, probs: Probs) -> None:
        """Write the nodes of the classifier's probabilities `(texts, classes)` into answers."""
        if len(probs):
            answers["node"], answers["node_prob"] = self.tree.trusted(probs, self.least)

    def add_classes(self, answers: np.ndarray, classes: Classes, probs: np.ndarray) -> None:
        """The same where only the likeliest classes are known, and their probabilities."""
        nodes = self.tree.class_nodes[classes]
        answers["node"] = np.where(probs >= self.least[nodes], nodes, -1)
        answers["node_prob"] = probs

    def columns(
        self, answers: np.ndarray, is_empty: np.ndarray, is_null: np.ndarray
    ) -> list[pa.Array]:
        """The columns `COLUMNS` for answers; the first is null for texts that are empty.

        The last two are null where `is_null`, as for rejected texts, and where no node is trusted.
        """
        shorts = np.array([self.tree.short(n) for n in self.tree.labels.names], dtype=object)
        names = np.array(self.tree.nodes, dtype=object)
        is_null = is_null | (answers["node"] < 0)
        probs = answers["node_prob"].astype(np.float64).round(DECIMALS)
        return [
            pa.array(shorts[answers["classes"][:, 0]], pa.string(), mask=is_empty),
            pa.array(names[answers["node"]], pa.string(), mask=is_null),
            pa.array(probs, pa.float64(), mask=is_null),
        ]

    def way(self, probs: np.ndarray) -> list[tuple[str, float]]:
        """The nodes from the top to the likeliest class of a text, with their probabilities."""
        names = self.tree.way(self.tree.labels.names[int(probs.argmax())])
        return list(zip(names, self.tree.way_probs(probs[None])[0].tolist(), strict=False))
