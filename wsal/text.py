"""From the fields of a row to one clean text.

One cleaner serves texts, rules, class names and answers, so that they can be compared.
"""

import re
import unicodedata
from collections.abc import Sequence

import ftfy
import polars as pl

from wsal.errors import DataError

PLAIN = r"^[ -~]*$"  # ASCII without control characters
ENTITY = r"&#?[0-9A-Za-z]+;"  # plain text without these needs no repair
INVISIBLE = re.compile(  # characters without width that are not in Cf: Unicode's default-ignorable
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0000-\U000e0fff]"
)
MAX_PASSES = 16  # of cleaning; no text was seen to need more than 3


def clean(values: pl.Series) -> pl.Series:
    r"""`clean_text` of each value; null where it is null, or where nothing is left.

    >>> clean(pl.Series(["caf\u00c3\u00a9  &amp; tea", "   ", None])).to_list()
    ['café & tea', None, None]
    """
    odd = (~values.str.contains(PLAIN) | values.str.contains(ENTITY)).fill_null(value=False)
    repaired = values.filter(odd).map_elements(clean_text, return_dtype=pl.String)
    values = values.clone().scatter(odd.arg_true(), repaired) if odd.any() else values
    values = values.str.replace_all(" {2,}", " ").str.strip_chars(" ")
    return values.set(values == "", None)


def clean_text(text: str) -> str | None:
    r"""The text in the form in which texts, rule words and class names are compared.

    Broken encodings and HTML entities are repaired (ftfy), quotes become straight, Unicode is
    normalised (NFKC), and runs of white space become one space. Characters without width (soft
    hyphens, zero-width spaces, direction marks, variation selectors, also the joiners in emoji and
    in Persian or Indic words) are removed, so that words that look the same are the same. Other
    characters that do not print become a space. Cleaning twice gives the same as cleaning once.

    Returns:
        The clean text, or None if nothing is left.

    >>> clean_text("Kaffee\u00admaschine  \u201cBest\u201d 20 m\u00b2")
    'Kaffeemaschine "Best" 20 m2'
    """
    for _ in range(MAX_PASSES):
        repaired = ftfy.fix_text(text, unescape_html=True, normalization="NFKC")
        text = " ".join("".join(map(_printable, INVISIBLE.sub("", repaired))).split())
        if text == repaired:  # otherwise, what was removed may have hidden something to repair
            break
    return text or None


def _printable(character: str) -> str:
    if character.isprintable() or character.isspace():
        return character
    return "" if unicodedata.category(character) == "Cf" else " "


def as_text(values: pl.Series) -> pl.Series:
    """The column with its values as text.

    Raises:
        DataError: it holds lists, objects or bytes, which are not text.
    """
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        kinds = {pl.Binary: "bytes", pl.Struct: "objects", pl.Object: "objects"}
        kind = next((n for dtype, n in kinds.items() if values.dtype == dtype), "lists or objects")
        raise DataError(
            f"column {values.name!r} holds {kind}, expected text; name another column, or convert "
            "it to text first"
        )
    return values.cast(pl.String)


def compose(frame: pl.DataFrame, fields: Sequence[str], separator: str) -> pl.Series:
    """The fields of each row, joined; missing ones are left out.

    >>> compose(pl.DataFrame({"a": ["x", None], "b": ["y", "z"]}), ["a", "b"], " | ").to_list()
    ['x | y', 'z']
    """
    joined = pl.concat_str(fields, separator=separator, ignore_nulls=True)
    return frame.select(joined.alias("text")).to_series()


def same_text(texts: pl.Series) -> pl.Series:
    """A key that is the same for texts that differ only in case, commas, brackets and the like.

    Signs that can tell products apart (+ # % . / -) make a difference.

    >>> same_text(pl.Series(["Red Mug, 300ml", "red mug 300ML"])).n_unique()
    1
    """
    words = (
        texts.str.to_lowercase().str.replace_all(r"[\s,;:!?|()\[\]\"'*]+", " ").str.strip_chars()
    )
    return pl.select(pl.when(words == "").then(texts).otherwise(words)).to_series()
