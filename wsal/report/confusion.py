"""The confusion matrix, similar classes side by side, with the texts of each cell."""

from typing import TYPE_CHECKING, Any

import numpy as np

from wsal.arrays import Classes
from wsal.inspection.judged import Judged, judged_texts
from wsal.inspection.run_view import RunView
from wsal.report.class_order import class_centres, similar_first
from wsal.report.section import Section
from wsal.report.words import shortened

if TYPE_CHECKING:
    import altair as alt

MOST_CLASSES = 120  # in the matrix: of more, only those of the most frequent kinds of errors
MANY = 40  # classes above which the matrix has the whole width of the page
SIDE, WIDE_SIDE = 560, 840  # pixels of the matrix beside the list, and above it
CELL = (6, 32)  # pixels
MOST_NUMBERS = 30  # classes up to which cells contain their numbers
MOST_TEXTS = 2_500  # that the page contains
OF_CELL = (30, 3)  # most texts of a cell with errors, and of one without
LISTED = 60  # kinds of errors in the list; twice as many classes fit into the matrix
SHOWN = 200  # characters of a text


def confusion_section(view: RunView) -> Section | None:
    """The matrix of the judged texts; None where nothing is judged."""
    judged, names = view.once(judged_texts), view.labels.names
    if judged is None:
        return None
    shown = shown_classes(judged.gold, judged.predicted, len(names))
    n, place = len(shown), np.full(len(names), -1)
    place[shown] = np.arange(n)
    gold, predicted = place[judged.gold], place[judged.predicted]
    both = (gold >= 0) & (predicted >= 0)
    counts = np.bincount(gold[both] * n + predicted[both], minlength=n * n).reshape(n, n)
    centres = class_centres(view)
    order = similar_first(counts, None if centres is None else centres[shown])
    cells = _cells(judged, both)
    n_wrong = int(judged.wrong.sum())
    figures = {
        "measured_on": judged.reference.name,
        "n_judged": len(judged.gold),
        "n_wrong": n_wrong,
        "names": list(names),
        "n_classes": n,
        "n_wrong_left_out": n_wrong - int((judged.wrong & both).sum()),
        "order": shown[order].tolist(),
        "cells": cells,
        "listed": LISTED,
        "is_wide": n > MANY,
        "n_texts_shown": sum(len(cell["texts"]) for cell in cells),
    }
    chart = _chart(cells, [names[c] for c in figures["order"]], names)
    return Section("confusion", "Confusions", figures, {"matrix": chart}, ("confusion.js",))


def shown_classes(gold: Classes, predicted: Classes, n_classes: int) -> Classes:
    """The classes of the matrix, ascending: all or, if there are too many, those often confused.

    Args:
        gold: `(texts,)`.
        predicted: `(texts,)`.
        n_classes: how many classes there are.

    >>> gold, predicted = np.array([5, 5, 7, 900]), np.array([7, 7, 7, 901])
    >>> shown_classes(gold, predicted, 1_000).tolist()
    [5, 7, 900, 901]
    """
    if n_classes <= MOST_CLASSES:
        return np.arange(n_classes)
    wrong = gold != predicted
    if not wrong.any():
        return np.unique(gold)[:MOST_CLASSES]
    pairs, counts = np.unique(gold[wrong] * n_classes + predicted[wrong], return_counts=True)
    often = pairs[np.argsort(-counts, kind="stable")[:LISTED]]
    return np.unique([often // n_classes, often % n_classes])


def _cells(judged: Judged, shown: np.ndarray) -> list[dict[str, Any]]:
    """The cells of the texts `shown`: errors first, the most frequent first, with their texts."""
    support = np.bincount(judged.gold)
    pairs = np.stack([judged.gold, judged.predicted], axis=1)[shown]
    unique, numbers = np.unique(pairs, axis=0, return_counts=True)
    counts = dict(zip(map(tuple, unique.tolist()), numbers.tolist(), strict=True))
    places = sorted(counts, key=lambda cell: (cell[0] == cell[1], -counts[cell], cell))
    cells = {
        (gold, predicted): {
            "gold": gold,
            "predicted": predicted,
            "is_right": gold == predicted,
            "n": counts[gold, predicted],
            "share": round(float(counts[gold, predicted] / support[gold]), 4),
            "texts": [],
        }
        for gold, predicted in places
    }
    for row in _shown_rows(judged, shown):
        cell: dict[str, Any] = cells[int(judged.gold[row]), int(judged.predicted[row])]
        probability = round(float(judged.probs[row].max()), 3)
        text = shortened(judged.records["text"][int(row)], SHOWN)
        cell["texts"].append({"text": text, "probability": probability})
    return list(cells.values())


def _shown_rows(judged: Judged, shown: np.ndarray) -> np.ndarray:
    """Rows of the texts that the page contains: some of each cell, the surest first.

    Only texts that are `shown` in the matrix.
    """
    confidence = judged.probs.max(axis=1)
    cell = judged.gold * judged.probs.shape[1] + judged.predicted
    order = np.lexsort((-confidence, cell))
    order = order[shown[order]]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(cell[order])) + 1])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    wrong = judged.wrong[order]
    kept = np.flatnonzero(rank < np.where(wrong, *OF_CELL))
    first = kept[np.lexsort((rank[kept], ~wrong[kept]))][:MOST_TEXTS]
    rows: np.ndarray = order[np.sort(first)]
    return rows


def _chart(
    cells: list[dict[str, Any]], ordered: list[str], names: tuple[str, ...]
) -> "alt.LayerChart":
    """A heat map; each cell's datum has the numbers of its classes, for the script."""
    import altair as alt  # noqa: PLC0415  takes a while

    side = WIDE_SIDE if len(ordered) > MANY else SIDE
    step = int(np.clip(side / len(ordered), *CELL))
    rows = [
        {"g": cell["gold"], "p": cell["predicted"], "gold": names[cell["gold"]],
         "predicted": names[cell["predicted"]], "n": cell["n"], "share": cell["share"]}
        for cell in cells
    ]  # fmt: skip
    labels = {"labelFontSize": min(12, max(step - 1, 5)), "labelLimit": 170, "labelOverlap": False}
    scale = alt.Scale(domain=ordered, paddingInner=0.06 if step > 14 else 0)
    x = alt.X(
        "predicted:N",
        scale=scale,
        axis=alt.Axis(title="predicted", labelAngle=-60, orient="top", **labels),
    )
    y = alt.Y("gold:N", scale=scale, axis=alt.Axis(title="gold class", **labels))
    colour = alt.Color(
        "share:Q", title="share of the class", scale=alt.Scale(type="sqrt", domain=[0, 1]),
        legend=alt.Legend(orient="bottom", format=".0%", gradientLength=200),
    )  # fmt: skip
    tooltip = [
        alt.Tooltip("gold:N", title="gold class"),
        alt.Tooltip("predicted:N", title="predicted"),
        alt.Tooltip("n:Q", title="texts", format=","),
        alt.Tooltip("share:Q", title="share of the class", format=".1%"),
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y, tooltip=tooltip)
    layers = [base.mark_rect(cornerRadius=2 if step > 14 else 0).encode(color=colour)]
    if len(ordered) <= MOST_NUMBERS:
        for style, test in (("on-pale", "<"), ("on-strong", ">=")):
            text = base.mark_text(style=style, fontSize=min(12, step // 2 + 2))
            layers.append(text.transform_filter(f"datum.share {test} 0.4").encode(text="n:Q"))
    return alt.layer(*layers).properties(width={"step": step}, height={"step": step})
