"""Train the weak-pretrained classifier on all gold labels so far, with replay of weak ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import processes
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.batching import replay_plan
from wsal.classifier.course import Course
from wsal.classifier.encoder import load_classifier
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.probe import train_probe
from wsal.classifier.tokens import read_tokens
from wsal.classifier.training import train
from wsal.labels import LabelSet
from wsal.seeding import integer, rng
from wsal.settings import EncoderSettings, FinetuneSettings, HardwareSettings, TrackerSettings
from wsal.stages.measuring import dev_score, measure
from wsal.stages.pretrain import usable, weak_targets
from wsal.stages.reweigh import answered


def finetune(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    reweighed: Artifact,
    pretrained: Artifact,
    annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    finetune: FinetuneSettings,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
) -> Facts:
    """pretrained, all annotations -> a Hugging Face folder, metrics.json.

    Each round starts from the weak-pretrained checkpoint, not from the last round's weights.
    """
    number = len(annotations)
    labels = LabelSet(tuple(pool.facts["labels"]))
    ids = pl.read_parquet(pool.path / "pool.parquet", columns=["id"])["id"]
    rows, gold = answered(ids, annotations, labels)
    draw = rng(seed, "replay", number)
    n_weak = replayed(finetune)
    drawn = np.sort(draw.permutation(usable(reweighed))[: n_weak.sum()])
    weak, trust = weak_targets(reweighed, drawn, out / CHECKPOINTS)
    classifier = load_classifier(pretrained.path, encoder, hardware)
    objective = LabelObjective(
        classifier,
        read_tokens(tokens.path / "pool").take(np.concatenate([rows, drawn])),
        np.concatenate([np.eye(len(labels), dtype=np.float32)[gold], weak]),
        np.concatenate([np.ones(len(rows)), finetune.replay_weight * trust]),
    )
    plan = replay_plan(
        np.arange(len(rows)), np.arange(len(rows), len(rows) + len(drawn)), objective.lengths,
        finetune.batch_size, n_weak, draw,
    )  # fmt: skip
    what = f"round {number}: finetune"
    if finetune.head_only:
        counts = np.bincount(plan.order, minlength=len(objective.lengths))
        history = train_probe(objective, counts, what)
    else:
        course = Course(
            finetune, out / CHECKPOINTS, integer(seed, "dropout", number), what, tracker,
            dev_score(classifier, pool, tokens, labels, finetune),
        )  # fmt: skip
        history = train(classifier, objective, plan, course)
    if not processes.leads():
        return {}
    classifier.save(out)
    facts = {"round": number, "n_gold": len(rows), "n_replayed": len(drawn)}
    return facts | measure(out, classifier, pool, tokens, labels, {"training": history})


def replayed(settings: FinetuneSettings) -> np.ndarray:
    """How many texts of each step are replayed, `(steps,)`.

    >>> replayed(FinetuneSettings(steps=3, batch_size=32, replay=0.5, replay_end=0.0)).tolist()
    [16, 8, 0]
    """
    end = settings.replay if settings.replay_end is None else settings.replay_end
    shares = np.linspace(settings.replay, end, settings.steps)
    return np.round(shares * settings.batch_size).astype(np.int64)
