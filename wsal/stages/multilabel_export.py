"""Export the classifier, calibrated, where a text may have several classes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Rows
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.export.base import ExportSettings
from wsal.labels import LabelSet
from wsal.rounds.exporting import ExportInputs
from wsal.rounds.multilabel_export import labelled_sets, of_test, write_multilabel_export
from wsal.rounds.multilabel_gold import sets_in
from wsal.settings import EncoderSettings, HardwareSettings


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
    **_: Any,  # noqa: ANN401
) -> Facts:
    """The newest classifier -> a Hugging Face folder, calibrated, and what `export.formats` adds.

    Raises:
        ParityError: a format differs from torch, or `tokenizers` alone from transformers.
    """
    labels = LabelSet.of_pool(pool.facts)

    def embeddings() -> Artifact:
        return Artifact.open(pool.path.parent / "embeddings")

    gold, frame = labelled_sets(pool, embeddings, classifier, earlier_queries, earlier_annotations)

    def pool_texts(rows: Rows) -> pl.Series:
        return tables.take(pool.path / "pool.parquet", rows, ["text"])["text"]

    texts: Callable[[Rows], pl.Series] = pool_texts
    n_texts, of_texts, compared_on = pool.facts["n_pool"], None, "pool"
    if pool.facts["n_test"]:
        test = tables.read(pool.path / "test.parquet")
        of_texts = sets_in(test, len(labels))[0].astype(np.int64)
        texts, n_texts, compared_on = test["text"].gather, len(test), "test split"
    origin = {"pool": pool, "votes": votes, "classifier": classifier}
    inputs = ExportInputs(
        labels=labels,
        text_fields=pool.facts["text_fields"],
        separator=pool.facts["separator"],
        calibration=None,
        measured=None,
        texts=texts,
        n_texts=n_texts,
        gold=of_texts,
        compared_on=compared_on,
        pool_texts=pool_texts,
        answered=(np.empty(0, np.int64), np.empty(0, np.int64)),
        n_gold=classifier.facts.get("n_gold", 0),
        card={
            "n_pool": pool.facts["n_pool"],
            "n_duplicates": pool.facts["n_duplicates"],
            "n_rules": votes.facts["n_rules"],
            "coverage": votes.facts["coverage"],
        },
        made_from={
            name: {"digest": artifact.digest, "config": artifact.manifest["config"]}
            for name, artifact in origin.items()
        },
    )
    measured = of_test(pool, classifier) or gold
    model = load_classifier(
        classifier.path, encoder, HardwareSettings(device="cpu", attention="eager")
    )
    facts = write_multilabel_export(out, model, inputs, export, seed, gold, measured, frame)
    return {"folder": str(out.with_name("exported"))} | facts
