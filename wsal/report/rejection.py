"""Texts of no class: what people answered, and how well the exported model rejects such texts."""

from wsal import schemas
from wsal.annotation.none_answers import none_answers
from wsal.export.rejection_card import METHODS, ON_ANSWERS
from wsal.inspection.run_view import RunView
from wsal.report.exported import read_export
from wsal.report.section import Section

MEASURED = (
    "measured_on", "n_none_measured", "n_with_class", "auroc", "auroc_interval", "fpr95",
    "fpr95_interval", "kept", "rejected", "accuracy", "accuracy_without",
)  # fmt: skip


def rejection_section(view: RunView) -> Section | None:
    """The answers and the rejection; None where nobody answered that a text has no class."""
    annotations = view.of_rounds("annotate")
    purposes = (schemas.TRAIN, schemas.EVALUATE)
    n_train, n_evaluate = (len(none_answers(view.pool, annotations, p)) for p in purposes)
    facts = read_export(view, "metrics.json").get("rejection", {})
    if not (n_train or n_evaluate or facts):
        return None
    learned = bool(facts) and "left_out" not in facts
    aurocs = sorted(facts.get("aurocs", {}).items(), key=lambda pair: -pair[1])
    figures = {
        "n_train": n_train,
        "n_evaluate": n_evaluate,
        "left_out": facts.get("left_out"),
        "method": METHODS[facts["method"]] if learned else None,
        "measured": {name: facts[name] for name in MEASURED if name in facts},
        "by_classes": facts.get("by_classes", False),
        "keep": facts.get("keep"),
        "set_on": facts.get("set_on"),
        "set_on_answers": facts.get("set_on_answers", False),
        "caution": ON_ANSWERS if facts.get("measured_on_answers") else None,
        "rows": [
            {"method": METHODS[name], "auroc": auroc, "used": name == facts["method"]}
            for name, auroc in aurocs
        ],
    }
    return Section("rejection", "None of these", figures)
