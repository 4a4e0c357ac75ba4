"""What a round is trained on: gold, replayed weak labels, and perhaps copies of the gold."""

from dataclasses import dataclass, replace

import numpy as np

from wsal.amplify.amplifier import Amplified
from wsal.arrays import Classes, Probs, Rows
from wsal.classifier.encoder import Classifier
from wsal.classifier.tokens import Tokens, joined
from wsal.classifier.training_plan import Plan, replay_plan
from wsal.settings import FinetuneSettings


@dataclass(frozen=True)
class TrainingSet:
    """Texts with the distribution and the weight of each, and the plan of steps over them."""

    tokens: Tokens
    targets: Probs
    weights: np.ndarray
    plan: Plan


def make_training_set(
    gold: Tokens, classes: Classes, weak: Tokens, targets: Probs, trust: np.ndarray,
    settings: FinetuneSettings, rng: np.random.Generator,
) -> TrainingSet:  # fmt: skip
    """Gold texts first, then weak ones; in every step so many of them as `replay_counts` says."""
    ours = np.eye(targets.shape[1], dtype=np.float32)[classes]
    tokens = joined([*gold, *weak])
    n, total = len(gold), len(tokens)
    plan = replay_plan(
        np.arange(n), np.arange(n, total), tokens.lengths, settings.batch_size,
        replay_counts(settings), rng,
    )  # fmt: skip
    weights = np.concatenate([np.ones(n), settings.replay_weight * trust])
    return TrainingSet(tokens, np.concatenate([ours, targets]), weights, plan)


def with_copies(
    plain: TrainingSet, copies: Amplified, classifier: Classifier, rng: np.random.Generator
) -> TrainingSet:
    """The same steps, but that a gold text is now and then replaced by a copy of it.

    A text with copies of weight `w` gives way to one of them with chance `w / (1 + w)`, so real
    texts weigh at least as much as copies do.
    """
    first = len(plain.tokens)
    tokens = joined([*plain.tokens, *classifier.tokens(copies.texts)])
    by_parent = np.argsort(copies.parent, kind="stable")
    starts = np.searchsorted(copies.parent[by_parent], np.arange(first))
    counts = np.bincount(copies.parent, minlength=first)
    weight = np.bincount(copies.parent, copies.weight, minlength=first)
    order = plain.plan.order.astype(np.int64)
    gives_way = rng.random(len(order)) < (weight / (1 + weight))[order]
    which = (rng.random(len(order)) * counts[order]).astype(np.int64)
    chosen = by_parent[np.minimum(starts[order] + which, len(by_parent) - 1)]
    return TrainingSet(
        tokens,
        np.concatenate([plain.targets, plain.targets[copies.parent]]),
        np.concatenate([plain.weights, np.ones(len(copies.parent))]),
        replace(plain.plan, order=np.where(gives_way, first + chosen, order)),
    )


def rows_to_replay(
    usable: Rows, gold: Rows, settings: FinetuneSettings, rng: np.random.Generator
) -> Rows:
    """As many of the usable rows as the steps need, ascending, by chance; none that has gold.

    A person may have contradicted the weak label of a text that has gold.
    """
    drawn = rng.permutation(np.setdiff1d(usable, gold))[: replay_counts(settings).sum()]
    return np.sort(drawn)


def replay_counts(settings: FinetuneSettings) -> np.ndarray:
    """How many texts of each step are replayed, `(steps,)`.

    >>> replay_counts(FinetuneSettings(steps=3, batch_size=32, replay=0.5, replay_end=0.0)).tolist()
    [16, 8, 0]
    """
    end = settings.replay if settings.replay_end is None else settings.replay_end
    shares = np.linspace(settings.replay, end, settings.steps)
    return np.round(shares * settings.batch_size).astype(np.int64)
