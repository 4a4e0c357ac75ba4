"""Train the classifier on weak labels."""

from pathlib import Path

import numpy as np

from wsal import tables
from wsal.arrays import Probs
from wsal.artifacts import CHECKPOINTS, Artifact, Facts, write_json
from wsal.classifier.batching import pretraining_order
from wsal.classifier.encoder import Classifier, new_classifier
from wsal.classifier.inference import predict
from wsal.classifier.training import Schedule, TrainingSet, train
from wsal.evaluation.metrics import evaluate
from wsal.labels import LabelSet
from wsal.seeding import integer, rng
from wsal.settings import EncoderSettings, PretrainSettings


def pretrain(
    out: Path,
    *,
    pool: Artifact,
    weak_labels: Artifact,
    encoder: EncoderSettings,
    pretrain: PretrainSettings,
    seed: int,
) -> Facts:
    """pool.parquet, weak_labels.parquet -> a Hugging Face folder, metrics.json.

    Trained on texts with at least one vote. With 0 epochs the head stays as it was drawn.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    texts, targets, weights = covered(pool, weak_labels)
    classifier = new_classifier(encoder, labels, texts, integer(seed, "head"))
    chosen = np.sort(rng(seed, "pretrain").permutation(len(texts))[: pretrain.max_texts])
    ids = classifier.token_ids([texts[i] for i in chosen])
    lengths = np.array([len(one) for one in ids], dtype=np.int64)
    order = pretraining_order(lengths, pretrain.batch_size, pretrain.epochs, rng(seed, "order"))
    if pretrain.weighting == "none":
        weights = np.ones_like(weights)
    weights = weights[chosen] / max(weights[chosen].mean(), 1e-9) if len(chosen) else weights
    data = TrainingSet(ids, targets[chosen], weights, order)
    schedule = Schedule(
        pretrain.lr, pretrain.batch_size, pretrain.accumulation, pretrain.warmup,
        pretrain.weight_decay, pretrain.save_steps,
    )  # fmt: skip
    seed = integer(seed, "dropout", "pretrain")
    history = train(classifier, data, schedule, out / CHECKPOINTS, seed, "pretrain")
    classifier.save(out)
    return {"n_texts": len(chosen), "n_steps": history["n_steps"]} | measure(
        out, classifier, pool, labels, {"training": history}
    )


def covered(pool: Artifact, weak_labels: Artifact) -> tuple[list[str], Probs, np.ndarray]:
    """Texts with a vote, their weak labels, and the largest probability of each."""
    records = tables.read(pool.path / "pool.parquet")
    weak = tables.read(weak_labels.path / "weak_labels.parquet")
    voted = weak["used"].to_numpy()
    probs = tables.probs_array(weak)[voted]
    return records["text"].filter(voted).to_list(), probs, probs.max(axis=1, initial=0)


def measure(
    out: Path, classifier: Classifier, pool: Artifact, labels: LabelSet, more: Facts
) -> Facts:
    """Write metrics.json for dev and test, where they exist; give back the headline numbers."""
    metrics: Facts = dict(more)
    for split in ("dev", "test"):
        if (path := pool.path / f"{split}.parquet").exists():
            records = tables.read(path)
            probs, _ = predict(classifier, records["text"].to_list(), f"measure on {split}")
            gold = records["label"].to_numpy().astype(np.int64)
            weights = records["n_copies"].to_numpy().astype(np.float64)
            metrics[split] = evaluate(probs, gold, weights, labels)
    write_json(out / "metrics.json", metrics)
    names = ("accuracy", "macro_f1")
    return {s: {n: metrics[s][n] for n in names} for s in ("dev", "test") if s in metrics}
