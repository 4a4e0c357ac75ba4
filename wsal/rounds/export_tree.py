"""What an export knows of a class tree: its nodes with thresholds, and how far they are right."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wsal.artifacts import Facts
from wsal.class_tree import TOP, ClassTree
from wsal.export.calibration import apply_temperature, fit_temperature
from wsal.export.node_thresholds import (
    NODE,
    NodeThresholds,
    fit_node_thresholds,
    trusted_by_level,
)
from wsal.rounds.export_calibration import FOLDS, LabelledSample
from wsal.seeding import rng


@dataclass(frozen=True)
class TreeOfExport:
    """A class tree, and the thresholds of its nodes if there is gold that sets them."""

    tree: ClassTree
    thresholds: NodeThresholds | None
    precision: float
    calibration: LabelledSample | None

    @classmethod
    def fit(
        cls,
        tree: ClassTree,
        calibration: LabelledSample | None,
        temperature: float,
        precision: float,
    ) -> "TreeOfExport":
        """The thresholds for a precision, from gold that was never trained on."""
        fitted = None
        if calibration is not None:
            probs = apply_temperature(calibration.probs, temperature)
            fitted = fit_node_thresholds(
                tree, probs, calibration.gold, calibration.weights, precision
            )
        return cls(tree, fitted, precision, calibration)

    def class_thresholds(self) -> Facts:
        """The thresholds of the classes, in the form of thresholds.json."""
        return {
            node["name"]: {
                "threshold": node["threshold"],
                "shared": node["basis"] != NODE,
                "precision": node["precision"],
                "n": node["n"],
            }
            for node in self.nodes({})
            if "threshold" in node and node["name"] not in self.tree.children
        }

    def nodes(self, descriptions: Mapping[str, str]) -> list[dict[str, Any]]:
        """Each node, parents before their children, depth first; see docs/how-to/class-trees.md."""
        listed: list[dict[str, Any]] = []
        for number, name in enumerate(self.tree.nodes):
            parent = self.tree.parent[name]
            node: dict[str, Any] = {"name": name, "parent": None if parent == TOP else parent}
            if text := descriptions.get(name):
                node["description"] = text
            if self.thresholds is not None:
                least = float(self.thresholds.least[number])
                node |= {
                    "threshold": least if np.isfinite(least) else None,
                    "basis": self.thresholds.basis[number],
                    "precision": self.thresholds.precision[number],
                    "n": self.thresholds.n[number],
                }
            listed.append(node)
        return listed

    def file(self, descriptions: Mapping[str, str]) -> Facts:
        """What classes.json says."""
        return {
            "precision": self.precision,
            "measured_on": self.calibration.name if self.calibration else None,
            "nodes": self.nodes(descriptions),
        }

    def quality(self, measured: LabelledSample | None, temperature: float, seed: int) -> Facts:
        """How many texts of a sample have a trusted node at each level, and how many are right.

        Where the texts are those that set the thresholds, each fifth of them is measured by what
        the other four set (`cross_fitted`).
        """
        if measured is None or self.thresholds is None:
            return {"measured_on": None, "levels": []}
        same = measured is self.calibration
        if same:
            trusted = self._cross_fitted(measured, seed)
        else:
            probs = apply_temperature(measured.probs, temperature)
            trusted = self.tree.trusted(probs, self.thresholds.least)[0]
        levels = trusted_by_level(self.tree, trusted, measured.gold, measured.weights)
        about = {"measured_on": measured.name, "n": len(trusted), "cross_fitted": same}
        return {**about, "precision": self.precision, "levels": levels}

    def _cross_fitted(self, sample: LabelledSample, seed: int) -> np.ndarray:
        """The number of each text's trusted node, by the thresholds that the other folds set."""
        n = len(sample.gold)
        folds = rng(seed, "export", "folds").permutation(n) % FOLDS
        trusted = np.full(n, -1)
        for fold in range(FOLDS):
            rest, held = folds != fold, folds == fold
            if not rest.any():
                continue
            part = sample.probs[rest], sample.gold[rest], sample.weights[rest]
            temperature = fit_temperature(*part)
            probs = apply_temperature(part[0], temperature)
            fitted = fit_node_thresholds(self.tree, probs, *part[1:], self.precision)
            own = apply_temperature(sample.probs[held], temperature)
            trusted[held] = self.tree.trusted(own, fitted.least)[0]
        return trusted


def at_thresholds(quality: Facts) -> Facts:
    """The share of the texts for which a class is trusted, and its precision."""
    of_classes = quality["levels"][0]
    return {name: of_classes[name]["value"] for name in ("share", "precision")}
