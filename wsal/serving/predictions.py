"""Labels for texts: what the Python API, the server and `wsal predict` share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import Classes, Probs
from wsal.errors import ConfigError, DataError
from wsal.files.objects import as_text
from wsal.serving.engine import Engine
from wsal.serving.exported import Exported
from wsal.serving.multilabel import named

DECIMALS = 6  # of probabilities that are shown

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
    """Class probabilities `(texts, classes)`; NaN where a text is empty."""
    exported = engine.exported
    frame = pl.DataFrame(rows, dict.fromkeys(exported.fields, pl.String), orient="row")
    texts = exported.text_of(frame)
    has_text = (texts != "").to_numpy()
    probs = np.full((len(rows), len(exported.labels)), np.nan, dtype=np.float32)
    if has_text.any():
        probs[has_text] = engine.probs(exported.pieces(texts.filter(has_text).to_list()))
    return probs


def top_classes(probs: Probs, top: int) -> Classes:
    """The `top` likeliest classes of each text, `(texts, top)`; of equals, the first class first.

    >>> top_classes(np.array([[0.2, 0.5, 0.3]], dtype=np.float32), 2).tolist()
    [[1, 2]]
    """
    order: Classes = np.argsort(-probs, axis=1, kind="stable")[:, :top]
    return order


def to_predictions(exported: Exported, probs: Probs, top: int) -> list[Prediction]:
    """Probabilities `(texts, classes)` as predictions; a row of NaN is an empty text."""
    if exported.multilabel:
        return [_set_of(exported, row, top) for row in probs]
    classes = top_classes(probs, top)
    best = classes[:, 0]
    below = exported.abstains(best, probs[np.arange(len(probs)), best])
    made = []
    for row, likeliest, abstain in zip(probs, classes, below.tolist(), strict=True):
        if np.isnan(row[0]):
            made.append(Prediction(None, None, abstain=True, top=()))
            continue
        pairs = tuple((exported.labels[c], round(float(row[c]), DECIMALS)) for c in likeliest)
        made.append(Prediction(*pairs[0], abstain, pairs))
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


def _valid(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
