"""Fine-tune the classifier on all gold labels, where a text may have several classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wsal.annotation.multilabel_answers import answered_sets
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.classifier.training_run import TrainingRun
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import read_frame
from wsal.rounds.known_probs import write_probs
from wsal.rounds.multilabel_training import (
    dev_score,
    fine_tune,
    score_splits,
    training_set,
    weak_reader,
)
from wsal.rounds.retraining import newest_checkpoint
from wsal.rounds.weak_labels import usable
from wsal.seeding import integer, rng
from wsal.settings import EncoderSettings, HardwareSettings, TrackerSettings
from wsal.training_settings import FinetuneSettings


def finetune(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    reweighed: Artifact,
    pretrained: Artifact,
    retrainings: Sequence[Artifact],
    query: Artifact,
    annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    finetune: FinetuneSettings,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
    **_: Any,  # noqa: ANN401
) -> Facts:
    """Checkpoint, all annotations -> a Hugging Face folder, metrics.json, frame_probs.npy.

    Each round starts from the newest weak-pretrained checkpoint, not from the last round's weights.
    """
    number, labels = len(annotations), LabelSet.of_pool(pool.facts)
    gold = answered_sets(pool, annotations)
    texts, scratch = read_tokens(tokens.path / "pool"), out / CHECKPOINTS
    start = newest_checkpoint(pretrained, retrainings).artifact.path
    classifier = load_classifier(start, encoder, hardware)
    chosen, n_replayed = training_set(
        texts,
        gold,
        usable(reweighed),
        weak_reader(reweighed, scratch),
        finetune,
        rng(seed, "replay", number),
    )
    run = TrainingRun(
        settings=finetune,
        scratch=scratch / "finetune",
        seed=integer(seed, "dropout", number),
        title=f"round {number}: finetune",
        tracker=tracker,
        score=dev_score(classifier, pool, tokens, labels, finetune),
    )
    history = fine_tune(classifier, chosen, finetune, run)
    classifier.save(out)
    frame = read_frame(pool, query)
    probs, _embeddings = predict(classifier, texts.take(frame.rows), f"round {number}: frame")
    write_probs(out, "frame", probs, frame.keys)
    facts: Facts = {"round": number, "n_gold": len(gold[0]), "n_replayed": n_replayed}
    return facts | score_splits(out, classifier, pool, tokens, labels, {"training": history})
