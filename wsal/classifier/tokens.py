"""Word pieces of many texts: made once, kept in one flat file, read through a memory map."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsal.arrays import Rows

AT_ONCE = 20_000  # texts tokenised together


@dataclass(frozen=True)
class Tokens:
    """The word pieces of text `i` are `pieces[starts[i] : starts[i + 1]]`."""

    pieces: np.ndarray
    starts: np.ndarray  # (texts + 1,)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.pieces[self.starts[row] : self.starts[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """`(texts,)` word pieces, special ones included."""
        return np.diff(self.starts)

    def take(self, rows: Rows) -> "Tokens":
        """Some of the texts, in this order, in memory."""
        return joined([self[row] for row in rows])


def joined(ids: Sequence[np.ndarray]) -> Tokens:
    """Tokens of texts given one by one.

    >>> joined([np.array([1, 2]), np.array([3])])[1].tolist()
    [3]
    """
    starts = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in ids], out=starts[1:])
    return Tokens(np.concatenate([*ids, np.empty(0, dtype=np.int32)]).astype(np.int32), starts)


def tokenise(tokenizer: Any, texts: Sequence[str], max_length: int) -> Tokens:  # noqa: ANN401
    """Word pieces with special tokens, cut at `max_length`, unpadded."""
    return joined([one for part in _parts(tokenizer, texts, max_length) for one in part])


def write_tokens(
    tokenizer: Any,  # noqa: ANN401  any tokenizer of transformers
    chunks: Iterable[Sequence[str]],
    max_length: int,
    path: Path,
) -> int:
    """Write `path`.tokens and its index, a chunk of texts at a time; give back the word pieces.

    Two bytes a piece where the vocabulary has room in them, else four.
    """
    kind = "uint16" if len(tokenizer) <= 2**16 else "int32"
    lengths = [np.empty(0, dtype=np.int64)]
    with path.with_suffix(".tokens").open("wb") as file:
        for texts in chunks:
            for part in _parts(tokenizer, texts, max_length):
                lengths.append(np.array([len(one) for one in part], dtype=np.int64))
                file.write(np.concatenate(part).astype(kind).tobytes())
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    np.save(path.with_suffix(".starts.npy"), starts, allow_pickle=False)
    path.with_suffix(".kind.json").write_text(json.dumps(kind) + "\n")
    return int(starts[-1])


def read_tokens(path: Path) -> Tokens:
    """What `write_tokens` wrote; the pieces stay on disk until they are looked at."""
    starts = np.load(path.with_suffix(".starts.npy"), allow_pickle=False)
    kind = json.loads(path.with_suffix(".kind.json").read_text())
    if not starts[-1]:
        return Tokens(np.empty(0, dtype=kind), starts)
    return Tokens(np.memmap(path.with_suffix(".tokens"), dtype=kind, mode="r"), starts)


def _parts(
    tokenizer: Any,  # noqa: ANN401
    texts: Sequence[str],
    max_length: int,
) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(texts), AT_ONCE):
        found = tokenizer(
            list(texts[start : start + AT_ONCE]),
            truncation=True, max_length=max_length,
            return_attention_mask=False, return_token_type_ids=False,
        )  # fmt: skip
        yield [np.asarray(ids, dtype=np.int32) for ids in found["input_ids"]]
