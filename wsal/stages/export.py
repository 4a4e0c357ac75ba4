"""Write the fine-tuned model as files that anything can serve."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from tokenizers import Tokenizer

from wsal import tables
from wsal.arrays import Classes
from wsal.artifacts import Artifact, Facts, digest_of, file_digest, write_json
from wsal.classifier.encoder import Classifier, load_classifier
from wsal.errors import ParityError
from wsal.export.base import HARD_INPUTS, ExportContext, ExportSettings
from wsal.export.calibration import fold_temperature
from wsal.export.card import SCRIPT, model_card
from wsal.labels import LabelSet
from wsal.rounds.export_calibration import calibrated, for_calibration, for_measuring, quality
from wsal.seeding import rng
from wsal.settings import EncoderSettings, HardwareSettings

N_CALIBRATION = 1_000
"""Texts of the pool that exporters may look at."""


def export(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    classifier: Artifact,
    earlier_queries: Sequence[Artifact],
    earlier_annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    export: ExportSettings,
    seed: int,
) -> Facts:
    """The newest classifier -> a Hugging Face folder, calibrated, and what `export.formats` adds.

    Beside it labels.json, thresholds.json, metrics.json, parity.json, a model card. `config.json`
    says under `wsal` which fields make up the text, so that a table is read as the pool was read.

    Raises:
        ParityError: a format differs from torch, or `tokenizers` alone from transformers.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    known = for_calibration(pool, classifier, earlier_queries, earlier_annotations)
    by, limits = calibrated(known, labels, export.precision)
    measured = for_measuring(pool, classifier, known)
    metrics = quality(measured, known, by, limits, labels, seed)
    n_gold = classifier.facts.get("n_gold", 0)
    told = {"temperature": by, "calibrated_on": known.name if known else None, "n_gold": n_gold}
    origin = {"pool": pool, "votes": votes, "classifier": classifier}
    made_from = {
        name: {"digest": one.digest, "config": one.manifest["config"]}
        for name, one in origin.items()
    }
    model = load_classifier(
        classifier.path, encoder, HardwareSettings(device="cpu", attention="eager")
    )
    fold_temperature(model.model, by)
    digest = _save(model, out, pool, encoder, told)
    write_json(out / "labels.json", list(labels.names))
    write_json(out / "thresholds.json", limits)
    write_json(out / "metrics.json", {**metrics, **told, "made_from": made_from})
    parity = _formats(model, out, pool, export, seed)
    write_json(out / "parity.json", parity)
    about = _about(pool, votes, labels)
    folder = out.with_name("exported")
    card = model_card(about, metrics | told, limits, parity, encoder.max_length)
    (out / "README.md").write_text(card)
    formats = {
        name: one.get("left_out") or round(one["agreement"], 5)
        for name, one in parity["formats"].items()
    }
    return {
        "folder": str(folder), "digest": digest, "formats": formats,
        "n_gold": n_gold, "temperature": round(by, 4),
    }  # fmt: skip


def _save(
    model: Classifier, out: Path, pool: Artifact, encoder: EncoderSettings, told: Facts
) -> str:
    """The Hugging Face folder; gives back the digest that predictions carry."""
    reading = {name: pool.facts[name] for name in ("text_fields", "separator")}
    model.model.config.wsal = reading | {
        "max_length": encoder.max_length, "pad_id": model.tokenizer.pad_token_id,
        "temperature": told["temperature"],
    }  # fmt: skip
    model.tokenizer.model_max_length = encoder.max_length  # where transformers cuts, if told to
    model.save(out)
    (out / "model.safetensors").chmod(0o644)  # for whoever serves it; it is written for us alone
    digest = digest_of([file_digest(out / "model.safetensors"), pool.facts["labels"], reading])
    model.model.config.wsal["digest"] = digest
    model.model.config.save_pretrained(out)
    return digest


def _formats(
    model: Classifier, out: Path, pool: Artifact, export: ExportSettings, seed: int
) -> dict[str, Any]:
    """Write every format; gives back how near each is to torch."""
    split = "test" if pool.facts["n_test"] else "pool"
    records = tables.read(pool.path / f"{split}.parquet")
    rows = rng(seed, "parity").permutation(len(records))[: export.n_parity_texts]
    records = records[rows.tolist()]
    gold: Classes | None = None
    if split == "test":
        gold = records["label"].to_numpy().astype("int64")
    texts = pl.read_parquet(pool.path / "pool.parquet", columns=["text"])["text"]
    drawn = rng(seed, "ranges").permutation(len(texts))[:N_CALIBRATION]
    with tempfile.TemporaryDirectory() as scratch:
        context = ExportContext(
            model, out, Path(scratch), records["text"].to_list(), gold,
            texts.gather(drawn).to_list(),
        )  # fmt: skip
        same_pieces(context)
        formats = {name: one.export(context) for name, one in export.formats.items()}
    if (out / "onnx" / "model.onnx").exists():
        shutil.copyfile(SCRIPT, out / SCRIPT.name)
    return {
        "compared_on": f"{len(rows)} texts of the {split}{' split' if split == 'test' else ''}",
        "n_hard_inputs": len(HARD_INPUTS), "token_ids": "those of transformers", "formats": formats,
    }  # fmt: skip


def same_pieces(context: ExportContext) -> None:
    """See that tokenizer.json alone, without transformers, cuts texts up alike.

    Raises:
        ParityError: it does not.
    """
    tokenizer = Tokenizer.from_file(str(context.out / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(context.classifier.encoder.max_length)
    texts = [*HARD_INPUTS, *context.texts]
    for row, found in enumerate(tokenizer.encode_batch(texts)):
        if found.ids != context.tokens[row].tolist():
            raise ParityError(
                f"tokenizer.json alone cuts {texts[row][:60]!r} up otherwise than transformers "
                "does; nothing was exported"
            )


def _about(pool: Artifact, votes: Artifact, labels: LabelSet) -> dict[str, Any]:
    names = ("n_pool", "n_duplicates", "text_fields", "separator")
    return {
        "labels": labels.names, **{name: pool.facts[name] for name in names},
        "n_rules": votes.facts["n_rules"], "coverage": votes.facts["coverage"],
    }  # fmt: skip
