"""Write a classifier as a folder to serve: calibrated, each format checked against torch."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from wsal.arrays import Classes, Probs, Rows
from wsal.artifacts import Facts
from wsal.class_tree import ClassTree
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.classifier.nearest import LabelledTexts
from wsal.classifier.rejection import FILES as REJECTION_FILES
from wsal.classifier.rejection import Rejection
from wsal.digests import digest_of, file_digest
from wsal.errors import ParityError
from wsal.export.base import HARD_INPUTS, ExportContext, ExportSettings
from wsal.export.calibration import fold_temperature
from wsal.export.card import SCRIPT, model_card
from wsal.export.plots import write_plots
from wsal.json_files import write_json
from wsal.labels import LabelSet
from wsal.rounds.export_calibration import LabelledSample, calibrated, quality
from wsal.rounds.export_reference import write_reference
from wsal.rounds.export_tree import TreeOfExport, at_thresholds
from wsal.rounds.multilabel_export import Decisions, decisions_of, quality_of_sets
from wsal.rounds.rejection_texts import OF_REJECTION, RejectionTexts, rejection_of_export
from wsal.seeding import random_rows, rng

N_CALIBRATION = 1_000
"""Texts of the pool from which formats may learn ranges of numbers."""


@dataclass(frozen=True)
class ExportInputs:
    """What is exported beside the weights, and what they are measured on."""

    labels: LabelSet
    text_fields: Sequence[str]
    separator: str
    calibration: LabelledSample | None
    """Gold that sets temperature and thresholds; never the test split."""
    measured: LabelledSample | None
    """Gold for the model card."""
    texts: Callable[[Rows], pl.Series]
    """Reads texts on which every format is compared with torch: `settings.n_parity_texts` are
    drawn."""
    n_texts: int
    """How many of these there are."""
    gold: Classes | None
    """The class of each of these texts, if it is known."""
    compared_on: str  # what messages call them
    pool_texts: Callable[[Rows], pl.Series]
    """Reads texts of the pool, of which `card` says how many there are."""
    answered: tuple[Rows, Classes]
    """The rows of the pool that people labelled for training, and their classes."""
    n_gold: int
    """Gold labels that the classifier was trained on."""
    card: Mapping[str, Any]
    """For the model card: `n_pool`, `n_duplicates`, `n_rules`, `coverage`, perhaps `n_answered`."""
    made_from: Mapping[str, Any]
    """What metrics.json says about the origin of the model."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """What belongs in each node of a class tree."""
    rejection: RejectionTexts | None = None
    """What is known of texts of no class."""
    unlabelled: Callable[[], Probs] | None = None
    """Where a text may have several classes: predictions for texts of the pool, `(texts, classes)`,
    which set thresholds if there is no gold. None where it has one class."""


def write_export(
    out: Path, model: Classifier, inputs: ExportInputs, settings: ExportSettings, seed: int
) -> Facts:
    """A Hugging Face folder, calibrated, and what `settings.formats` adds.

    Beside it labels.json, thresholds.json, metrics.json, parity.json, a model card and its plots,
    for a class tree classes.json, with `settings.reference` figures that later texts are compared
    with, and with `settings.nearest` the texts that people labelled. Where a text may have several
    classes, there are no plots, and no figures to compare with: both are of single classes.
    `config.json` says under `wsal` which fields make up the text, so that a table is read as the
    pool was read. `model` is changed: its calibration is folded into the last layer.

    Raises:
        ParityError: a format differs from torch, or `tokenizers` alone from transformers.
    """
    sample, labels = inputs.calibration, inputs.labels
    decisions: Decisions | None = None
    tree = None
    if inputs.unlabelled is None:
        temperature, thresholds = calibrated(sample, labels, settings.precision)
        if labels.parents:
            tree = TreeOfExport.fit(ClassTree.of(labels), sample, temperature, settings.precision)
            thresholds["classes"] = tree.class_thresholds()
        metrics = quality(inputs.measured, sample, temperature, thresholds, labels, seed)
    else:
        decide = partial(decisions_of, inputs.unlabelled, labels, settings)
        decisions, thresholds = decide(sample)
        temperature = decisions.temperature
        metrics = quality_of_sets(inputs.measured, sample, decisions, labels, seed, decide)
    metrics |= {
        "temperature": temperature,
        "calibrated_on": sample.name if sample else None,
        "n_gold": inputs.n_gold,
    }
    if tree is not None:
        metrics["tree"] = tree.quality(inputs.measured, temperature, seed)
        if metrics["tree"]["levels"]:
            metrics["at_thresholds"] = at_thresholds(metrics["tree"])
        write_json(out / "classes.json", tree.file(inputs.descriptions))
    fold_temperature(model.model, temperature, decisions.bias if decisions else None)
    rejection: Rejection | None = None
    if inputs.rejection is not None:
        rejection, facts = rejection_of_export(model, inputs.rejection, settings, seed)
        metrics |= {"rejection": facts} if facts else {}
    if rejection is not None:
        rejection.write(out)
    digest = save_model(model, out, inputs, temperature)
    write_json(out / "labels.json", list(labels.names))
    write_json(out / "thresholds.json", thresholds)
    write_json(out / "metrics.json", {**metrics, "made_from": dict(inputs.made_from)})
    with_embedding, limits = rejection is not None, decisions.limits if decisions else None
    parity = write_formats(model, out, inputs, settings, seed, with_embedding, limits)
    write_json(out / "parity.json", parity)
    n_nearest = _write_nearest(out, model, inputs) if settings.nearest else 0
    if decisions is None:
        write_plots(out, metrics)
    about = {
        "multilabel": decisions is not None,
        "labels": labels.names,
        "text_fields": inputs.text_fields,
        "separator": inputs.separator,
        "n_nearest": n_nearest,
        "n_parents": len(labels.parents),
        "n_levels": tree.tree.n_levels if tree else 1,
        **inputs.card,
    }
    card = model_card(about, metrics, thresholds, parity, model.encoder.max_length)
    (out / "README.md").write_text(card)
    formats = {
        name: facts.get("left_out") or round(facts["agreement"], 5)
        for name, facts in parity["formats"].items()
    }
    rejects: Facts = {}
    if learned := metrics.get("rejection"):
        rejects = {"rejection": {n: learned[n] for n in OF_REJECTION if n in learned}}
    return {
        "digest": digest,
        **rejects,
        "formats": formats,
        "n_gold": inputs.n_gold,
        "temperature": round(temperature, 4),
    }


def _write_nearest(out: Path, model: Classifier, inputs: ExportInputs) -> int:
    """Write the texts that people labelled, with embeddings; returns how many there are."""
    rows, classes = inputs.answered
    if len(rows):
        texts = inputs.pool_texts(rows).to_list()
        _, embeddings = predict(model, texts, "embed labelled texts")
        names = [inputs.labels.names[c] for c in classes]
        LabelledTexts(texts, names, embeddings).write(out)
    return len(rows)


def save_model(model: Classifier, out: Path, inputs: ExportInputs, temperature: float) -> str:
    """The Hugging Face folder; returns the digest that predictions carry."""
    reading = {"text_fields": list(inputs.text_fields), "separator": inputs.separator}
    max_length = model.encoder.max_length
    model.model.config.wsal = reading | {
        "max_length": max_length,
        "pad_id": model.tokenizer.pad_token_id,
        "temperature": temperature,
    }
    model.tokenizer.model_max_length = max_length  # where transformers cuts with truncation=True
    model.save(out)
    # safetensors lets only its owner read the file; another user may have to serve it
    (out / "model.safetensors").chmod(0o644)
    parts = [file_digest(out / "model.safetensors"), list(inputs.labels.names), reading]
    parts += [file_digest(out / name) for name in REJECTION_FILES if (out / name).exists()]
    digest = digest_of(parts)
    model.model.config.wsal["digest"] = digest
    model.model.config.save_pretrained(out)
    return digest


def write_formats(
    model: Classifier,
    out: Path,
    inputs: ExportInputs,
    settings: ExportSettings,
    seed: int,
    with_embedding: bool,  # noqa: FBT001
    limits: np.ndarray | None,
) -> dict[str, Any]:
    """Write every format; returns how near each is to torch. About `limits`, see ExportContext."""
    rows = random_rows(inputs.n_texts, settings.n_parity_texts, rng(seed, "parity"))
    pool_rows = random_rows(inputs.card["n_pool"], N_CALIBRATION, rng(seed, "ranges"))
    with TemporaryDirectory() as scratch:
        context = ExportContext(
            model,
            out,
            Path(scratch),
            inputs.texts(rows).to_list(),
            None if inputs.gold is None else inputs.gold[rows],
            inputs.pool_texts(pool_rows).to_list(),
            with_embedding,
            limits,
        )
        require_same_tokens(context)
        formats = {name: exporter.export(context) for name, exporter in settings.formats.items()}
        if settings.reference and limits is None:  # it counts single classes
            n_pool = inputs.card["n_pool"]
            write_reference(context, inputs.pool_texts, n_pool, inputs.compared_on, seed)
    if (out / "onnx" / "model.onnx").exists():
        shutil.copyfile(SCRIPT, out / SCRIPT.name)
    return {
        "compared_on": f"{len(rows)} texts of the {inputs.compared_on}",
        "n_hard_inputs": len(HARD_INPUTS),
        "token_ids": "those of transformers",
        "formats": formats,
    }


def require_same_tokens(context: ExportContext) -> None:
    """Check that tokenizer.json alone, without transformers, gives the same tokens.

    Raises:
        ParityError: it does not.
    """
    tokenizer = Tokenizer.from_file(str(context.out / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(context.classifier.encoder.max_length)
    texts = [*HARD_INPUTS, *context.texts]
    for row, encoding in enumerate(tokenizer.encode_batch(texts)):
        if encoding.ids != context.tokens[row].tolist():
            raise ParityError(
                f"tokenizer.json alone splits {texts[row][:60]!r} into other tokens than "
                "transformers does; nothing was exported"
            )
