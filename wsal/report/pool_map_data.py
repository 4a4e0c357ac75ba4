"""What the map of the pool contains, small enough for a page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from wsal.arrays import Classes
from wsal.report.theme import CATEGORIES
from wsal.report.words import shortened

CUTS = (100, 70, 50, 35, 25)  # characters of a text that are shown, as long as they fit
MOST_BYTES = 2_000_000  # of all texts, in UTF-8
KINDS = {
    "label": "<u2",
    "by_people": "<u1",
    "confidence": "<u1",
    "votes": "<u1",
    "round": "<u1",
    "judged": "<u1",
    "group": "<u1",
}
"""Types of the arrays in the page; `points` are int16 from -32767 to 32767."""


def lighter(colour: str) -> str:
    """A colour `#rrggbb`, nearly half way to white.

    >>> lighter("#000000")
    '#737373'
    """
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(part + 0.45 * (255 - part)):02x}" for part in parts)


COLOURS = (*CATEGORIES, *map(lighter, CATEGORIES))
"""Of the most frequent classes; the others are grey until they are chosen in the legend."""


@dataclass(frozen=True)
class MapData:
    """What is known of each text on the map."""

    points: np.ndarray  # (texts, 2), in [-1, 1]
    label: Classes  # (texts,): the class, by people or predicted
    by_people: np.ndarray  # (texts,)
    confidence: np.ndarray  # (texts,): probability of the predicted class
    votes: np.ndarray  # (texts,): how many
    round: np.ndarray  # (texts,): of the first label by people; 0: none
    judged: np.ndarray  # (texts,): 0 not judged, 1 right, 2 wrong
    group: Classes  # (texts,)


def encoded(data: MapData) -> dict[str, str]:
    """The arrays in base64, by name; confidence in 255ths, and at most 255 votes and rounds."""
    arrays = {name: getattr(data, name) for name in KINDS}
    arrays["confidence"] = np.round(data.confidence * 255)
    parts = {
        name: np.clip(array, 0, np.iinfo(KINDS[name]).max).astype(KINDS[name])
        for name, array in arrays.items()
    }
    parts["points"] = np.round(data.points * 32767).astype("<i2")
    return {name: base64.b64encode(part.tobytes()).decode() for name, part in parts.items()}


def shortest(texts: pl.Series) -> tuple[int, list[str]]:
    """The texts, cut so that they fit into the page, and the most characters of each.

    >>> shortest(pl.Series(["abc", "x" * 200]))[0]
    100
    """
    cut, short = CUTS[-1], texts
    for cut in CUTS:
        short = pl.Series([shortened(text, cut) for text in texts], dtype=pl.String)
        if int(short.str.len_bytes().sum()) <= MOST_BYTES:
            break
    return cut, short.to_list()


def cluster_rows(
    data: MapData, names: Sequence[str], classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Of each group: name, place of the name, texts, most frequent class, shares without votes."""
    rows = []
    for number, name in enumerate(names):
        members = np.flatnonzero(data.group == number)
        middle = np.median(data.points[members], axis=0)
        nearest = members[((data.points[members] - middle) ** 2).sum(axis=1).argmin()]
        counts = np.bincount(data.label[members], minlength=len(classes))
        rows.append({
            "name": name,
            "x": round(float(data.points[nearest, 0]), 4),
            "y": round(float(data.points[nearest, 1]), 4),
            "n": len(members),
            "class": classes[int(counts.argmax())],
            "share": round(float(counts.max() / len(members)), 4),
            "without_votes": round(float((data.votes[members] == 0).mean()), 4),
            "confidence": round(float(data.confidence[members].mean()), 4),
            "n_labelled": int(data.by_people[members].sum()),
        })  # fmt: skip
    return rows
