"""Which text goes into which batch: equal lengths together, since padding is the largest cost."""

import numpy as np

from wsal.arrays import Rows

CHUNK = 32  # batches sorted together by length: long enough to save padding, short enough to mix


def pretraining_order(
    lengths: np.ndarray, batch_size: int, epochs: int, rng: np.random.Generator
) -> Rows:
    """Positions of texts for all epochs; every `batch_size` of them are about equally long.

    >>> order = pretraining_order(np.array([1, 9, 1, 9]), 2, 1, np.random.default_rng(0))
    >>> sorted(order.tolist()), abs(order[0] - order[1]).item()
    ([0, 1, 2, 3], 2)
    """
    everything = [
        grouped(rng.permutation(len(lengths)), lengths, batch_size, rng) for _ in range(epochs)
    ]
    return np.concatenate([*everything, np.empty(0, dtype=np.int64)])


def replay_order(
    gold: Rows, weak: Rows, lengths: np.ndarray, batch_size: int, n_batches: int,
    share: float, rng: np.random.Generator,
) -> Rows:  # fmt: skip
    """Positions for `n_batches` batches, each with `share` of its texts weak, the others gold.

    Both kinds are gone through again and again, each time in another order; within a batch
    texts are about equally long. Without weak texts, every place is gold.
    """
    n_weak = round(batch_size * share) if len(weak) else 0
    n_weak = min(n_weak, batch_size - 1)
    parts = []
    for rows, size in ((gold, batch_size - n_weak), (weak, n_weak)):
        if size:
            drawn = cycled(rows, size * n_batches, rng)
            parts.append(grouped(drawn, lengths, size, rng=None).reshape(n_batches, size))
    mixed = np.concatenate(parts, axis=1)
    for start in range(0, n_batches, CHUNK):  # the sorted chunks of both kinds stay aligned
        rng.shuffle(mixed[start : start + CHUNK], axis=0)
    return mixed.ravel()


def cycled(rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    """`n` of the rows: all of them in random order, then again in another, and so on."""
    passes = -(-n // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(passes)])[:n]


def grouped(
    rows: Rows, lengths: np.ndarray, batch_size: int, rng: np.random.Generator | None
) -> Rows:
    """The rows with equal lengths side by side within each chunk; batches shuffled if `rng`."""
    chunks = []
    for start in range(0, len(rows), batch_size * CHUNK):
        chunk = rows[start : start + batch_size * CHUNK]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        n_whole = len(chunk) // batch_size
        if rng is not None and n_whole > 1:
            whole = chunk[: n_whole * batch_size].reshape(n_whole, batch_size)
            chunk = np.concatenate([rng.permutation(whole).ravel(), chunk[whole.size :]])
        chunks.append(chunk)
    return np.concatenate(chunks) if chunks else rows


def inference_batches(lengths: np.ndarray, max_tokens: int) -> list[Rows]:
    """Batches of equal lengths or nearly, each of at most `max_tokens` with padding.

    >>> [b.tolist() for b in inference_batches(np.array([5, 1, 5, 1]), 10)]
    [[1, 3], [0, 2]]
    """
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    for end in range(1, len(order) + 1):
        too_long = end < len(order) and (end + 1 - start) * lengths[order[end]] > max_tokens
        if end == len(order) or too_long:
            batches.append(order[start:end])
            start = end
    return batches
