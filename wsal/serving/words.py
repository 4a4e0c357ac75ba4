"""How familiar the words of a text are: the words of the training pool, by hash and frequency.

The table holds no word: each of its places counts all words with the same hash. Words that share a
place cannot be told apart, so that some new words pass for known ones; that happens to the texts of
the reference just as often.
"""

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl
from numpy.typing import NDArray

FILE = "reference_words.npy"
PLACES = 1 << 18
STEPS = 8  # of a bit, in which surprise is kept
WORD = r"\p{Han}|\p{Hiragana}|\p{Katakana}|[\p{L}\p{M}\p{N}]+"
"""Scripts without spaces are cut into characters."""


@dataclass(frozen=True)
class Words:
    """The words of the training pool."""

    surprise: NDArray[np.uint8]
    """`(PLACES,)`: -log2 of the share of the pool's words at this place, in eighths of a bit; 0
    where there is none."""

    @classmethod
    def of(cls, texts: pl.Series) -> "Words":
        """The words of these texts."""
        counts = np.zeros(PLACES, np.int64)
        for word, n in _words(texts).explode(empty_as_null=False).value_counts().iter_rows():
            counts[_place(word)] += n
        with np.errstate(divide="ignore"):
            bits = -np.log2(counts / max(1, counts.sum()))
        steps = np.clip(np.round(bits * STEPS), 1, 255)
        return cls(np.where(counts > 0, steps, 0).astype(np.uint8))

    @classmethod
    def read(cls, folder: Path) -> "Words | None":
        """Those of an exported folder; None if it was exported without them."""
        path = folder / FILE
        return cls(np.load(path, allow_pickle=False)) if path.exists() else None

    def write(self, folder: Path) -> None:
        """Write them to an exported folder."""
        np.save(folder / FILE, self.surprise)

    def measure(self, texts: pl.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each text its number of words, how many are new, and their mean surprise in bits.

        A new word has the surprise of the rarest word. A text without a word has surprise 0.
        """
        words = _words(texts)
        frame = pl.DataFrame({"text": pl.int_range(len(words), eager=True), "word": words})
        each = frame.explode("word").drop_nulls("word")
        distinct = each["word"].unique()
        steps = self.surprise[[_place(word) for word in distinct]]
        table = pl.DataFrame({"word": distinct, "steps": pl.Series(steps, dtype=pl.UInt8)})
        rarest = float(self.surprise.max(initial=1))
        of_texts = (
            each.join(table, on="word")
            .group_by("text")
            .agg(
                new=(pl.col("steps") == 0).sum(),
                steps=pl.when(pl.col("steps") == 0).then(rarest).otherwise(pl.col("steps")).mean(),
            )
        )
        joined = frame.select("text").join(of_texts, "text", "left", maintain_order="left")
        new = joined["new"].fill_null(0).to_numpy()
        bits = joined["steps"].fill_null(0.0).to_numpy() / STEPS
        return words.list.len().to_numpy(), new, bits


def _words(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.extract_all(WORD)


def _place(word: str) -> int:
    return crc32(word.encode()) % PLACES
