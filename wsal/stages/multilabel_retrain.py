"""Train on weak labels anew, if gold has changed them enough; several classes per text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsal import tables
from wsal.annotation.multilabel_answers import answered_sets
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import read_frame
from wsal.rounds.known_probs import write_probs
from wsal.rounds.multilabel_assessment import choose_reference, compare
from wsal.rounds.multilabel_training import score_splits, train_on_weak_labels
from wsal.rounds.retraining import compared_rows, last_trained_on, newest_checkpoint
from wsal.rounds.weak_labels import usable
from wsal.settings import EncoderSettings, HardwareSettings, TrackerSettings
from wsal.training_settings import PretrainSettings, RetrainSettings


def retrain(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    weak_labels: Artifact,
    reweighings: Sequence[Artifact],
    pretrained: Artifact,
    earlier_retrainings: Sequence[Artifact],
    embeddings: Artifact,
    query: Artifact,
    annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    pretrain: PretrainSettings,
    retrain: RetrainSettings,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
    **_: Any,  # noqa: ANN401
) -> Facts:
    """tokens, weak labels with and without gold -> a Hugging Face folder, if it is kept.

    The facts are those of `wsal.stages.retrain`. The distance of two weak labels is by how much
    they differ, relative to the classes that they give.
    """
    newest, number = newest_checkpoint(pretrained, earlier_retrainings), len(reweighings)
    facts: Facts = {"round": number, "distance": None, "least_distance": retrain.distance}
    facts |= {"trained": False, "kept": False, "checkpoint": newest.number}
    if retrain.distance is None or not pretrain.epochs:
        return facts
    scratch, now = out / CHECKPOINTS, reweighings[-1]
    last = last_trained_on(weak_labels, reweighings, earlier_retrainings)
    rows = compared_rows(usable(last), usable(now), seed)
    before, after = (
        tables.probs_array(tables.take(weak.path / "weak_labels.parquet", rows, ["probs"]))
        for weak in (last, now)
    )
    facts["distance"] = round(distance_of_sets(before, after), 6)
    if facts["distance"] <= retrain.distance:
        return facts
    gold = answered_sets(pool, annotations)
    classifier, trained = train_on_weak_labels(
        scratch,
        pool=pool,
        tokens=tokens,
        weak_labels=now,
        encoder=encoder,
        pretrain=pretrain,
        seed=seed,
        hardware=hardware,
        tracker=tracker,
        prefix=f"round {number}: ",
        gold=gold,
    )
    history, labels = trained.pop("history"), LabelSet.of_pool(pool.facts)
    facts |= trained | {"trained": True, "kept": True}
    facts |= score_splits(out, classifier, pool, tokens, labels, history)
    frame = read_frame(pool, query)
    texts = read_tokens(tokens.path / "pool").take(frame.rows)
    probs = predict(classifier, texts, f"round {number}: frame")[0]
    write_probs(out, "frame", probs, frame.keys)
    if reference := choose_reference(pool, frame, annotations):
        both = [reference.probs(embeddings, a, frame) for a in (newest.artifact, Artifact(out))]
        compared = compare(reference.sample, both[0], both[1], seed)
        facts |= {"kept": compared["value"] >= 0, "gain": compared | {"on": reference.name}}
    if facts["kept"]:
        classifier.save(out)
        facts["checkpoint"] = number
    return facts


def distance_of_sets(before: np.ndarray, after: np.ndarray) -> float:
    """How far two weak labels of each text differ, `sum |p - q| / sum (p + q)`, in [0, 1].

    >>> distance_of_sets(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])).__round__(2)
    0.33
    """
    total = float((before + after).sum(dtype=np.float64))
    return float(np.abs(before - after).sum(dtype=np.float64)) / total if total else 0.0
