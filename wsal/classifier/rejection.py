"""Scores for texts of no class, from their embeddings, and where the scores are kept on the disk.

This module does without torch, because the server reads it where it has not imported it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from wsal.arrays import Embeddings, Mask, Scores
from wsal.errors import ConfigError
from wsal.json_files import read_json_object, write_json

FILES = FACTS_FILE, ARRAYS_FILE = "rejection.json", "rejection.safetensors"
GAMMA = 1.0  # of the Gaussian kernel, for embeddings of length 1
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Rejection:
    """A score that is higher for texts of no class, and the one above which a text is rejected."""

    method: str
    """One of `METHODS`."""
    arrays: Arrays
    """What the method has learned."""
    threshold: float = np.inf

    def scores(self, embeddings: Embeddings) -> Scores:
        """`(texts,)`: the scores of texts with these unit embeddings, `(texts, dims)`."""
        scores: Scores = METHODS[self.method](embeddings, self.arrays).astype(np.float32)
        return scores

    def rejects(self, scores: Scores) -> Mask:
        """Whether texts with these scores are rejected; one without text (NaN) is not."""
        above: Mask = scores > self.threshold
        return above

    def write(self, exported: Path) -> None:
        """Write `rejection.json` and `rejection.safetensors` into an exported folder."""
        facts = {"method": self.method, "threshold": self.threshold}
        write_json(exported / FACTS_FILE, facts)
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        save_file(arrays, exported / ARRAYS_FILE)
        (exported / ARRAYS_FILE).chmod(0o644)  # safetensors lets only the owner read it

    @classmethod
    def read(cls, exported: Path) -> "Rejection | None":
        """That of an exported folder; None if its model does not reject.

        Raises:
            ConfigError: the files are damaged.
        """
        path = exported / FACTS_FILE
        if not path.exists():
            return None
        advice = "run `wsal export` again"
        facts = read_json_object(path, advice)
        try:
            method, threshold = facts["method"], float(facts["threshold"])
            arrays = {
                name: a.astype(np.float32)
                for name, a in load_file(path.with_name(ARRAYS_FILE)).items()
            }
            METHODS[method]
        except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
            raise ConfigError(f"{path} or {ARRAYS_FILE} is damaged: {error}; {advice}") from error
        return cls(method, arrays, threshold)


def softmax(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """One minus the largest probability of a linear classifier (Hendrycks & Gimpel, 2017)."""
    logits = embeddings @ arrays["weights"] + arrays["bias"]
    largest = logits.max(axis=1)
    scores: Scores = 1 - 1 / np.exp(logits - largest[:, None]).sum(axis=1)
    return scores


def energy(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """Minus the logarithm of the sum of a linear classifier's odds (Liu et al., 2020)."""
    logits = embeddings @ arrays["weights"] + arrays["bias"]
    largest = logits.max(axis=1)
    scores: Scores = -largest - np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return scores


def nearest(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """Minus the cosine of the nearest text with a class (Sun et al., 2022)."""
    scores: Scores = -(embeddings @ arrays["classes"].T).max(axis=1)
    return scores


def means(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """Minus the cosine of the nearest mean of a class."""
    scores: Scores = -(embeddings @ arrays["means"].T).max(axis=1)
    return scores


def mahalanobis(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """The squared distance to the nearest class, less that to all texts (Ren et al., 2021)."""
    near = np.stack(
        [_squared(embeddings - mean, arrays["within"]) for mean in arrays["means"]], axis=1
    )
    scores: Scores = near.min(axis=1) - _squared(embeddings - arrays["mean"], arrays["total"])
    return scores


def contrast(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """The cosine of the nearest text of no class, less that of the nearest with a class."""
    scores: Scores = (embeddings @ arrays["none"].T).max(axis=1) + nearest(embeddings, arrays)
    return scores


def linear(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """The logit of "none of these" as one more class, less the largest of the others."""
    return _margin(embeddings @ arrays["weights"] + arrays["bias"])


def kernel(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """Like `linear`, by a classifier with a Gaussian kernel."""
    alike = np.exp(2 * GAMMA * (embeddings @ arrays["points"].T - 1))
    return _margin(alike @ arrays["weights"] + arrays["bias"])


def combined(embeddings: Embeddings, arrays: Arrays) -> Scores:
    """A weighted sum of the standardised scores of `PARTS`."""
    parts = [
        METHODS[name](embeddings, {key: arrays[f"{name}.{key}"] for key in keys})
        for name, keys in PARTS.items()
    ]
    standard = (np.stack(parts, axis=1) - arrays["centre"]) / arrays["scale"]
    scores: Scores = (standard @ arrays["sum"]).astype(np.float32)
    return scores


METHODS: Mapping[str, Callable[[Embeddings, Arrays], Scores]] = {
    method.__name__: method
    for method in (
        softmax, energy, nearest, means, mahalanobis, contrast, linear, kernel, combined,
    )
}  # fmt: skip
PARTS = {
    "linear": ("weights", "bias"),
    "kernel": ("points", "weights", "bias"),
    "contrast": ("none", "classes"),
    "nearest": ("classes",),
}
"""Methods that are combined, and the arrays that each needs."""


def _margin(logits: np.ndarray) -> Scores:
    margin: Scores = logits[:, -1] - logits[:, :-1].max(axis=1)
    return margin


def _squared(differences: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    squared: np.ndarray = ((differences @ inverse) * differences).sum(axis=1)
    return squared
