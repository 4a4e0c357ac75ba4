"""Which texts weak pretraining trains on, and with which labels."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from wsal import processes
from wsal.arrays import Classes, Mask, Probs, Rows
from wsal.artifacts import Facts
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.classifier.softmax_regression import fit_softmax
from wsal.classifier.tokens import Tokens
from wsal.data.row_keys import read_keys, rows_among
from wsal.rounds.balance import SAMPLE, balanced, class_to_balance
from wsal.rounds.refinement import PENALTY, SURE, Refined, class_weights, product, refine
from wsal.rounds.training_set import WeakTargets
from wsal.rounds.weak_labels import confidence_weights
from wsal.seeding import random_of, rng
from wsal.training_settings import PretrainSettings

MOST_REFINED = 200_000  # texts that are trained on: more would not fit into memory
REFINED = 20_000  # texts with a weak label, at least, if there are so many; and as many without
ROWS_FILE, PREDICTIONS_FILE = "predicted_rows.npy", "predictions.npy"
KEYS_FILE = "predicted_keys.npy"  # of the texts, as batches may move rows
NO_ROWS: Rows = np.empty(0, np.int64)


@dataclass(frozen=True)
class Predicted:
    """Out-of-fold predictions for some texts of the pool, with which weak labels were refined."""

    rows: Rows
    """Ascending."""
    probs: Probs
    """`(rows, classes)`."""

    def save(self, folder: Path, keys: np.ndarray | None = None) -> None:
        """Files in a folder; `keys` `(rows,)` are those of the texts."""
        np.save(folder / ROWS_FILE, self.rows)
        np.save(folder / PREDICTIONS_FILE, self.probs)
        if keys is not None:
            np.save(folder / KEYS_FILE, keys)

    def refined(self, weak: WeakTargets, usable: Mask) -> WeakTargets:
        """Weak labels times predictions; a text that is not `usable` gets the prediction alone."""

        def targets(rows: Rows) -> tuple[Probs, np.ndarray]:
            probs = np.array(weak(rows)[0])  # a copy, as the next call may reuse the file
            probs[~usable[rows]] = 1 / probs.shape[1]
            has = np.isin(rows, self.rows)
            at = np.searchsorted(self.rows, rows[has])
            probs[has] = product(probs[has], self.probs[at])
            return probs, confidence_weights(probs)

        return targets

    def usable(self, usable: Mask) -> Mask:
        """Texts with a refined label: those that are `usable`, and those with a sure prediction."""
        refined = np.zeros_like(usable)
        refined[self.rows] = usable[self.rows] | (self.probs.max(axis=1) >= SURE)
        return refined


def read_predicted(folder: Path, pool: Path | None = None) -> Predicted | None:
    """What `Predicted.save` wrote, or None if weak labels were not refined.

    With a pool, these are the rows that the texts have there now; it may lack some.
    """
    if not (folder / ROWS_FILE).exists():
        return None
    rows, probs = (np.load(folder / f, allow_pickle=False) for f in (ROWS_FILE, PREDICTIONS_FILE))
    now = read_keys(pool, "text_keys", "pool") if pool else []
    if not now or not (folder / KEYS_FILE).exists():
        return Predicted(rows, probs)
    keys = np.load(folder / KEYS_FILE, allow_pickle=False)
    order = np.argsort(keys["low"], kind="stable")
    places = np.concatenate([rows_among(shard, keys, order) for shard in now])
    rows = np.flatnonzero(places >= 0)
    return Predicted(rows, probs[places[rows]])


@dataclass(frozen=True)
class WeakSet:
    """The texts of the pool to train on, with their weak labels."""

    rows: Rows
    """Ascending; texts of rare classes are repeated."""
    targets: Probs
    """`(rows, classes)`."""
    weights: np.ndarray
    """`(rows,)`: how much each counts."""
    facts: Facts
    predicted: Predicted | None = None

    def labels(self, rows: Rows) -> tuple[Probs, np.ndarray]:
        """The weak labels of some of the rows, and how much each counts: 1 on average."""
        at = np.searchsorted(self.rows, rows)
        return self.targets[at], self.weights[at] / self.weights[at].mean()


def plain_set(
    settings: PretrainSettings,
    usable: Mask,
    weak: WeakTargets,
    answered: Rows,
    seed: int,
    *,
    multilabel: bool = False,
) -> WeakSet:
    """Texts balanced by their weak labels; see `class_to_balance` about `multilabel`.

    If there are many more texts than `max_texts`, classes are balanced within a random sample. Weak
    labels are read twice, and never all of them into memory. Texts that a language model `answered`
    are always among them.
    """
    draw = rng(seed, "pretrain")
    n = _n_texts(settings, usable)
    free = usable.copy()
    free[answered] = False
    others = np.sort(random_of(free, SAMPLE * n, draw))
    classes = class_to_balance(weak(others)[0], multilabel=multilabel)
    drawn = others[balanced(classes, max(n - len(answered), 0), settings.balance, draw)]
    rows = np.sort(np.concatenate([answered, drawn]))
    targets, weights = weak(rows)
    return WeakSet(rows, targets, _counted(settings, weights), {})


def refined_set(
    settings: PretrainSettings,
    classifier: Classifier,
    texts: Tokens,
    usable: Mask,
    weak: WeakTargets,
    answered: Rows,
    seed: int,
    dev: tuple[Tokens, Classes] | None = None,
    paths: np.ndarray | None = None,
) -> WeakSet:
    """Texts balanced by their refined labels; the encoder must not have been trained on any label.

    At least `REFINED` texts are refined, if there are so many, and as many texts without a weak
    label take part: those with a sure prediction are trained on, too. If more than `MOST_REFINED`
    texts are trained on, no label is refined, since all embeddings have to be in memory. Nor is any
    if a linear classifier that learns from refined labels is right on fewer texts of `dev`.

    Args:
        settings: how many texts, balance, passes.
        classifier: embeds the texts.
        texts: of the pool.
        usable: `(texts,)`, whether a text has a weak label.
        weak: the weak labels of rows.
        answered: rows that a language model answered.
        seed: of the draw and of the folds.
        dev: texts with gold, `(texts,)`, if there are any.
        paths: of a class tree, as for `fit_softmax`.
    """
    n = _n_texts(settings, usable)
    if n > MOST_REFINED:
        plain = plain_set(settings, usable, weak, answered, seed)
        return replace(plain, facts={"refined": {"n_refined": 0}})
    draw = rng(seed, "refine")
    if np.count_nonzero(usable) > (most := max(n, REFINED)):
        larger = replace(settings, max_texts=most)
        known = np.unique(plain_set(larger, usable, weak, answered, seed).rows)
    else:
        known = np.flatnonzero(usable)
    rows = np.union1d(known, random_of(~usable, len(known), draw))
    is_known = np.isin(rows, known)
    n_classes = classifier.model.config.num_labels
    probs = np.full((len(rows), n_classes), 1 / n_classes, dtype=np.float32)
    probs[is_known] = weak(known)[0]
    work = partial(
        _refined, classifier, texts.take(rows), probs, is_known, settings.refine, seed, dev, paths
    )
    refined, on_dev = processes.run_on_leader(work)  # so that all processes draw the same texts
    if on_dev and on_dev[1] < on_dev[0]:
        plain = plain_set(settings, usable, weak, answered, seed)
        return replace(plain, facts={"refined": {"n_refined": 0, "on_dev": on_dev}})
    others = np.flatnonzero(refined.used & ~np.isin(rows, answered))
    classes = refined.probs[others].argmax(axis=1)
    drawn = others[balanced(classes, max(n - len(answered), 0), settings.balance, draw)]
    chosen = np.sort(np.concatenate([np.searchsorted(rows, answered), drawn]))
    targets = refined.probs[chosen]
    n_changed = (refined.probs[is_known].argmax(axis=1) != probs[is_known].argmax(axis=1)).sum()
    facts = {
        "n_refined": len(known),
        "n_changed": int(n_changed),
        "n_added": int((refined.used & ~is_known).sum()),
    } | ({"on_dev": on_dev} if on_dev else {})
    return WeakSet(
        rows[chosen],
        targets,
        _counted(settings, confidence_weights(targets)),
        {"refined": facts},
        Predicted(rows, refined.predictions),
    )


def _n_texts(settings: PretrainSettings, usable: Mask) -> int:
    n = int(np.count_nonzero(usable))
    return min(n, settings.max_texts or n)


def _counted(settings: PretrainSettings, confidence: np.ndarray) -> np.ndarray:
    return np.ones_like(confidence) if settings.weighting == "none" else confidence


def _refined(
    classifier: Classifier,
    texts: Tokens,
    weak: Probs,
    has_weak: np.ndarray,
    passes: int,
    seed: int,
    dev: tuple[Tokens, Classes] | None,
    paths: np.ndarray | None,
) -> tuple[Refined, list[float] | None]:
    """Refined labels; and accuracy on dev with plain and with refined labels, by linear models."""
    embeddings = predict(classifier, texts, "refine weak labels: embed")[1]
    refined = refine(embeddings, weak, has_weak, passes, rng(seed, "refine", "folds"), paths)
    if dev is None:
        return refined, None
    tokens, gold = dev
    dev_embeddings = predict(classifier, tokens, "refine weak labels: dev")[1]
    accuracy = []
    for probs, used in ((weak, has_weak), (refined.probs, refined.used)):
        weights = class_weights(probs[used])
        model = fit_softmax(embeddings[used], probs[used], weights, PENALTY, paths)
        right = model.predict_proba(dev_embeddings).argmax(axis=1) == gold
        accuracy.append(round(float(right.mean()), 4))
    return refined, accuracy
