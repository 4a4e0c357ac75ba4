"""The frame of a run to which records were appended: each period has strata of its own.

A period is what a batch of records brought; see `wsal.data.batches`. Its texts are drawn into the
frame as those of the first period were, or more of them if it is small, and are never trained on.
What each text of the frame stands for follows from the sizes of its period in the pool and in the
frame, so that estimates hold for the whole pool (Särndal, Swensson & Wretman, 1992, chapter 3). A
period of which nobody has labelled a text yet is left out, and the estimate says so.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wsal import schemas
from wsal.annotation.answers import coded_answers
from wsal.arrays import Classes, Mask, Probs, Rows, Weights
from wsal.artifacts import Artifact, Facts
from wsal.evaluation.sampling import NO_ROWS, strata
from wsal.seeding import random_rows, rng

MOST_OF_POOL = 5  # the frame is at most one in so many texts
MOST_STRATA = 25  # a quarter of the labels
STRATA_OF_PERIOD = 1_000
"""Numbers of strata for each period. A stratum without labels is merged with that of the nearest
number, which is of the same period."""
LEAST = 30  # texts of a later period, as far as a fifth of it has as many
LATER_STRATA = 3  # of each later period: every stratum needs labels


@dataclass(frozen=True)
class Frame:
    """Rows of the pool, ascending, and the stratum of each."""

    rows: Rows
    stratum: Classes
    """Its number within its period, plus 1,000 for each period before; see `frame_periods`."""
    periods: tuple[str, ...] = ("",)
    """The names of the periods that were laid down, in this order."""
    keys: np.ndarray | None = None
    """The key of each text, by which predictions of earlier classifiers are recognised."""
    covers: str = ""
    """Which part of the pool it covers, in words; empty: all of it."""


def frame_rows(n_texts: int, size: int, seed: int) -> Rows:
    """The rows of a new frame, ascending."""
    return np.sort(random_rows(n_texts, frame_size(n_texts, size), rng(seed, "frame")))


def frame_size(n_texts: int, size: int) -> int:
    """Texts in the frame of a pool of `n_texts`; `size` is the most that is wanted."""
    return min(size, n_texts // MOST_OF_POOL)


def cut_sample(wanted: int, asked: int, frame: Frame, n_pool: int) -> str:
    """Why fewer texts are asked for evaluation than are wanted, in words; empty if they are not."""
    if asked >= wanted:
        return ""
    return (
        f"{asked:,} texts for evaluation, not {wanted:,}: they come from the {len(frame.rows):,} "
        f"texts that are never trained on, at most a fifth of the pool ({n_pool:,} texts), and "
        "each is asked about once; to measure with more, add texts to the pool"
    )


def n_texts_left(n_pool: int, frame: Frame, asked: Rows) -> int:
    """How many texts of the pool can still be labelled to train on."""
    return n_pool - len(np.union1d(frame.rows, asked))


def periods_of(pool: Facts) -> list[tuple[str, range]]:
    """The name and the rows of each period of a pool."""
    if "periods" not in pool:
        return [("", range(pool["n_pool"]))]
    periods = pool["periods"]
    ends = np.cumsum([0, *(period["n_texts"] for period in periods)]).tolist()
    return [(p["name"], range(*ends[i : i + 2])) for i, p in enumerate(periods)]


def period_names(pool: Facts) -> Facts:
    """The periods of a pool, for the facts of what is trained on it; nothing without batches."""
    return {"periods": [name for name, _ in periods_of(pool)]} if "periods" in pool else {}


def appended_since(pool: Facts, trained: Facts) -> Mask:
    """`(texts,)`: whether a text came with a batch that was appended after a training."""
    is_new = np.zeros(pool["n_pool"], bool)
    for name, rows in periods_of(pool):
        is_new[rows.start : rows.stop] = name not in trained.get("periods", [""])
    return is_new


def rows_to_lay(pool: Facts, size: int, seed: int, laid: Sequence[str] = ()) -> dict[str, Rows]:
    """For each period that is not laid yet, the rows of the frame, ascending."""
    n_first = pool.get("n_first", {}).get("pool", pool["n_pool"])
    share = min(size / max(n_first, 1), 1 / MOST_OF_POOL)
    rows = {}
    for number, (name, of_period) in enumerate(periods_of(pool)):
        n = len(of_period)
        if name in laid or name in rows:
            continue
        if number == 0:
            drawn = frame_rows(n, size, seed)
        else:
            n_drawn = min(max(round(share * n), LEAST), n // MOST_OF_POOL)
            drawn = np.sort(random_rows(n, n_drawn, rng(seed, "frame", name)))
        rows[name] = drawn + of_period.start
    return rows


def extended_frame(
    frame: Frame | None, pool: Facts, probs: Probs, size: int, seed: int, trained_on: Rows = NO_ROWS
) -> Frame:
    """The frame, and strata for each period of the pool that it does not have yet.

    Args:
        frame: the one so far; None: there is none.
        pool: the facts of the pool.
        probs: the weak-pretrained classifier's predictions for the pool, `(texts, classes)`.
        size: the most texts of the first period.
        seed: of the draws.
        trained_on: rows that cannot measure any more.
    """
    frame = frame or Frame(NO_ROWS, NO_ROWS, periods=())
    rows, stratum, names = [frame.rows], [frame.stratum], list(frame.periods)
    for name, drawn in rows_to_lay(pool, size, seed, names).items():
        of_period = np.setdiff1d(drawn, np.union1d(trained_on, frame.rows))
        most = LATER_STRATA if names else MOST_STRATA
        if len(of_period):
            own = strata(probs[of_period].astype(np.float32), most)
            rows.append(of_period)
            stratum.append(own + STRATA_OF_PERIOD * len(names))
        names.append(name)
    order = np.argsort(np.concatenate(rows), kind="stable")
    all_rows, strata_of_rows = (np.concatenate(each)[order] for each in (rows, stratum))
    return Frame(all_rows.astype(np.int64), strata_of_rows.astype(np.int64), tuple(names))


def measured_part(
    pool: Artifact, frame: Frame, annotations: Sequence[Artifact], *, with_none: bool = False
) -> Frame:
    """The periods of the frame of which people have labelled texts for evaluation.

    `covers` says which part of the pool these are, unless it is all of it. If nothing is labelled,
    the whole frame is returned. `with_none`: the answer that a text belongs to no class is a label,
    too, as in `choose_reference`.
    """
    if "periods" not in pool.facts and len(frame.periods) == 1:
        return frame
    rows, codes = coded_answers(pool, annotations, schemas.EVALUATE)
    rows = rows[codes < len(pool.facts["labels"]) + with_none]
    of_row = frame.stratum // STRATA_OF_PERIOD
    measured = np.unique(of_row[np.isin(frame.rows, rows)])
    if not len(measured):
        return frame
    inside = np.isin(of_row, measured)
    names = {frame.periods[period] for period in measured}
    n_covered = sum(len(rows) for name, rows in periods_of(pool.facts) if name in names)
    covers = ""
    if n_covered < pool.facts["n_pool"]:
        covers = (
            f" (it covers {n_covered:,} of the {pool.facts['n_pool']:,} texts: none of the "
            f"{pool.facts['n_pool'] - n_covered:,} others, which were appended, is labelled for "
            "evaluation yet)"
        )
    keys = None if frame.keys is None else frame.keys[inside]
    return replace(
        frame, rows=frame.rows[inside], stratum=frame.stratum[inside], keys=keys, covers=covers
    )


def period_weights(pool: Facts, frame: Frame) -> Weights:
    """How many texts of the pool each text of the frame stands for, `(frame,)`, up to a factor.

    It is 1 for texts of the first period that the frame has.
    """
    of_row = frame.stratum // STRATA_OF_PERIOD
    weights = np.ones(len(of_row))
    if len(frame.periods) == 1:
        return weights
    sizes = Counter[str]()
    for name, rows in periods_of(pool):
        sizes[name] += len(rows)
    for period in np.unique(of_row):
        inside = of_row == period
        weights[inside] = sizes[frame.periods[period]] / inside.sum()
    return weights / weights[of_row == of_row.min()][:1] if len(weights) else weights
