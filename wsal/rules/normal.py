"""Texts as words are looked for in them: lower case, and a space for every sign."""

import string

import polars as pl
import pyarrow as pa

KEPT = (string.ascii_lowercase + string.digits + "_").encode()
FOLD = bytes(
    byte if byte >= 128 or byte in KEPT else byte + 32 if 65 <= byte <= 90 else 32
    for byte in range(256)
)
# Characters that are another letter's variant to a regex, and stay as they are in lower case.
VARIANTS = (
    "µſ\u0345ςϐϑϕϖϰϱϵ\u1c80\u1c81\u1c82\u1c83\u1c84\u1c85\u1c86\u1c87\u1c88ẛ\u1fbe\u1fd3\u1fe3ﬅ"
)
USUAL = "\u03bcs\u03b9σβθφπκρεвдосттъѣ\ua64bṡ\u03b9\u0390\u03b0ﬆ"
LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))


def is_ascii(texts: pl.Series) -> pl.Series:
    """Whether each text has ASCII characters only; a null has.

    >>> is_ascii(pl.Series(["tea", "th\u00e9", None])).to_list()
    [True, False, True]
    """
    return (texts.str.len_bytes() == texts.str.len_chars()).fill_null(value=True)


def fold(texts: pl.Series, *, ascii_only: bool) -> pl.Series:
    """Each text in one case, each character that is no part of a word a space.

    Two characters that a regex takes for the same whatever their case become the same. With
    `ascii_only` the bytes are translated where they lie.

    >>> fold(pl.Series(["50/50 MIX!"]), ascii_only=True).to_list()
    ['50 50 mix ']
    >>> fold(pl.Series(["\u03a3\u03ac\u03c2"]), ascii_only=False).to_list()
    ['σάσ']
    """
    if ascii_only:
        return translate(texts, FOLD)
    # Signs first: a few that the regex engine does not know for letters have a lower case.
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
    """The texts with each byte exchanged by the table; it must leave bytes from 128 on alone."""
    array = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    valid, offsets, data = array.buffers()
    changed = pa.py_buffer(data.to_pybytes().translate(table) if data is not None else b"")
    parts = [valid, offsets, changed]
    translated = pa.Array.from_buffers(array.type, len(array), parts, offset=array.offset)
    return pl.Series(texts.name, translated)
