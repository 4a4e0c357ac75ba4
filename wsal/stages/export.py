"""Export the classifier, calibrated, in formats that any server can load."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from wsal import tables
from wsal.annotation.answers import gold_answers
from wsal.arrays import Rows
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.evaluation.sampling import NO_ROWS
from wsal.export.base import ExportSettings
from wsal.labels import LabelSet
from wsal.multilabel import is_multilabel
from wsal.rounds.export_calibration import for_calibration, for_measuring
from wsal.rounds.exporting import ExportInputs, write_export
from wsal.rounds.multilabel_export import unlabelled_probs
from wsal.rounds.rejection_texts import RejectionTexts
from wsal.rounds.split_gold import gold_in
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
) -> Facts:
    """The newest classifier -> a Hugging Face folder, calibrated, and what `export.formats` adds.

    Raises:
        ParityError: a format differs from torch, or `tokenizers` alone from transformers.
    """
    labels, multilabel = LabelSet.of_pool(pool.facts), is_multilabel(pool.facts)
    calibration = for_calibration(pool, classifier, earlier_queries, earlier_annotations)

    def pool_texts(rows: Rows) -> pl.Series:
        return tables.take(pool.path / "pool.parquet", rows, ["text"])["text"]

    texts: Callable[[Rows], pl.Series] = pool_texts
    n_texts, gold, compared_on = pool.facts["n_pool"], None, "pool"
    if pool.facts["n_test"]:
        test = tables.read(pool.path / "test.parquet")
        texts, n_texts, gold = test["text"].gather, len(test), gold_in(test, len(labels))[0]
        compared_on = "test split"
    origin = {"pool": pool, "votes": votes, "classifier": classifier}
    inputs = ExportInputs(
        labels=labels,
        text_fields=pool.facts["text_fields"],
        separator=pool.facts["separator"],
        calibration=calibration,
        measured=for_measuring(pool, classifier, calibration),
        texts=texts,
        n_texts=n_texts,
        gold=gold,
        compared_on=compared_on,
        pool_texts=pool_texts,
        answered=(NO_ROWS, NO_ROWS) if multilabel else gold_answers(pool, earlier_annotations),
        n_gold=classifier.facts.get("n_gold", 0),
        card={
            "n_pool": pool.facts["n_pool"],
            "n_duplicates": pool.facts["n_duplicates"],
            "n_rules": votes.facts["n_rules"],
            "coverage": votes.facts["coverage"],
            "n_answered": classifier.facts.get("n_answered", 0),
        },
        made_from={
            name: {"digest": artifact.digest, "config": artifact.manifest["config"]}
            for name, artifact in origin.items()
        },
        rejection=None
        if multilabel
        else RejectionTexts.read(pool, earlier_queries, earlier_annotations),
        descriptions=pool.facts.get("descriptions", {}),
        unlabelled=partial(unlabelled_probs, pool, classifier, earlier_queries)
        if multilabel
        else None,
    )
    on_cpu = HardwareSettings(device="cpu", attention="eager")
    model = load_classifier(classifier.path, encoder, on_cpu, inputs.labels)
    facts = write_export(out, model, inputs, export, seed)
    return {"folder": str(out.with_name("exported"))} | facts
