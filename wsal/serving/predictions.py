"""Labels for texts: what the Python API, the server and `wsal predict` share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from wsal.arrays import Classes, Probs
from wsal.errors import ConfigError, DataError
from wsal.files.objects import as_text
from wsal.serving.engine import Engine
from wsal.serving.exported import Exported
from wsal.serving.multilabel import named
from wsal.serving.trusted_nodes import DECIMALS, TrustedNodes

Field = str | int | float | bool | None
Row = list[str | None]
"""The fields of a text, in the order of `Exported.fields`."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of a text; without a label if the text is empty."""

    label: str | None
    """The likeliest class; of a model with several classes per text, the names of all classes at or
    above their thresholds with " | " between them, or "none of these"."""
    probability: float | None
    """Of the label; with several classes per text, of the least sure of them, and None if there is
    none."""
    abstain: bool
    """Whether the probability is below the threshold of the class, or the text is empty."""
    top: tuple[tuple[str, float], ...]
    """The likeliest classes with their probabilities, the likeliest first."""
    none_score: float | None = None
    """The score by which texts of no class are rejected; None if the model rejects none."""
    rejected: bool = False
    """Whether the text is rejected as one of no class; then the model abstains."""
    path: tuple[tuple[str, float], ...] = ()
    """With a class tree: the nodes from the top to `label`, with their probabilities."""
    leaf: str | None = None
    """With a class tree: the name of the class below its parent."""
    trusted: str | None = None
    """With a class tree: the deepest of these nodes that reaches its threshold."""
    trusted_probability: float | None = None
    labels: tuple[tuple[str, float], ...] | None = None
    """With several classes per text: those of `label` with their probabilities; otherwise None."""


def predict_texts(
    engine: Engine, texts: Sequence[str | Mapping[str, Field]], top: int = 1
) -> list[Prediction]:
    """A prediction for each text, with its `top` likeliest classes (or all, if there are fewer).

    A text is a string, or a mapping with the fields that the model was trained on (a missing field
    is left out). It is cleaned and composed as for training.

    Raises:
        ConfigError: `top` is less than 1.
        DataError: a mapping has none of the model's fields, or a field is not finite.
    """
    if top < 1:
        raise ConfigError(f"top is {top}; expected 1 or more")
    rows = [row_of(text, engine.exported.fields) for text in texts]
    return to_predictions(engine.exported, probs_of_rows(engine, rows), top)


def row_of(text: str | Mapping[str, Field], fields: Sequence[str]) -> Row:
    """The fields of a text. A string is taken for the first field: composing leaves it as it is.

    Raises:
        DataError: the text is a mapping without any of the fields, or a field is not finite.
    """
    if isinstance(text, str):
        return [_valid(text), *[None] * (len(fields) - 1)]
    if not any(name in text for name in fields):
        raise DataError(f"a text has the fields {list(text)}; expected {list(fields)}")
    for name in fields:
        value = text.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            raise DataError(
                f"the field {name} is {value}, which is not a JSON number; expected text or null"
            )
    values = [as_text(text.get(name)) for name in fields]
    return [None if value is None else _valid(value) for value in values]


def probs_of_rows(engine: Engine, rows: Sequence[Row]) -> Probs:
    """Class probabilities `(texts, classes)`; NaN where a text is empty.

    Where the model rejects texts, the scores by which it does are a last column.
    """
    exported = engine.exported
    frame = pl.DataFrame(rows, dict.fromkeys(exported.fields, pl.String), orient="row")
    texts = exported.text_of(frame)
    has_text = (texts != "").to_numpy()
    n_columns = len(exported.labels) + (exported.rejection is not None)
    made = np.full((len(rows), n_columns), np.nan, dtype=np.float32)
    if has_text.any():
        probs, none = engine.answers(exported.pieces(texts.filter(has_text).to_list()))
        made[has_text] = probs if none is None else np.column_stack([probs, none])
    return made


def top_classes(probs: Probs, top: int) -> Classes:
    """The `top` likeliest classes of each text, `(texts, top)`; of equals, the first class first.

    >>> top_classes(np.array([[0.2, 0.5, 0.3]], dtype=np.float32), 2).tolist()
    [[1, 2]]
    """
    order: Classes = np.argsort(-probs, axis=1, kind="stable")[:, :top]
    return order


def to_predictions(exported: Exported, probs: Probs, top: int) -> list[Prediction]:
    """What `probs_of_rows` returns as predictions; a row of NaN is an empty text."""
    if exported.multilabel:
        return [_set_of(exported, row, top) for row in probs]
    none = probs[:, -1] if exported.rejection is not None else None
    probs = probs[:, : len(exported.labels)]
    classes = top_classes(probs, top)
    best = classes[:, 0]
    below = exported.abstains(best, probs[np.arange(len(probs)), best])
    rejected = np.zeros(len(probs), dtype=bool)
    if exported.rejection is not None and none is not None:
        rejected = exported.rejection.rejects(none)
    made = []
    for place, (row, likeliest) in enumerate(zip(probs, classes, strict=True)):
        if np.isnan(row[0]):
            made.append(Prediction(None, None, abstain=True, top=()))
            continue
        pairs = tuple((exported.labels[c], round(float(row[c]), DECIMALS)) for c in likeliest)
        score = None if none is None else round(float(none[place]), DECIMALS)
        is_rejected = bool(rejected[place])
        abstain = bool(below[place]) or is_rejected
        of_tree = _of_tree(exported.tree, row, trusts=not is_rejected) if exported.tree else {}
        made.append(Prediction(*pairs[0], abstain, pairs, score, is_rejected, **of_tree))
    return made


def _set_of(exported: Exported, probs: np.ndarray, top: int) -> Prediction:
    """The prediction for a text that may have several classes; an abstention if it is empty."""
    if np.isnan(probs[0]):
        return Prediction(None, None, abstain=True, top=(), labels=())
    order = np.argsort(-probs, kind="stable")
    label, chosen = named(exported, order, probs[order], DECIMALS)
    first = [(exported.labels[c], round(float(probs[c]), DECIMALS)) for c in order[:top]]
    least = min(chosen.values(), default=None)
    pairs = tuple(chosen.items())
    return Prediction(label, least, abstain=False, top=tuple(first), labels=pairs)


def _of_tree(tree: TrustedNodes, probs: np.ndarray, *, trusts: bool) -> dict[str, Any]:
    """What a class tree adds to the prediction for a text; `trusts`: it is not rejected."""
    path = tuple((name, round(p, DECIMALS)) for name, p in tree.way(probs))
    number = int(tree.tree.trusted(probs[None], tree.least)[0][0])
    trusted = None if number < 0 or not trusts else tree.tree.nodes[number]
    return {
        "path": path,
        "leaf": tree.tree.short(path[-1][0]),
        "trusted": trusted,
        "trusted_probability": None if trusted is None else dict(path)[trusted],
    }


def _valid(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
