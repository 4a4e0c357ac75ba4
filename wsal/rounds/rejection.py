"""Learn to reject texts of no class: fit several scores, and keep the best of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wsal.arrays import Scores
from wsal.classifier.rejection import PARTS, Arrays, Rejection
from wsal.evaluation.rejection import auroc
from wsal.rounds.rejection_methods import (
    WITH_NONE,
    WITHOUT_NONE,
    Answered,
    combine,
    fit_all,
    summed,
)

FEWEST_NONE = 10  # texts of no class, to learn from them
FEWEST = 20  # texts with a class
MOST = 1_500  # texts with a class that are kept; the kernel takes the third power of their number
FOLDS = 5


@dataclass(frozen=True)
class Learned:
    """The score to use, and what was learned about all methods on texts they were not fitted to."""

    rejection: Rejection
    of_classes: Mapping[str, Scores]
    """By method: cross-fitted scores of the texts with a class that were used."""
    of_none: Mapping[str, Scores]
    """Those of the texts of no class; of left-out classes where there were too few."""
    aurocs: Mapping[str, float]
    """The cross-fitted AUROC of each method."""
    fitted: Mapping[str, Arrays]
    """What each method has learned from all texts."""
    by_classes: bool
    """Whether classes were left out, as there were too few texts of no class."""


def learn_rejection(answered: Answered, rng: np.random.Generator) -> Learned | None:
    """The score that tells texts of no class from others best; None with too few texts.

    With at least `FEWEST_NONE` texts of no class, AUROC is cross-validated on all answered texts,
    and `combined` is used unless another method is better by two standard errors: with twenty such
    texts, the method with the largest AUROC was often a poor one on real sets. With fewer, each
    fifth of the classes in turn is left out, and its texts take the place of those of no class.
    """
    answered = _some(answered, rng)
    if len(answered.classes) < FEWEST or len(np.unique(answered.classes)) < 2:
        return None
    if len(answered.none) < FEWEST_NONE:
        return _by_classes(answered, rng)
    folds = rng.permutation(len(answered.classes)) % FOLDS
    none_folds = rng.permutation(len(answered.none)) % FOLDS
    of_classes = _empty(WITH_NONE, len(folds))
    of_none = _empty(WITH_NONE, len(none_folds))
    for fold in range(FOLDS):
        held, held_none = folds == fold, none_folds == fold
        for name, arrays in fit_all(_part(answered, ~held, ~held_none), WITH_NONE).items():
            score = Rejection(name, arrays).scores
            of_classes[name][held] = score(answered.embeddings[held])
            of_none[name][held_none] = score(answered.none[held_none])
    fitted: dict[str, Arrays] = dict(fit_all(answered, WITH_NONE))
    parts, none_parts = (np.stack([of[p] for p in PARTS], axis=1) for of in (of_classes, of_none))
    fitted["combined"] = combine(parts, none_parts) | {
        f"{part}.{key}": fitted[part][key] for part, keys in PARTS.items() for key in keys
    }
    of_classes |= _empty(("combined",), len(folds))
    of_none |= _empty(("combined",), len(none_folds))
    for fold in range(FOLDS):
        held, held_none = folds == fold, none_folds == fold
        combination = combine(parts[~held], none_parts[~held_none])
        of_classes["combined"][held] = summed(parts[held], combination)
        of_none["combined"][held_none] = summed(none_parts[held_none], combination)
    best = _chosen(of_classes, of_none)
    aurocs = {name: _auroc(of_classes[name], of_none[name]) for name in fitted}
    rejection = Rejection(best, fitted[best])
    return Learned(rejection, of_classes, of_none, aurocs, fitted, by_classes=False)


def _empty(methods: Iterable[str], n: int) -> dict[str, np.ndarray]:
    return {name: np.zeros(n, np.float32) for name in methods}


def _chosen(of_classes: Mapping[str, Scores], of_none: Mapping[str, Scores]) -> str:
    """`combined`, or the best of the methods that are better by two standard errors.

    The AUROC of a method is the mean over texts of no class of the share of the others that have a
    lower score. So the difference of two methods is a mean of paired differences.
    """
    shares = {
        name: np.searchsorted(np.sort(of_classes[name]), of_none[name]) / len(of_classes[name])
        for name in of_none
    }
    best = "combined"
    for name in of_none:
        gain = shares[name] - shares["combined"]
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        if gain.mean() > 2 * error and shares[name].mean() > shares[best].mean():
            best = name
    return best


def _by_classes(answered: Answered, rng: np.random.Generator) -> Learned | None:
    """The best method for texts of classes that are left out; None with fewer than 3 classes."""
    classes = rng.permutation(np.unique(answered.classes))
    n_groups, n = min(FOLDS, len(classes)), len(answered.classes)
    if n_groups < 3:
        return None
    groups = np.empty(int(classes.max()) + 1, np.int64)
    groups[classes] = np.arange(len(classes)) % n_groups
    of_text = groups[answered.classes]
    folds = (of_text + 1 + rng.permutation(n) % (n_groups - 1)) % n_groups  # never its own group
    inside, outside = _empty(WITHOUT_NONE, n), _empty(WITHOUT_NONE, n)
    for group in range(n_groups):
        left_out, held = of_text == group, folds == group
        for name, arrays in fit_all(_part(answered, ~left_out & ~held), WITHOUT_NONE).items():
            score = Rejection(name, arrays).scores
            inside[name][held] = score(answered.embeddings[held])
            outside[name][left_out] = score(answered.embeddings[left_out])
    aurocs = {
        name: float(np.mean([
            _auroc(inside[name][folds == group], outside[name][of_text == group])
            for group in range(n_groups)
            if (folds == group).any()
        ]))
        for name in WITHOUT_NONE
    }  # fmt: skip
    best = max(aurocs, key=lambda name: aurocs[name])
    fitted = fit_all(answered, WITHOUT_NONE)
    rejection = Rejection(best, fitted[best])
    return Learned(rejection, inside, outside, aurocs, fitted, by_classes=True)


def _auroc(of_classes: Scores, of_none: Scores) -> float:
    scores = np.concatenate([of_classes, of_none])
    return round(auroc(scores, np.arange(len(scores)) >= len(of_classes)), 4)


def _some(answered: Answered, rng: np.random.Generator) -> Answered:
    """At most `MOST` texts of each kind."""
    chosen = np.sort(rng.permutation(len(answered.classes))[:MOST])
    return _part(replace(answered, none=answered.none[:MOST]), chosen, slice(None))


def _part(answered: Answered, chosen: Any, chosen_none: Any = slice(None)) -> Answered:  # noqa: ANN401
    """Some of the texts: any index of an array."""
    return Answered(
        answered.embeddings[chosen], answered.classes[chosen], answered.none[chosen_none]
    )
