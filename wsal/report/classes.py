"""A table of the classes: support, precision, recall, F1, threshold, and examples of errors."""

from typing import Any

import numpy as np

from wsal.evaluation.by_class import by_class
from wsal.inspection.judged import Judged, judged_texts
from wsal.inspection.run_view import RunView
from wsal.report.exported import read_export
from wsal.report.section import Section
from wsal.report.words import shortened

EXAMPLES = 3  # errors shown of each class


def classes_section(view: RunView) -> Section:
    """A row for each class. Errors of the test split are never shown."""
    judged, thresholds = view.once(judged_texts), read_export(view, "thresholds.json")
    names = view.labels.names
    rows: list[dict[str, Any]] = [{"class": name} for name in names]
    if judged:
        measured = by_class(judged.gold, judged.predicted, judged.weights, len(names))
        predicted = np.bincount(judged.predicted, minlength=len(names))
        errors = _examples(judged, names)
        for c, row in enumerate(rows):
            row["support"], row["predicted"] = int(measured.support[c]), int(predicted[c])
            for metric in ("precision", "recall", "f1"):
                row[metric] = getattr(measured, metric).plain(c)
            row["errors"] = errors.get(c, [])
    for row in rows:
        of_class = thresholds.get("classes", {}).get(row["class"])
        row["threshold"] = of_class["threshold"] if of_class else None
        row["shared"] = bool(of_class and of_class.get("shared"))
    figures = {
        "measured_on": judged.reference.name if judged else None,
        "n_judged": len(judged.gold) if judged else 0,
        "rows": rows,
        "any_shared": any(row["shared"] for row in rows),
        "wanted_precision": thresholds.get("precision"),
        "thresholds_on": thresholds.get("measured_on"),
    }
    return Section("classes", "Classes", figures)


def _examples(judged: Judged, names: tuple[str, ...]) -> dict[int, list[dict[str, Any]]]:
    """For each gold class, the errors that the classifier is surest of."""
    confidence = judged.probs.max(axis=1)
    rows = np.flatnonzero(judged.wrong)
    rows = rows[np.argsort(-confidence[rows], kind="stable")]
    texts = judged.records["text"]
    shown: dict[int, list[dict[str, Any]]] = {}
    for row in rows.tolist():
        of_class = shown.setdefault(int(judged.gold[row]), [])
        if len(of_class) < EXAMPLES:
            predicted = names[judged.predicted[row]]
            text, probability = shortened(texts[row]), round(float(confidence[row]), 3)
            of_class.append({"text": text, "predicted": predicted, "probability": probability})
    return shown
