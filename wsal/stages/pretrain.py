"""Train the classifier on weak labels."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from wsal import processes
from wsal.arrays import Probs
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.encoder import Classifier, load_tokenizer, new_classifier
from wsal.classifier.head import PULL_TO_FRESH, fit_last_layer
from wsal.classifier.inference import predict
from wsal.classifier.losses import Loss
from wsal.classifier.objectives import LabelObjective, TextObjective
from wsal.classifier.self_training import confident_targets
from wsal.classifier.tokens import Tokens, read_tokens
from wsal.classifier.training import train
from wsal.classifier.training_plan import by_count, cycled, pretraining_plan
from wsal.classifier.training_run import TrainingRun
from wsal.labels import LabelSet
from wsal.rounds.scoring import dev_score, score_splits
from wsal.rounds.weak_labels import usable, weak_targets
from wsal.seeding import integer, rng
from wsal.settings import (
    AdaptSettings,
    EncoderSettings,
    HardwareSettings,
    PretrainSettings,
    SelfTrainingSettings,
    TrackerSettings,
)

HEAD_TEXTS = 20_000


def pretrain(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    weak_labels: Artifact,
    encoder: EncoderSettings,
    adapt: AdaptSettings,
    loss: Loss,
    pretrain: PretrainSettings,
    self_training: SelfTrainingSettings,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
) -> Facts:
    """tokens, weak_labels.parquet -> a Hugging Face folder, metrics.json.

    Adapted to the pool if `adapt` says so, trained on texts with at least one vote, then on its own
    sure predictions if `self_training` says so. With 0 epochs the head stays as it was drawn.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    tokenizer = load_tokenizer(str(tokens.path / "tokenizer"))
    classifier = new_classifier(encoder, hardware, labels, tokenizer, integer(seed, "head"))
    texts = read_tokens(tokens.path / "pool")
    course = TrainingRun(pretrain, out / CHECKPOINTS, 0, "", tracker)
    history: Facts = {"adapt": adapt_to(classifier, texts, adapt, course, seed)}
    used = usable(weak_labels)
    chosen = np.sort(rng(seed, "pretrain").permutation(used)[: pretrain.max_texts])
    targets, weights = weak_targets(weak_labels, chosen, out / CHECKPOINTS / "pretrain")
    if pretrain.weighting == "none":
        weights = np.ones_like(weights)
    objective = LabelObjective(classifier, texts.take(chosen), targets, weights, loss)
    if pretrain.head_first and pretrain.epochs and len(chosen):
        history["head"] = fit_head(objective, seed)
    plan = pretraining_plan(
        objective.lengths, pretrain.batch_size, pretrain.epochs, rng(seed, "order"),
        pretrain.max_tokens,
    )  # fmt: skip
    course = replace(
        course, scratch=out / CHECKPOINTS / "pretrain", seed=integer(seed, "dropout", "pretrain"),
        what="pretrain", score=dev_score(classifier, pool, tokens, labels, pretrain),
    )  # fmt: skip
    history["training"] = train(classifier, objective, plan, course)
    uncovered = np.setdiff1d(np.arange(len(texts)), used)
    history["self_training"] = self_train(
        classifier, texts.take(uncovered), self_training, course, seed
    )
    if not processes.is_leader():
        return {}
    classifier.save(out)
    facts = {"n_texts": len(chosen), "n_steps": history["training"]["n_steps"]}
    told = {name: one for name, one in history.items() if one}
    return facts | score_splits(out, classifier, pool, tokens, labels, told)


def fit_head(objective: LabelObjective, seed: int) -> Facts:
    """Fit the fresh last layer, on at most `HEAD_TEXTS` texts."""
    rows = np.sort(rng(seed, "head").permutation(len(objective.tokens))[:HEAD_TEXTS])
    some = replace(
        objective, tokens=objective.tokens.take(rows), targets=objective.targets[rows],
        weights=objective.weights[rows],
    )  # fmt: skip
    return fit_last_layer(some, np.ones(len(rows)), "fit the head", PULL_TO_FRESH / len(rows))


def adapt_to(
    classifier: Classifier, texts: Tokens, settings: AdaptSettings, course: TrainingRun, seed: int
) -> Facts:
    """Train on the texts alone; nothing if that is off."""
    if settings.objective == "none" or not len(texts):
        return {}
    draw = rng(seed, "adapt")
    chosen = np.sort(cycled(np.arange(len(texts)), settings.steps * settings.batch_size, draw))
    objective = TextObjective(classifier, texts.take(chosen), settings)
    plan = pretraining_plan(objective.lengths, settings.batch_size, 1, draw)
    return train(
        classifier, objective, plan,
        replace(course, settings=settings, scratch=course.scratch / "adapt", what="adapt",
                seed=integer(seed, "dropout", "adapt")),
    )  # fmt: skip


def self_train(
    classifier: Classifier,
    texts: Tokens,
    settings: SelfTrainingSettings,
    course: TrainingRun,
    seed: int,
) -> list[Facts]:
    """Predict, keep what is sure, learn it, and again."""
    told = []
    for number in range(1, settings.passes + 1 if len(texts) else 1):
        draw = rng(seed, "self-training", number)
        some = texts.take(np.sort(draw.permutation(len(texts))[: settings.max_texts]))
        own = f"self-training {number}: predict"
        probs = processes.run_on_leader(partial(_probs, classifier, some, own))
        targets, weights = confident_targets(probs, settings.threshold)
        kept = np.flatnonzero(weights)
        if not len(kept):
            break
        objective = LabelObjective(classifier, some.take(kept), targets[kept], weights[kept])
        rows = cycled(np.arange(len(kept)), settings.steps * settings.batch_size, draw)
        what = f"self-training {number}"
        place = course.scratch.with_name(what.replace(" ", "-"))
        found = train(
            classifier, objective, by_count(rows, settings.batch_size),
            replace(course, settings=settings, scratch=place, what=what, score=None,
                    seed=integer(seed, "dropout", what)),
        )  # fmt: skip
        told.append(found | {"n_predicted": len(some), "n_learnt": len(kept)})
    return told


def _probs(classifier: Classifier, texts: Tokens, what: str) -> Probs:
    return predict(classifier, texts, what)[0]
