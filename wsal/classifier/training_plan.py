"""The texts of each training step: equal lengths together, since padding is the largest cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from wsal.arrays import Rows

CHUNK = 32  # steps sorted together by length: long enough to save padding, short enough to mix


@dataclass(frozen=True)
class Plan:
    """The texts of every optimizer step, fixed before the first one: step `s` is `plan[s]`."""

    order: np.ndarray
    """Rows of texts."""
    ends: np.ndarray
    """`(steps,)`: where the texts of each step end in `order`."""

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, step: int) -> np.ndarray:
        return self.order[self.ends[step - 1] if step else 0 : self.ends[step]]


def by_count(order: Rows, batch_size: int) -> Plan:
    """The texts in this order, `batch_size` a step; the last step may have fewer."""
    ends = np.arange(batch_size, len(order) + batch_size, batch_size)
    return Plan(order, np.minimum(ends, len(order)))


def pretraining_plan(
    lengths: np.ndarray,
    batch_size: int,
    epochs: int,
    rng: np.random.Generator,
    max_tokens: int | None = None,
) -> Plan:
    """Epochs over all texts, in steps of `batch_size` texts of about the same length.

    With `max_tokens`, a step has as many texts as fit into this many tokens, padding included.

    >>> plan = pretraining_plan(np.array([1, 9, 1, 9]), 2, 1, np.random.default_rng(0))
    >>> sorted(plan.order.tolist()), abs(plan[0][0] - plan[0][1]).item()
    ([0, 1, 2, 3], 2)
    """

    def cut(rows: np.ndarray) -> np.ndarray:
        if max_tokens is None:
            return by_count(rows, batch_size).ends
        return budget_ends(lengths[rows], max_tokens)

    chunk_size = CHUNK * batch_size
    if max_tokens is not None and len(lengths):
        chunk_size = max(1, int(CHUNK * max_tokens / lengths.mean()))
    kind = np.int32 if len(lengths) < 2**31 else np.int64
    parts = [np.empty(0, dtype=kind)]
    ends = [np.empty(0, dtype=np.int64)]
    n_planned = 0
    for _ in range(epochs):
        shuffled = rng.permutation(len(lengths)).astype(kind)
        for rows, chunk_ends in _grouped(shuffled, lengths, chunk_size, cut, rng):
            parts.append(rows)
            ends.append(chunk_ends + n_planned)
            n_planned += len(rows)
    return Plan(np.concatenate(parts), np.concatenate(ends))


def replay_plan(
    gold: Rows,
    weak: Rows,
    lengths: np.ndarray,
    batch_size: int,
    n_weak: np.ndarray,
    rng: np.random.Generator,
) -> Plan:
    """Steps of `batch_size` texts, of which `n_weak[s]` of step `s` are weak, the others gold.

    Both kinds are repeated as often as needed, each time in another order; texts of a step have
    about the same length.
    """
    if not len(n_weak):
        return by_count(np.empty(0, np.int64), batch_size)
    n_weak = np.minimum(n_weak, batch_size - 1) if len(weak) else np.zeros_like(n_weak)
    steps = np.arange(len(n_weak))
    mixed = [rng.permutation(steps[start : start + CHUNK]) for start in steps[::CHUNK]]
    parts: list[list[Rows]] = [[] for _ in steps]
    for rows, wanted in ((weak, n_weak), (gold, batch_size - n_weak)):
        drawn = cycled(rows, int(wanted.sum()), rng)
        taken = 0
        # Both kinds use the same random order of steps, so that their lengths match in a step.
        for chunk in mixed:
            texts = drawn[taken : taken + wanted[chunk].sum()]
            taken += len(texts)
            texts = texts[np.argsort(lengths[texts], kind="stable")]
            cuts = np.cumsum(wanted[chunk])[:-1]
            for step, part in zip(chunk, np.split(texts, cuts), strict=True):
                parts[step].append(part)
    return by_count(np.concatenate([part for step in parts for part in step]), batch_size)


def cycled(rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    """`n` rows: all of them in random order, then again in another order, and so on."""
    passes = [rng.permutation(rows) for _ in range(-(-n // len(rows)) if n else 0)]
    return np.concatenate([np.empty(0, dtype=np.int64), *passes])[:n]


def budget_ends(lengths: np.ndarray, max_tokens: int) -> np.ndarray:
    """Where to cut sorted lengths into parts of at most `max_tokens` each, padding included.

    A text that is longer is a part by itself.

    >>> budget_ends(np.array([1, 1, 5, 5, 9]), 10).tolist()
    [2, 4, 5]
    """
    ends, start = [], 0
    while start < len(lengths):
        low, high = start + 1, len(lengths)  # bisect for the largest end that fits
        while low < high:
            end = (low + high + 1) // 2
            if (end - start) * lengths[end - 1] <= max_tokens:
                low = end
            else:
                high = end - 1
        ends.append(low)
        start = low
    return np.array(ends, dtype=np.int64)


def token_batches(lengths: np.ndarray, max_tokens: int) -> list[Rows]:
    """Rows in batches of about the same length, each of at most `max_tokens`, padding included.

    >>> [b.tolist() for b in token_batches(np.array([5, 1, 5, 1]), 10)]
    [[1, 3], [0, 2]]
    """
    order = np.argsort(lengths, kind="stable")
    return np.split(order, budget_ends(lengths[order], max_tokens)[:-1]) if len(order) else []


def _grouped(
    rows: np.ndarray,
    lengths: np.ndarray,
    size: int,
    cut: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks of steps of similar lengths in random order, with the ends of their steps."""
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        steps = np.split(chunk, cut(chunk)[:-1])
        mixed = [steps[i] for i in rng.permutation(len(steps))]
        yield np.concatenate(mixed), np.cumsum([len(step) for step in mixed])
