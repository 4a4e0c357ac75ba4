"""Sets of classes in predictions: the classes at or above their thresholds."""

import json

import numpy as np
import pyarrow as pa

from wsal.arrays import Probs
from wsal.errors import ConfigError
from wsal.multilabel import joined
from wsal.serving.exported import Exported


def sigmoid(logits: np.ndarray) -> Probs:
    """Probabilities of yes, computed without overflow.

    >>> sigmoid(np.array([[0.0, -1000.0]])).tolist()
    [[0.5, 0.0]]
    """
    probs: Probs = (0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))).astype(np.float32)
    return probs


def close_to_thresholds(logits: np.ndarray, thresholds: np.ndarray, margin: float) -> np.ndarray:
    """`(texts,)`: whether a decision of a text is so close that rounding may have changed it."""
    limits = np.clip(thresholds, 1e-9, 1 - 1e-9)
    least = np.where(thresholds <= 1, np.log(limits / (1 - limits)), np.inf)
    near: np.ndarray = (np.abs(logits - least) < margin / 2).any(axis=1)
    return near


def n_answered(exported: Exported, top: int) -> int:
    """How many classes of a text are kept: all where it may have several, else `top`."""
    return len(exported.labels) if exported.multilabel else top


def refuse_sets(exported: Exported, what: str) -> None:
    """Refuse what compares single classes.

    Raises:
        ConfigError: a text may have several classes.
    """
    if exported.multilabel:
        raise ConfigError(
            f"{what} is for models with one class per text, and {exported.folder} gives a text "
            "all classes that reach their thresholds"
        )


def named(
    exported: Exported, classes: np.ndarray, probs: np.ndarray, digits: int
) -> tuple[str, dict[str, float]]:
    """A text's set of classes as it is written, and the probability of each, the likeliest first.

    `classes` and `probs` are all classes of the text by decreasing probability.
    """
    above = np.flatnonzero(probs >= exported.thresholds[classes])
    chosen = {exported.labels[classes[i]]: round(float(probs[i]), digits) for i in above}
    in_order = [name for name in exported.labels if name in chosen]
    return joined(in_order), chosen


def columns_of(
    exported: Exported, answers: np.ndarray, is_empty: np.ndarray, digits: int
) -> tuple[pa.Array, pa.Array]:
    """The columns `label` (names with " | " between them) and `probability` (a JSON object)."""
    labels, probabilities = list[str | None](), list[str | None]()
    for own, empty in zip(answers, is_empty.tolist(), strict=True):
        label, chosen = named(exported, own["classes"], own["probs"], digits)
        labels.append(None if empty else label)
        probabilities.append(None if empty else json.dumps(chosen, ensure_ascii=False))
    return pa.array(labels, pa.string()), pa.array(probabilities, pa.string())
