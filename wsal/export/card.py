"""The model card: what someone else needs to know to use the model, or to decide not to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsal.artifacts import Facts
from wsal.export.card_text import (
    ANSWERS,
    CARD,
    CLASSES_PLOT,
    FILES,
    FORMATS,
    MEANS_OF_SETS,
    MULTILABEL,
    NEAREST,
    ONNX,
    SINGLE_LABEL,
    TREE,
    TREE_NO_THRESHOLDS,
    TREE_THRESHOLDS,
    WITH_ANSWERS,
)
from wsal.export.card_thresholds import (
    calibration_of_sets_text,
    calibration_text,
    threshold_cell,
)
from wsal.export.rejection_card import limits_text, rejection_text

SCRIPT = Path(__file__).with_name("predict_onnx.py")
"""Copied beside the model; it needs nothing of wsal."""
SAMPLED = "labelled texts"  # what the numbers of an evaluation sample count
MAX_CLASSES = 20  # named in the introduction


def model_card(
    about: Mapping[str, Any],
    metrics: Mapping[str, Any],
    thresholds: Mapping[str, Any],
    parity: Mapping[str, Any],
    max_length: int,
) -> str:
    """The card as Markdown, from the contents of metrics.json, thresholds.json and parity.json.

    `about` has the labels, the fields of the text, and the counts of texts and rules; `n_answered`
    where a language model answered texts, `n_nearest` labelled texts in the folder, `n_parents` and
    `n_levels` of a class tree, and `multilabel`, whether a text may have several classes.
    """
    names, multilabel = about["labels"], about.get("multilabel", False)
    return CARD.format(
        **(MULTILABEL if multilabel else SINGLE_LABEL),
        n_classes=len(names),
        training=_training(about, metrics["n_gold"]),
        classes=", ".join(names[:MAX_CLASSES]) + (", ..." if len(names) > MAX_CLASSES else ""),
        onnx=ONNX if _is_written(parity["formats"], "onnx/model.onnx") else "",
        fields=_fields(about),
        max_length=max_length,
        quality=_quality(about, metrics, thresholds),
        calibration=(calibration_of_sets_text if multilabel else calibration_text)(
            metrics, thresholds
        ),
        tree=_tree(about, metrics, thresholds),
        files=_files(parity, about),
        n_pool=about["n_pool"],
        n_duplicates=about["n_duplicates"],
        n_rules=about["n_rules"],
        coverage=about["coverage"],
        n_gold=metrics["n_gold"],
        answers=ANSWERS.format(n) if (n := about.get("n_answered", 0)) else "",
        rejection=rejection_text(metrics),
        limits=limits_text(metrics),
        few=f"few {_counted(metrics)} in the table"
        if metrics["measured_on"]
        else "few gold labels",
        nearest=NEAREST.format(n=n) if (n := about["n_nearest"]) else "",
    )


def _training(about: Mapping[str, Any], n_gold: int) -> str:
    gold = f"{n_gold:,} gold labels of texts chosen by active learning"
    sources = ["weak labels from rules"] if about["coverage"] else []
    if n := about.get("n_answered", 0):
        sources.append(f"{n:,} answers of a language model")
    if not sources:
        return f"fine-tuned without rules on {gold}" if n_gold else "not trained on any labels"
    if not n_gold:
        return f"trained on {' and '.join(sources)}, without gold labels"
    return f"pretrained on {' and '.join(sources)}, then fine-tuned on {gold}"


def _fields(about: Mapping[str, Any]) -> str:
    names = [f"`{name}`" for name in about["text_fields"]]
    if len(names) == 1:
        return f"the field {names[0]}"
    return (
        f"the fields {', '.join(names)}, joined by `{about['separator']}`, where missing fields "
        "are left out"
    )


def _quality(
    about: Mapping[str, Any], metrics: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> str:
    if metrics["measured_on"] is None:
        return (
            "There were no gold labels to measure quality on: measure it before you rely on the "
            "model."
        )
    multilabel = about.get("multilabel", False)
    means = MEANS_OF_SETS if multilabel else {"macro_f1": "macro-F1", "accuracy": "accuracy"}
    numbers = [
        f"{title} {metrics[name]:.3f}" + _interval(metrics.get(f"{name}_interval"))
        for name, title in means.items()
    ]
    columns = {"precision": "precision", "recall": "recall", "f1": "F1"}
    columns |= {"average_precision": "average precision"} if multilabel else {}
    rows = [
        f"| {name} | {' | '.join(f'{m[column]:.3f}' for column in columns)} | {m['n']:,} "
        f"| {threshold_cell(thresholds, name)} |"
        for name, m in metrics["classes"].items()
    ]
    counted = _counted(metrics)
    with_answers = WITH_ANSWERS if about.get("n_answered") and counted == SAMPLED else ""
    return (
        f"On {metrics['measured_on']} ({metrics['n_texts']:,} {counted}, never trained on): "
        f"{', '.join(numbers)}.{with_answers}\n\n"
        f"| class | {' | '.join(columns.values())} | {counted} | threshold |\n"
        f"|---{'|---' * len(columns)}|---|---|\n"
        + "\n".join(rows)
        + ("" if multilabel else CLASSES_PLOT)
    )


def _counted(metrics: Mapping[str, Any]) -> str:
    """What the numbers of texts count: a split is counted in rows of the source."""
    in_sample = any("n_estimated" in of_class for of_class in metrics["classes"].values())
    return SAMPLED if in_sample else "rows"


def _interval(ends: Sequence[float] | None) -> str:
    return f" (90% interval {ends[0]:.3f} to {ends[1]:.3f})" if ends else ""


def _tree(
    about: Mapping[str, Any], metrics: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> str:
    """The section about a class tree; empty for a flat model."""
    if not about.get("n_parents"):
        return ""
    words = TREE_NO_THRESHOLDS
    if thresholds["measured_on"]:
        words = TREE_THRESHOLDS.format(**thresholds)
    section = TREE.format(thresholds=words, **about)
    return section + _trusted(metrics["tree"])


def _trusted(tree: Mapping[str, Any]) -> str:
    """A table of what is trusted at each level."""
    if not tree["levels"]:
        return ""
    names = {"class": "the class", "any": "any"}
    rows = [
        f"| {names.get(row['level']) or 'a parent, level ' + str(row['level'])} "
        f"| {_percent(row['share'])} | {_percent(row['precision'])} | {row['n']:,} |"
        for row in tree["levels"]
    ]
    how = ", each fifth of the texts measured with thresholds from the other four"
    return (
        f"\nOn {tree['measured_on']}{how if tree['cross_fitted'] else ''}, with 90% intervals:\n\n"
        "| deepest trusted node | share of the texts | right | texts |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _percent(share: Mapping[str, Any]) -> str:
    if share["value"] is None:
        return ""
    return f"{share['value']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def _files(parity: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    rows = ["| file | content | same label as torch | largest difference in any logit |"]
    rows += ["|---|---|---|---|"]
    rows += [f"| `{file}` | {content} | | |" for file, content in FILES.items()]
    if about.get("n_parents"):
        rows.append("| `classes.json` | the class tree, with a threshold for each node | | |")
    if about["n_nearest"]:
        rows.append("| `nearest/texts.jsonl, embeddings.safetensors` | labelled texts | | |")
    rows += [_format_row(facts) for facts in parity["formats"].values()]
    table = "\n".join(rows)
    return (
        f"{table}\n\nThe formats were compared with torch on {parity['compared_on']} and "
        f"{parity['n_hard_inputs']} hard inputs, alone and in padded batches."
    )


def _format_row(facts: Facts) -> str:
    file = facts["file"]
    if "left_out" in facts:
        return f"| `{file}` | not written: {facts['left_out']} | | |"
    parity = f"{facts['agreement']:.2%} | {facts['largest_difference']:.1e}"
    return f"| `{file}` | {FORMATS.get(file, '')} | {parity} |"


def _is_written(formats: Mapping[str, Facts], file: str) -> bool:
    return any(facts["file"] == file and "left_out" not in facts for facts in formats.values())
