"""Keys of records: they decide which rows are kept, where and under which id, without the texts.

Texts are compared by 128 bits of BLAKE2b: among 10^10 texts, the chance that any two different ones
have the same key is below 10^-18.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from wsal.data.base import Layout
from wsal.text import same_text

KEYS = np.dtype(
    [("high", "u8"), ("low", "u8"), ("row", "i8"), ("draw", "f8"), ("label", "i4"), ("split", "i1")]
)
"""For a row with text: the key of its group (the texts that are the same), its position among all
rows, a number in [0, 1) that only the text and the seed decide, its label and split."""
ID_KEYS = np.dtype([("high", "u8"), ("low", "u8"), ("row", "i8")])
"""For every row: the key of its id, and its position among all rows."""
SPLITS = ("pool", "dev", "test")
"""From the least to the most protected; `split` in `KEYS` is the position here."""
NONE = -1  # no label


class PartKeys(NamedTuple):
    """The keys of some rows; labels are positions in `labels`."""

    keys: np.ndarray
    ids: np.ndarray
    labels: pl.DataFrame
    """`id`, `text` and `label` of the first row with each label, in the order of the rows."""


def keys_of(
    records: pl.DataFrame, layout: Layout, seed: int, first: int, *, draw_all: bool = False
) -> PartKeys:
    """The keys of records (see `to_records`), the first of which is row `first` of all.

    With `draw_all`, rows without a label have a draw, too.
    """
    rows = np.arange(first, first + len(records))
    ids = np.zeros(len(records), ID_KEYS)
    ids["row"] = rows
    if layout.id:
        ids["high"], ids["low"] = hashes(records["id"]).T
    else:
        ids["low"] = text_digests(records["text"])
    has_text = records["text"].is_not_null()
    kept = records.filter(has_text)
    groups = same_text(kept["text"])
    keys = np.zeros(len(kept), KEYS)
    keys["high"], keys["low"] = hashes(groups).T
    keys["row"] = rows[has_text.to_numpy()]
    labelled = kept["label"].is_not_null()
    drawn = labelled | draw_all
    if layout.split:  # nothing can be measured without gold, so people may label these rows
        numbers = kept["split"].replace_strict(SPLITS, range(len(SPLITS)), return_dtype=pl.Int8)
        keys["split"] = numbers.set(~labelled, 0).to_numpy()
    elif drawn.any():
        keys["draw"][drawn.to_numpy()] = _draws(groups.filter(drawn), seed)
    first_of_label = kept["label"].drop_nulls().unique(maintain_order=True)
    numbers = kept["label"].replace_strict(
        first_of_label, range(len(first_of_label)), default=NONE, return_dtype=pl.Int32
    )
    keys["label"] = numbers.fill_null(NONE).to_numpy()
    firsts = kept.filter(labelled).unique("label", keep="first", maintain_order=True)
    if not layout.id:
        firsts = firsts.with_columns(id=made_ids(text_digests(firsts["text"])))
    return PartKeys(keys, ids, firsts.select("id", "text", "label"))


def as_frame(keys: np.ndarray) -> pl.DataFrame:
    """Keys as a frame; the key is one column `group` of 128 bits, and a missing label is null."""
    columns = keys.dtype.names or ()
    frame = pl.DataFrame({name: np.ascontiguousarray(keys[name]) for name in columns})
    high, low = (pl.col(name).cast(pl.UInt128) for name in ("high", "low"))
    frame = frame.with_columns(group=high * 2**64 + low).drop("high", "low")
    if "label" in columns:
        frame = frame.with_columns(label=pl.when(pl.col("label") != NONE).then("label"))
    return frame


def text_digests(texts: pl.Series) -> np.ndarray:
    """`(texts,)`: 48 bits of each text, as a number; null counts as an empty text."""
    wide = np.zeros((len(texts), 8), np.uint8)
    wide[:, 2:] = np.frombuffer(_digests(texts, 6), np.uint8).reshape(-1, 6)
    return wide.view(">u8")[:, 0].astype(np.uint64)


def made_ids(digests: np.ndarray) -> pl.Series:
    """An id for each digest of a text.

    >>> made_ids(text_digests(pl.Series(["a", "b"]))).to_list()
    ['t433911c6eb0d', 'ta120d0ad50f1']
    """
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    parts = digests.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
    text = np.full((len(digests), 13), ord("t"), np.uint8)
    text[:, 1::2], text[:, 2::2] = digits[parts >> 4], digits[parts & 15]
    ends = np.arange(0, 13 * len(digests) + 1, 13, dtype=np.int32)
    buffers = pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(text))
    return pl.Series(pa.StringArray.from_buffers(len(digests), *buffers), dtype=pl.String)


def hashes(texts: pl.Series) -> np.ndarray:
    """`(texts, 2)`: 128 bits of each text, as two numbers; null counts as an empty text."""
    return np.frombuffer(_digests(texts, 16), "<u8").reshape(-1, 2)


def _draws(groups: pl.Series, seed: int) -> np.ndarray:
    """A number in [0, 1) for each group, which depends on its text and the seed alone."""
    wide = np.zeros((len(groups), 8), np.uint8)
    seeded = pl.select(pl.lit(f"{seed}:") + groups).to_series()
    wide[:, 1:] = np.frombuffer(_digests(seeded, 7), np.uint8).reshape(-1, 7)
    return wide.view(">u8")[:, 0].astype(np.float64) / 2**56


def _digests(texts: pl.Series, size: int) -> bytes:
    """The digests of all texts, `size` bytes each."""
    encoded: Sequence[bytes] = texts.fill_null("").cast(pl.Binary).to_list()
    return b"".join([blake2b(text, digest_size=size).digest() for text in encoded])


def numbered_ids(digests: pl.Series, repeats: np.ndarray, first: int) -> pl.Series:
    """The ids made from texts; those of the second, third, ... row with a text have a number."""
    ids = made_ids(digests.to_numpy())
    rows = repeats["row"] - first
    numbered = pl.DataFrame({"id": ids[rows], "nth": repeats["nth"].copy()})
    return ids.scatter(rows, numbered.select(pl.format("{}-{}", "id", "nth")).to_series())
