"""Measure what each round brought and what it cost, where a text may have several classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from wsal import schemas, tables
from wsal.active.money import time_spent
from wsal.artifacts import Artifact, Facts
from wsal.json_files import write_json
from wsal.rounds.evaluation_frame import frame_probs, read_frame
from wsal.rounds.multilabel_assessment import (
    agreement_of_sets,
    assess_rounds,
    choose_reference,
    predicted_sets,
)


def assess(
    out: Path,
    *,
    pool: Artifact,
    embeddings: Artifact,
    pretrained: Artifact,
    first_query: Artifact,
    query: Artifact | None = None,
    classifiers: Sequence[Artifact],
    annotations: Sequence[Artifact],
    seed: int,
    **_: Any,  # noqa: ANN401
) -> Facts:
    """Every classifier on the evaluation sample (without one: on dev) -> assessment.json.

    Where there is neither a sample nor a dev split, only what labels cost and agreement are
    reported.
    """
    frame, models = read_frame(pool, query or first_query), [pretrained, *classifiers]
    answers = pl.concat([tables.read(a.path / "annotations.parquet") for a in annotations])
    asked = answers.filter(pl.col("purpose") == schemas.EVALUATE)
    labelled = asked.drop_nulls("label")["id"].unique()
    n_skipped = len(set(asked["id"]) - set(labelled))
    before, after = (predicted_sets(frame_probs(embeddings, m, frame)) for m in models[-2:])
    facts: Facts = {
        "round": len(annotations),
        "n_gold": classifiers[-1].facts["n_gold"],
        "n_evaluation": asked["label"].count(),
        "n_evaluation_skipped": n_skipped,
        "n_answers": len(answers),
        "seconds": time_spent(answers["seconds"].to_list()),
        **agreement_of_sets(before, after),
        "measured_on": None,
        "rounds": [],
        "gain": {},
        "next_gain": {},
    }
    if reference := choose_reference(pool, frame, annotations):
        probs = [reference.probs(embeddings, model, frame) for model in models]
        n_gold = [model.facts.get("n_gold", 0) for model in models]
        facts["measured_on"] = reference.name
        if reference.place == "frame":
            facts["measured_on"] += f" from {len(reference.sample.stratum):,} texts"
            if n_skipped:
                facts["measured_on"] += f"; {n_skipped} evaluation texts were skipped"
        facts |= assess_rounds(reference.sample, probs, n_gold, seed)
    write_json(out / "assessment.json", facts)
    return facts
