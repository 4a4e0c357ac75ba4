"""The folded form of texts in which words are looked for: lower case, and spaces for signs."""

import string

import polars as pl
import pyarrow as pa

KEPT = (string.ascii_lowercase + string.digits + "_").encode()
FOLD = bytes(
    byte if byte >= 128 or byte in KEPT else byte + 32 if 65 <= byte <= 90 else 32
    for byte in range(256)
)
# Characters that a case-insensitive regex takes for another letter, but lower-casing leaves alone;
# below, the letters they are taken for.
VARIANTS = (
    "µſ\u0345ςϐϑϕϖϰϱϵ\u1c80\u1c81\u1c82\u1c83\u1c84\u1c85\u1c86\u1c87\u1c88ẛ\u1fbe\u1fd3\u1fe3ﬅ"
)
USUAL = "\u03bcs\u03b9σβθφπκρεвдосттъѣ\ua64bṡ\u03b9\u0390\u03b0ﬆ"
LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))


def is_ascii(texts: pl.Series) -> pl.Series:
    """Whether each text has only ASCII characters; true for a null.

    >>> is_ascii(pl.Series(["tea", "th\u00e9", None])).to_list()
    [True, False, True]
    """
    return (texts.str.len_bytes() == texts.str.len_chars()).fill_null(value=True)


def fold(texts: pl.Series, *, ascii_only: bool) -> pl.Series:
    """Each text in lower case, with a space for every character that is not part of a word.

    Two characters that a case-insensitive regex takes for the same become the same. With
    `ascii_only`, which all texts must be, the bytes are translated at once.

    >>> fold(pl.Series(["50/50 MIX!"]), ascii_only=True).to_list()
    ['50 50 mix ']
    >>> fold(pl.Series(["\u03a3\u03ac\u03c2"]), ascii_only=False).to_list()
    ['σάσ']
    """
    if ascii_only:
        return translate(texts, FOLD)
    # Signs first: a few characters that are not letters to the regex engine have a lower case.
    words = texts.str.replace_all(r"\W", " ")
    return words.str.to_lowercase().str.replace_many(list(VARIANTS), list(USUAL))


def single_spaced(texts: pl.Series) -> pl.Series:
    """Each run of spaces as one.

    >>> single_spaced(pl.Series(["a   b c"])).to_list()
    ['a b c']
    """
    if not texts.str.contains("  ", literal=True).any():
        return texts
    return texts.str.replace_all(" {2,}", " ")


def translate(texts: pl.Series, table: bytes) -> pl.Series:
    """The texts with each byte replaced as in the table, which must keep bytes from 128 on."""
    array = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    valid, offsets, data = array.buffers()
    changed = pa.py_buffer(data.to_pybytes().translate(table) if data is not None else b"")
    buffers = [valid, offsets, changed]
    translated = pa.Array.from_buffers(array.type, len(array), buffers, offset=array.offset)
    return pl.Series(texts.name, translated)
