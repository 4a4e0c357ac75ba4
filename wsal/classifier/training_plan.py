"""Which texts make up a step: equal lengths together, since padding is the largest cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from wsal.arrays import Rows

CHUNK = 32  # steps sorted together by length: long enough to save padding, short enough to mix


@dataclass(frozen=True)
class Plan:
    """The texts of every optimizer step, laid down before the first: step `s` is `plan[s]`."""

    order: np.ndarray  # positions of texts
    ends: np.ndarray  # (steps,): where each step's texts end in the order

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
    """All epochs; each sees each text once, in steps of `batch_size` texts of about one length.

    With `max_tokens`, a step has as many texts as fit into so many tokens, padding included.

    >>> plan = pretraining_plan(np.array([1, 9, 1, 9]), 2, 1, np.random.default_rng(0))
    >>> sorted(plan.order.tolist()), abs(plan[0][0] - plan[0][1]).item()
    ([0, 1, 2, 3], 2)
    """

    def cut(rows: np.ndarray) -> np.ndarray:
        if max_tokens is None:
            return by_count(rows, batch_size).ends
        return budget_ends(lengths[rows], max_tokens)

    sorted_together = CHUNK * batch_size
    if max_tokens is not None and len(lengths):
        sorted_together = max(1, int(CHUNK * max_tokens / lengths.mean()))
    kind = np.int32 if len(lengths) < 2**31 else np.int64
    parts, ends, done = [np.empty(0, dtype=kind)], [np.empty(0, dtype=np.int64)], 0
    for _ in range(epochs):
        shuffled = rng.permutation(len(lengths)).astype(kind)
        for rows, inner in _grouped(shuffled, lengths, sorted_together, cut, rng):
            parts.append(rows)
            ends.append(inner + done)
            done += len(rows)
    return Plan(np.concatenate(parts), np.concatenate(ends))


def replay_plan(
    gold: Rows, weak: Rows, lengths: np.ndarray, batch_size: int, n_weak: np.ndarray,
    rng: np.random.Generator,
) -> Plan:  # fmt: skip
    """Steps of `batch_size` texts, `n_weak[s]` of step `s` weak, the others gold.

    Both kinds are gone through again and again, each time in another order; within a step
    texts are about equally long.
    """
    n_weak = np.minimum(n_weak, batch_size - 1) if len(weak) else np.zeros_like(n_weak)
    steps = np.arange(len(n_weak))
    mixed = [rng.permutation(steps[start : start + CHUNK]) for start in steps[::CHUNK]]
    parts: list[list[Rows]] = [[] for _ in steps]
    for rows, wanted in ((weak, n_weak), (gold, batch_size - n_weak)):
        drawn, taken = cycled(rows, int(wanted.sum()), rng), 0
        for chunk in mixed:  # both kinds in one random order of steps: their lengths go together
            texts = drawn[taken : taken + wanted[chunk].sum()]
            taken += len(texts)
            texts = texts[np.argsort(lengths[texts], kind="stable")]
            cuts = np.cumsum(wanted[chunk])[:-1]
            for step, part in zip(chunk, np.split(texts, cuts), strict=True):
                parts[step].append(part)
    return by_count(np.concatenate([part for step in parts for part in step]), batch_size)


def cycled(rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    """`n` of the rows: all of them in random order, then again in another, and so on."""
    passes = [rng.permutation(rows) for _ in range(-(-n // len(rows)) if n else 0)]
    return np.concatenate([np.empty(0, dtype=np.int64), *passes])[:n]


def budget_ends(lengths: np.ndarray, max_tokens: int) -> np.ndarray:
    """Where parts of sorted lengths end that each hold at most `max_tokens`, padding included.

    >>> budget_ends(np.array([1, 1, 5, 5, 9]), 10).tolist()
    [2, 4, 5]
    """
    ends, start = [], 0
    while start < len(lengths):
        low, high = start + 1, len(lengths)  # the largest end that fits; one text always does
        while low < high:
            end = (low + high + 1) // 2
            fits = (end - start) * lengths[end - 1] <= max_tokens
            low, high = (end, high) if fits else (low, end - 1)
        ends.append(low)
        start = low
    return np.array(ends, dtype=np.int64)


def token_batches(lengths: np.ndarray, max_tokens: int) -> list[Rows]:
    """Positions in batches of equal lengths or nearly, each of at most `max_tokens`.

    >>> [b.tolist() for b in token_batches(np.array([5, 1, 5, 1]), 10)]
    [[1, 3], [0, 2]]
    """
    order = np.argsort(lengths, kind="stable")
    return np.split(order, budget_ends(lengths[order], max_tokens)[:-1]) if len(order) else []


def _grouped(
    rows: np.ndarray, lengths: np.ndarray, size: int, cut: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """Chunks with equal lengths side by side, and where their steps end, in random order."""
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        steps = np.split(chunk, cut(chunk)[:-1])
        mixed = [steps[i] for i in rng.permutation(len(steps))]
        yield np.concatenate(mixed), np.cumsum([len(step) for step in mixed])
