"""What a round is trained on: gold, replayed weak labels, and perhaps copies of the gold."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wsal.amplify.amplifier import Amplified
from wsal.arrays import Mask, Probs, Rows
from wsal.classifier.encoder import Classifier
from wsal.classifier.tokens import Tokens, joined
from wsal.classifier.training_plan import Plan, replay_plan
from wsal.rounds.balance import SAMPLE, balanced, class_to_balance
from wsal.seeding import random_of
from wsal.training_settings import FinetuneSettings

WeakTargets = Callable[[Rows], tuple[Probs, np.ndarray]]
"""From rows (ascending) to their weak labels `(rows, classes)` and how much each counts."""
LEAST_ANSWERED = 200  # texts: fewer would be repeated too often in a replay


@dataclass(frozen=True)
class TrainingSet:
    """Texts with the distribution and the weight of each, and the plan of steps over them."""

    tokens: Tokens
    targets: Probs
    weights: np.ndarray
    plan: Plan


def make_training_set(
    labelled: Tokens,
    targets: Probs,
    weak: Tokens,
    weak_targets: Probs,
    confidence: np.ndarray,
    settings: FinetuneSettings,
    rng: np.random.Generator,
) -> TrainingSet:
    """Labelled texts first, then weak ones; every step has `replay_counts` of the latter.

    Without a labelled text there is nothing new to learn, so there are no steps.

    Args:
        labelled: texts with a gold label, or an answer of a language model.
        targets: their labels, `(labelled, classes)`.
        weak: texts to replay.
        weak_targets: their weak labels, `(weak, classes)`.
        confidence: how much each of these counts, `(weak,)`, 1 on average.
        settings: batch size, replay.
        rng: draws the order.
    """
    tokens = joined([*labelled, *weak])
    n, total = len(labelled), len(tokens)
    counts = replay_counts(settings)[: settings.steps if n else 0]
    plan = replay_plan(
        np.arange(n), np.arange(n, total), tokens.lengths, settings.batch_size, counts, rng
    )
    weight = replay_weight(settings, n, targets.shape[1])
    weights = np.concatenate([np.ones(n), weight * confidence])
    return TrainingSet(tokens, np.concatenate([targets, weak_targets]), weights, plan)


def with_copies(
    plain: TrainingSet, copies: Amplified, classifier: Classifier, rng: np.random.Generator
) -> TrainingSet:
    """The same steps, except that a gold text is now and then replaced by a copy of it.

    A text with copies of weight `w` is replaced with probability `w / (1 + w)`, so real texts weigh
    at least as much as copies do, and the balance of gold and replay stays.
    """
    first = len(plain.tokens)
    tokens = joined([*plain.tokens, *classifier.tokens(copies.texts)])
    by_parent = np.argsort(copies.parent, kind="stable")
    starts = np.searchsorted(copies.parent[by_parent], np.arange(first))
    counts = np.bincount(copies.parent, minlength=first)
    weight = np.bincount(copies.parent, copies.weight, minlength=first)
    order = plain.plan.order.astype(np.int64)
    is_replaced = rng.random(len(order)) < (weight / (1 + weight))[order]
    which = (rng.random(len(order)) * counts[order]).astype(np.int64)
    chosen = by_parent[np.minimum(starts[order] + which, len(by_parent) - 1)]
    return TrainingSet(
        tokens,
        np.concatenate([plain.targets, plain.targets[copies.parent]]),
        np.concatenate([plain.weights, np.ones(len(copies.parent))]),
        replace(plain.plan, order=np.where(is_replaced, first + chosen, order)),
    )


def rows_to_replay(
    usable: Mask,
    weak: WeakTargets,
    labelled: Rows,
    settings: FinetuneSettings,
    rng: np.random.Generator,
    answered: Rows | None = None,
    *,
    multilabel: bool = False,
) -> Rows:
    """As many `usable` rows as the steps need, ascending, balanced by their weak labels.

    Labelled rows are left out: a person may have contradicted their weak label. If at least
    `LEAST_ANSWERED` of the others were `answered` by a language model, only these are replayed,
    because their labels are better. About `multilabel`, see `class_to_balance`.
    """
    rest = usable.copy()
    if answered is not None and len(np.setdiff1d(answered, labelled)) >= LEAST_ANSWERED:
        rest[:] = False
        rest[answered] = True
    rest[labelled] = False
    n = min(int(replay_counts(settings).sum()), int(np.count_nonzero(rest)))
    sample = np.sort(random_of(rest, SAMPLE * n, rng))
    classes = class_to_balance(weak(sample)[0], multilabel=multilabel)
    rows: Rows = sample[balanced(classes, n, settings.replay_balance, rng)]
    return rows


def replay_weight(settings: FinetuneSettings, n_labelled: int, n_classes: int) -> float:
    """The weight of a replayed text; a labelled one has 1.

    >>> settings = FinetuneSettings(replay_weight=0.5, replay_gold=4)
    >>> [replay_weight(settings, n, n_classes=10) for n in (0, 80, 160)]
    [0.5, 0.5, 0.25]
    """
    if settings.replay_gold is None or not n_labelled:
        return settings.replay_weight
    return min(settings.replay_weight, settings.replay_gold * n_classes / n_labelled)


def replay_counts(settings: FinetuneSettings) -> np.ndarray:
    """How many texts of each step are replayed, `(steps,)`.

    >>> replay_counts(FinetuneSettings(steps=3, batch_size=32, replay=0.5, replay_end=0.0)).tolist()
    [16, 8, 0]
    """
    end = settings.replay if settings.replay_end is None else settings.replay_end
    shares = np.linspace(settings.replay, end, settings.steps)
    return np.round(shares * settings.batch_size).astype(np.int64)
