"""Train the weak-pretrained classifier on all gold labels so far, with replay of weak ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsal import tables
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.batching import replay_order
from wsal.classifier.encoder import load_classifier
from wsal.classifier.training import Schedule, TrainingSet, train
from wsal.labels import LabelSet
from wsal.seeding import integer, rng
from wsal.settings import EncoderSettings, FinetuneSettings
from wsal.stages.pretrain import covered, measure
from wsal.stages.reweigh import answered


def finetune(
    out: Path,
    *,
    pool: Artifact,
    reweighed: Artifact,
    pretrained: Artifact,
    annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    finetune: FinetuneSettings,
    seed: int,
) -> Facts:
    """pretrained, all annotations -> a Hugging Face folder, metrics.json.

    Each round starts from the weak-pretrained checkpoint, not from the last round's weights.
    """
    number = len(annotations)
    labels = LabelSet(tuple(pool.facts["labels"]))
    records = tables.read(pool.path / "pool.parquet")
    texts, gold = answered(records, annotations, labels)
    draw = rng(seed, "replay", number)
    n_replayed = round(finetune.batch_size * finetune.replay) * finetune.steps
    weak_texts, weak, confidence = covered(pool, reweighed)
    drawn = draw.permutation(len(weak_texts))[:n_replayed]
    classifier = load_classifier(pretrained.path, encoder)
    ids = classifier.token_ids([*texts, *(weak_texts[i] for i in drawn)])
    lengths = np.array([len(one) for one in ids], dtype=np.int64)
    n_batches = finetune.steps * finetune.accumulation
    order = replay_order(
        np.arange(len(texts)), np.arange(len(texts), len(ids)), lengths,
        finetune.batch_size, n_batches, finetune.replay, draw,
    )  # fmt: skip
    trust = (
        confidence[drawn] / max(confidence[drawn].mean(), 1e-9) if len(drawn) else confidence[:0]
    )
    weights = np.concatenate([np.ones(len(texts)), finetune.replay_weight * trust])
    data = TrainingSet(
        ids,
        np.concatenate([np.eye(len(labels), dtype=np.float32)[gold], weak[drawn]]),
        weights,
        order,
    )
    schedule = Schedule(
        finetune.lr, finetune.batch_size, finetune.accumulation, finetune.warmup,
        finetune.weight_decay, finetune.save_steps,
    )  # fmt: skip
    what, seed = f"round {number}: finetune", integer(seed, "dropout", number)
    history = train(classifier, data, schedule, out / CHECKPOINTS, seed, what)
    classifier.save(out)
    facts = {"round": number, "n_gold": len(texts), "n_replayed": len(drawn)}
    return facts | measure(out, classifier, pool, labels, {"training": history})
