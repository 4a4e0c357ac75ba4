"""Which texts of the pool a language model votes on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from wsal.arrays import Mask, Rows

NEEDED = 2
"""How many rows of each kind suffice, the first in random order, as a multiple of the sample."""
UNCOVERED, DISPUTED, RANDOM, MEASURES, OTHER = (
    "no rule votes on it",
    "rules disagree on it",
    "drawn at random",
    "drawn at random, to measure",
    "no others were left",
)


@dataclass(frozen=True)
class LLMSample:
    """Rows of the pool in the order in which they are asked, and why each was drawn."""

    rows: Rows
    reasons: list[str]


def first_in_order(
    texts: Iterable[Sequence[str]], kinds: Sequence[Mask], n: int, seed: int
) -> Rows:
    """The first `n` rows of each kind in an order that depends on each text alone.

    So most of a sample stays the same when texts join the pool or leave it, and answers that
    were paid for are used again.

    Args:
        texts: of the pool, in parts.
        kinds: which texts are of each kind, each `(texts,)`; they may overlap.
        n: at most so many of each.
        seed: of the order.
    """
    rows, keys, end = np.empty(0, np.int64), np.empty(0, np.uint64), 0
    for part in texts:
        rows = np.concatenate([rows, np.arange(end, end + len(part))])
        keys = np.concatenate([keys, _random_keys(part, seed)])
        end += len(part)
        order = np.argsort(keys, kind="stable")
        of_kinds = [order[kind[rows[order]]][:n] for kind in kinds]
        kept = np.unique(np.concatenate([*of_kinds, order[:0]]))
        rows, keys = rows[kept], keys[kept]
    return rows[np.argsort(keys, kind="stable")]


def _random_keys(texts: Sequence[str], seed: int) -> np.ndarray:
    key = seed.to_bytes(8, "little", signed=True)
    digests = [blake2b(text.encode(), digest_size=8, key=key).digest() for text in texts]
    return np.frombuffer(b"".join(digests), "<u8")


def draw_sample(
    covered: Mask,
    disputed: Mask,
    frame: Rows,
    size: int,
    order: Rows,
    *,
    measure: bool,
) -> LLMSample:
    """Draw texts for a language model: uncovered, disputed and random ones in equal parts.

    These come from outside the frame, because the classifier is trained on the answers. Where an
    evaluation sample measures quality, a quarter of all texts comes from the frame instead: they
    are never trained on, and make the estimates more precise. Where texts of a kind run out, random
    ones take their place. Random ones are drawn first: what the other kinds leave over is not a
    random sample. The kinds alternate, so that any beginning of the sample has all of them.

    Args:
        covered: `(texts,)`, whether rules vote on each text of the pool.
        disputed: `(texts,)`, whether they vote for different classes.
        frame: rows of the frame.
        size: how many texts to draw, at most.
        order: rows in random order; of two texts of a kind, the earlier one is drawn first. The
            first `NEEDED * size` rows of each kind suffice.
        measure: whether an evaluation sample will measure quality.
    """
    n_measuring = min(size // 4, len(frame)) if measure else 0
    in_frame = np.isin(order, frame)
    outside = order[~in_frame]
    size = min(size - n_measuring, len(outside))
    is_uncovered, is_disputed = ~covered[outside], disputed[outside]
    n_uncovered, n_disputed = (min(size // 3, int(k.sum())) for k in (is_uncovered, is_disputed))
    is_taken = np.arange(len(outside)) < size - n_uncovered - n_disputed
    kinds = {RANDOM: outside[is_taken]}
    for kind, of_kind, n in (
        (UNCOVERED, is_uncovered, n_uncovered),
        (DISPUTED, is_disputed, n_disputed),
        (OTHER, np.ones(len(outside), dtype=bool), size),
    ):
        places = np.flatnonzero(of_kind & ~is_taken)[: min(n, size - int(is_taken.sum()))]
        is_taken[places] = True
        kinds[kind] = outside[places]
    kinds[MEASURES] = order[in_frame][:n_measuring]
    rows = np.concatenate(list(kinds.values()))
    # The place of each text within its kind, as a share of that kind.
    places = np.concatenate([(np.arange(len(k)) + 0.5) / max(len(k), 1) for k in kinds.values()])
    reasons = np.repeat(list(kinds), [len(k) for k in kinds.values()])
    order = np.argsort(places, kind="stable")
    return LLMSample(rows[order], reasons[order].tolist())
