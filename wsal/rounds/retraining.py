"""When to train on weak labels anew, because gold has changed them, and whether that helped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Mask, Probs, Rows, is_indicator_matrix
from wsal.artifacts import Artifact, Facts
from wsal.evaluation.estimates import gain, macro_f1
from wsal.evaluation.multilabel import f1_thresholds
from wsal.evaluation.multilabel_estimates import estimate_sets, gain_of_sets
from wsal.evaluation.sample import Sample
from wsal.rounds.weak_labels import usable
from wsal.seeding import random_of, rng

COMPARED = 20_000  # texts whose weak labels are compared, at most
LEVEL = 0.9  # of intervals


@dataclass(frozen=True)
class Checkpoint:
    """A classifier that was trained on weak labels alone."""

    number: int  # of the round that trained it; 0: the stage `pretrain`
    artifact: Artifact


def newest_checkpoint(pretrained: Artifact, retrainings: Sequence[Artifact]) -> Checkpoint:
    """The checkpoint of the last round that kept one, else that of the stage `pretrain`."""
    for number in range(len(retrainings), 0, -1):
        if retrainings[number - 1].facts["kept"]:
            return Checkpoint(number, retrainings[number - 1])
    return Checkpoint(0, pretrained)


def last_trained_on(
    weak_labels: Artifact, reweighings: Sequence[Artifact], retrainings: Sequence[Artifact]
) -> Artifact:
    """The weak labels of the last training, also of one whose checkpoint was not kept.

    Otherwise, what did not help once would be repeated in every round.
    """
    for number in range(len(retrainings), 0, -1):
        if retrainings[number - 1].facts["trained"]:
            return reweighings[number - 1]
    return weak_labels


def distance_between(
    before: Artifact,
    after: Artifact,
    seed: int,
    scratch: Path,
    is_new: Mask | None = None,
    *,
    multilabel: bool = False,
) -> float:
    """How far apart two weak labels are, on a sample of the texts that either trains on.

    This is `distance` or, with `multilabel`, `distance_of_sets`.

    Texts that only one of them trains on, or that are new in the pool since the training, `is_new`
    `(texts,)` or not in `before`, count as if their weak labels had been the opposite.
    """
    there = _rows_before(before, after)
    is_known = there >= 0 if is_new is None else (there >= 0) & ~is_new
    used = usable(before)[there] & (there >= 0), usable(after)
    rows = compared_rows(*used, seed)
    known = rows[(is_known & used[0] & used[1])[rows]]
    known = known[np.argsort(there[known], kind="stable")]
    first = tables.write_probs(_path(before), there[known], scratch / "before.npy")
    order = np.argsort(known, kind="stable")
    second = tables.write_probs(_path(after), known[order], scratch / "after.npy")
    of_known = (distance_of_sets if multilabel else distance)(first[order], second)
    return with_others(of_known, len(known), len(rows))


def _rows_before(before: Artifact, after: Artifact) -> Rows:
    """The row of each text of `after` in `before`, -1 where it has none; found by id."""
    n = tables.n_rows(_path(after))
    if before.manifest["inputs"].get("pool") == after.manifest["inputs"].get("pool"):
        return np.arange(n)
    ids = [tables.column(_path(weak), "id") for weak in (after, before)]
    at = pl.DataFrame({"id": ids[1], "row": np.arange(len(ids[1]))})
    rows = ids[0].to_frame("id").join(at, on="id", how="left", maintain_order="left")["row"]
    return rows.fill_null(-1).to_numpy().astype(np.int64)


def _path(weak: Artifact) -> Path:
    return weak.path / "weak_labels.parquet"


def compared_rows(before: Mask, after: Mask, seed: int) -> Rows:
    """At most 20,000 random rows, ascending, of those that are trained on before or after."""
    return np.sort(random_of(before | after, COMPARED, rng(seed, "compared")))


def with_others(of_known: float, n_known: int, n: int) -> float:
    """The mean distance of `n` texts, of which all but `n_known` have the distance 1.

    >>> with_others(0.5, 2, 4)
    0.75
    """
    return (of_known * n_known + n - n_known) / n if n else 0.0


def distance(before: Probs, after: Probs) -> float:
    """The mean total variation distance of the weak labels of each text, in [0, 1].

    It counts as 0 where the likeliest class is the same: calibration with gold can halve all
    confidences while no class changes, and training on the same classes again brings little.

    >>> distance(np.array([[1.0, 0.0], [0.6, 0.4]]), np.array([[0.0, 1.0], [0.9, 0.1]]))
    0.5
    """
    if not len(before):
        return 0.0
    changed = before.argmax(axis=1) != after.argmax(axis=1)
    apart = np.abs(before - after).sum(axis=1, dtype=np.float64) / 2
    return float((apart * changed).mean())


def distance_of_sets(before: Probs, after: Probs) -> float:
    """How far two weak labels of each text differ, `sum |p - q| / sum (p + q)`, in [0, 1].

    >>> distance_of_sets(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])).__round__(2)
    0.33
    """
    total = float(before.sum(dtype=np.float64) + after.sum(dtype=np.float64))
    return float(np.abs(before - after).sum(dtype=np.float64)) / total if total else 0.0


def compare_checkpoints(sample: Sample, before: Probs, after: Probs, seed: int) -> Facts:
    """Macro-F1 of two checkpoints on the same gold, and whether the new one is kept.

    It is kept unless its estimate is the lower of the two. A test of significance would be wrong
    here: with a hundred labels it finds hardly any difference, so that it would keep nothing, or
    everything, whereas the estimate is right more often than not.

    Args:
        sample: gold that neither was trained on.
        before: predictions of the checkpoint so far, for the texts that the sample is drawn from.
        after: those of the new one.
        seed: of the bootstrap.

    Returns:
        `before` and `after`; `value`, `low` and `high`: the gain with its 90% interval; `kept`.
    """

    def draw() -> np.random.Generator:
        return rng(seed, "retrain")

    if is_indicator_matrix(sample.gold):
        first, second = ((probs, f1_thresholds(probs)) for probs in (before, after))
        both = [estimate_sets(sample, *own, draw(), LEVEL)["macro_f1"] for own in (first, second)]
        change = gain_of_sets(sample, first, second, draw(), LEVEL)["macro_f1"]
    else:
        both = [macro_f1(sample, probs, draw(), LEVEL) for probs in (before, after)]
        change = gain(sample, before, after, "macro_f1", draw(), LEVEL)
    facts = {n: round(own.value, 4) for n, own in zip(("before", "after"), both, strict=True)}
    facts |= {name: round(getattr(change, name), 4) for name in ("value", "low", "high")}
    return {**facts, "kept": change.value >= 0}
