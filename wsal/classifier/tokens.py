"""Word pieces of many texts in one flat file, read through a memory map.

They are an artifact of their own, so that texts are tokenised once, and no stage holds all of them
in memory.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsal.arrays import Rows
from wsal.shards import Stacked, link, shard_files, stacked

SUFFIXES = (".tokens", ".bounds.npy", ".kind.json")
CHUNK = 20_000  # texts that are tokenised together


@dataclass(frozen=True)
class Tokens:
    """The word pieces of text `i` are `pieces[starts[i] : ends[i]]`."""

    pieces: Any  # an array, or an object that reads like one; so are the others
    starts: Any
    """`(texts,)`."""
    ends: Any
    """`(texts,)`."""

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> np.ndarray:
        pieces: np.ndarray = self.pieces[self.starts[row] : self.ends[row]]
        return pieces

    @property
    def lengths(self) -> np.ndarray:
        """`(texts,)` word pieces, special ones included."""
        lengths: np.ndarray = (self.ends[:] - self.starts[:]).astype(np.int32)
        return lengths

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.__getitem__, range(len(self)))

    def used(self) -> np.ndarray:
        """The distinct word pieces that occur, ascending."""
        seen: set[int] = set()
        for first in range(0, len(self), CHUNK):
            starts = self.starts[first : first + CHUNK]
            ends = self.ends[first : first + CHUNK]
            shifts = np.repeat(np.cumsum(ends - starts) - ends, ends - starts)
            seen.update(np.unique(self.pieces[np.arange(len(shifts)) - shifts]).tolist())
        return np.array(sorted(seen), dtype=np.int64)

    def take(self, rows: Rows) -> "Tokens":
        """These texts, in this order; word pieces are not copied."""
        return Tokens(self.pieces, np.asarray(self.starts[rows]), np.asarray(self.ends[rows]))


def joined(ids: Sequence[np.ndarray]) -> Tokens:
    """The tokens of texts whose word pieces are separate arrays.

    >>> joined([np.array([1, 2]), np.array([3])])[1].tolist()
    [3]
    """
    bounds = np.cumsum([0, *(len(text) for text in ids)])
    pieces = np.concatenate([*ids, np.empty(0, dtype=np.int32)]).astype(np.int32)
    return Tokens(pieces, bounds[:-1], bounds[1:])


def tokenise(tokenizer: Any, texts: Sequence[str], max_length: int) -> Tokens:  # noqa: ANN401
    """Word pieces with special tokens, cut at `max_length`, unpadded."""
    return joined([ids for part in _parts(tokenizer, texts, max_length) for ids in part])


def write_tokens(
    tokenizer: Any,  # noqa: ANN401  any tokenizer of transformers
    chunks: Iterable[Sequence[str]],
    max_length: int,
    path: Path,
) -> int:
    """Write `path`.tokens and its index, a chunk of texts at a time; the number of word pieces.

    A piece takes two bytes if the vocabulary is small enough, else four.
    """
    parts = (part for texts in chunks for part in _parts(tokenizer, texts, max_length))
    return write_pieces(tokenizer, parts, path)


def write_pieces(tokenizer: Any, parts: Iterable[Sequence[np.ndarray]], path: Path) -> int:  # noqa: ANN401
    """Write the word pieces of texts, some texts at a time, as `write_tokens` does."""
    kind = "uint16" if len(tokenizer) <= 2**16 else "int32"
    lengths = [np.zeros(1, dtype=np.int64)]
    with path.with_suffix(".tokens").open("wb") as file:
        for part in parts:
            lengths.append(np.array([len(ids) for ids in part], dtype=np.int64))
            file.write(np.concatenate(part).astype(kind).tobytes())
    bounds = np.cumsum(np.concatenate(lengths))
    np.save(path.with_suffix(".bounds.npy"), bounds, allow_pickle=False)
    path.with_suffix(".kind.json").write_text(json.dumps(kind) + "\n")
    return int(bounds[-1])


def read_tokens(path: Path) -> Tokens:
    """What `write_tokens` wrote, in one shard or several; read from disk only as it is used."""
    files = shard_files(path.with_suffix(".tokens"))
    shards = [read_shard(path, number) for number in range(len(files))]
    if len(shards) == 1:
        return shards[0]
    first = np.cumsum([0, *(len(shard.pieces) for shard in shards)]).tolist()

    def of_all(bounds: Sequence[np.ndarray]) -> Stacked:
        shifted: list[Any] = [_Shifted(b, n) for b, n in zip(bounds, first, strict=False)]
        return Stacked(shifted)

    starts, ends = of_all([s.starts for s in shards]), of_all([s.ends for s in shards])
    return Tokens(stacked([shard.pieces for shard in shards]), starts, ends)


def read_shard(path: Path, number: int) -> Tokens:
    """The tokens of one shard; text 0 is the shard's first."""
    path = shard_files(path.with_suffix(".tokens"))[number].with_suffix("")
    bounds = np.load(path.with_name(f"{path.name}.bounds.npy"), mmap_mode="r", allow_pickle=False)
    kind = json.loads(path.with_name(f"{path.name}.kind.json").read_text())
    if not bounds[-1]:  # an empty file cannot be mapped
        return Tokens(np.empty(0, dtype=kind), bounds[:-1], bounds[1:])
    pieces = np.memmap(path.with_name(f"{path.name}.tokens"), dtype=kind, mode="r")
    return Tokens(pieces, bounds[:-1], bounds[1:])


def link_shard(path: Path, number: int, folder: Path) -> int:
    """Link a shard that `write_tokens` wrote; returns the number of its word pieces."""
    for suffix in SUFFIXES:
        dataset = path.with_suffix(suffix)
        link(shard_files(dataset)[number], folder / dataset.name)
    return int(read_shard(path, number).ends[-1])


@dataclass(frozen=True)
class _Shifted:
    """An array of whole numbers that reads as if `shift` were added to each."""

    array: np.ndarray
    shift: int

    def __len__(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> Any:  # noqa: ANN401
        return self.array.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:  # noqa: ANN401
        shifted: np.ndarray = self.array[rows] + self.shift
        return shifted


def _parts(
    tokenizer: Any,  # noqa: ANN401
    texts: Sequence[str],
    max_length: int,
) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(texts), CHUNK):
        encoded = tokenizer(
            list(texts[start : start + CHUNK]),
            truncation=True,
            max_length=max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        yield [np.asarray(ids, dtype=np.int32) for ids in encoded["input_ids"]]
