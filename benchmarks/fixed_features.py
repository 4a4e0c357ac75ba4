"""Features of PriceRunner and BigBasket, computed once, for learners that train a last layer only.

With rules: one weak pretraining with small settings; the last layer's own inputs, and where weak
training left that layer. Without rules: the embeddings of the encoder as it comes.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from label_sets import configured, file_of
from minilm import MINILM, fresh

from wsal import schemas, tables
from wsal.classifier.encoder import load_classifier
from wsal.classifier.head import PULL_TO_FRESH, features_of, last_layer
from wsal.classifier.inference import predict
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.tokens import read_tokens
from wsal.labels import LabelSet
from wsal.run.pipeline import run_stage
from wsal.settings import EncoderSettings, HardwareSettings

SMALL = ("pretrain.max_texts=8000", "pretrain.epochs=1", "seed=0")
STAGES = ("prepare", "vote", "aggregate", "tokenise", "pretrain", "embed")
SCALE = 10.0  # unit embeddings are lengthened to it: else the pull to 0 is too strong for them
PULL_TO_TRAINED = 1e-4
"""A hundredth of finetune=probe's: that holds the head so tightly that strategies hardly differ."""


@dataclass(frozen=True)
class Fixed:
    """A pool and a test split as a head-only learner sees them."""

    labels: LabelSet
    gold: np.ndarray  # (texts,)
    groups: np.ndarray  # (texts,): near-duplicates share a number
    embeddings: np.ndarray  # (texts, dims), rows of length 1: what strategies compare texts by
    features: np.ndarray  # (texts, width): what the head is given
    test_features: np.ndarray
    test_gold: np.ndarray
    test_weights: np.ndarray
    head: np.ndarray | None  # (classes, width + 1): where weak training left it; None: no rules
    weak: np.ndarray | None  # (texts, classes): weak labels, 0 where no rule voted
    replay_weight: float  # of a replayed weak label; a gold one has 1

    @property
    def pull(self):
        """How strongly the head is held to where it started."""
        return PULL_TO_FRESH if self.head is None else PULL_TO_TRAINED


def load(name, data, work):
    """The set with rules and without; None if its file is not there."""
    file = file_of(name, data, work)
    if file is None:
        return None
    kept = work / f"{name}.npz"
    if not kept.exists():
        np.savez(kept, **compute(name, file, work))
    arrays = dict(np.load(kept))
    labels = LabelSet(tuple(arrays.pop("labels").tolist()))
    raw = {key: arrays.pop(key) for key in ("raw_embeddings", "raw_test")}
    weight = float(arrays.pop("replay_weight"))
    with_rules = Fixed(labels, **arrays, replay_weight=weight)
    without = replace(
        with_rules, embeddings=raw["raw_embeddings"], features=raw["raw_embeddings"] * SCALE,
        test_features=raw["raw_test"] * SCALE, head=None, weak=None,
    )  # fmt: skip
    return {"with rules": with_rules, "without rules": without}


def compute(name, file, work):
    """Run the stages up to `embed`, then score pool and test with both encoders."""
    run = configured(name, file, work / "runs" / name, *SMALL)
    found = {stage: run_stage(run.run_dir, stage, run.components).artifact for stage in STAGES}
    pool = tables.read(found["prepare"].path / "pool.parquet")
    gold = tables.read(found["prepare"].path / "gold.parquet", schemas.GOLD)
    test = tables.read(found["prepare"].path / "test.parquet")
    classes = pool.join(gold, on="id", how="left", maintain_order="left")["label"]
    known = np.flatnonzero(classes.is_not_null().to_numpy())
    weak = tables.read(found["aggregate"].path / "weak_labels.parquet")
    used = weak["used"].to_numpy()[:, None]
    letters = pool["text"].str.to_lowercase().str.replace_all(r"[^\p{L}]+", " ").str.strip_chars()
    classifier = load_classifier(
        found["pretrain"].path, EncoderSettings(MINILM), HardwareSettings(device="cpu")
    )
    layer = last_layer(classifier.model)
    tokens = {split: read_tokens(found["tokenise"].path / split) for split in ("pool", "test")}
    inputs = {split: features(classifier, layer, tokens[split]) for split in tokens}
    with torch.no_grad():
        head = torch.cat([layer.weight, layer.bias[:, None]], dim=1).float().numpy()
    encoder = fresh(MINILM, LabelSet(("a", "b")), seed=0)
    embeddings = np.load(found["embed"].path / "embeddings.npy").astype(np.float32)
    return {
        "labels": np.array(found["prepare"].facts["labels"]),
        "gold": classes.to_numpy()[known].astype(np.int64),
        "groups": letters.rank("dense").to_numpy().astype(np.int64)[known],
        "embeddings": embeddings[known],
        "features": inputs["pool"][known],
        "test_features": inputs["test"],
        "test_gold": test["label"].to_numpy().astype(np.int64),
        "test_weights": test["n_copies"].to_numpy().astype(np.float64),
        "head": head,
        "weak": (tables.probs_array(weak) * used).astype(np.float32)[known],
        "replay_weight": run.nodes["finetune"]["replay_weight"],
        "raw_embeddings": predict(encoder, pool["text"].to_list(), "raw pool")[1][known],
        "raw_test": predict(encoder, test["text"].to_list(), "raw test")[1],
    }


def features(classifier, layer, tokens):
    """What the last layer is given for each text, `(texts, width)`."""
    n, n_classes = len(tokens), classifier.model.config.num_labels
    objective = LabelObjective(classifier, tokens, np.zeros((n, n_classes), np.float32), np.ones(n))
    return features_of(objective, layer, "features").numpy()
