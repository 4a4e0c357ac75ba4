"""From the fields of a row to one clean text."""

import re
import unicodedata
from collections.abc import Sequence

import ftfy
import polars as pl

from wsal.errors import DataError

PLAIN = r"^[ -%'-~]*$"  # ASCII without & and control characters: nothing there to repair
INVISIBLE = re.compile(  # characters without width that are not in Cf: Unicode's default-ignorable
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0000-\U000e0fff]"
)
MOST_PASSES = 16  # of cleaning; 3 are the most that any text was seen to need


def clean(values: pl.Series) -> pl.Series:
    r"""`clean_text` of each value; null where it is null, or where nothing is left.

    >>> clean(pl.Series(["caf\u00c3\u00a9  &amp; tea", "   ", None])).to_list()
    ['café & tea', None, None]
    """
    odd = ~values.str.contains(PLAIN).fill_null(value=True)
    repaired = values.filter(odd).map_elements(clean_text, return_dtype=pl.String)
    values = values.clone().scatter(odd.arg_true(), repaired) if odd.any() else values
    values = values.str.replace_all(r"\s+", " ").str.strip_chars()
    return values.set(values == "", None)


def clean_text(text: str) -> str | None:
    r"""The text in the form in which texts, rule words and class names are compared.

    Broken encodings and HTML entities are repaired (ftfy), quotes are straight, Unicode is in
    NFKC, white space is single. Characters without width (soft hyphens, zero-width spaces, marks
    of direction, variation selectors) are removed, so that words that look alike are alike; so
    are the joiners in emoji and in Persian or Indic words. Other characters that do not print
    become a space. Cleaning twice is the same as cleaning once. None if nothing is left.

    >>> clean_text("Kaffee\u00admaschine  \u201cBest\u201d 20 m\u00b2")
    'Kaffeemaschine "Best" 20 m2'
    """
    for _ in range(MOST_PASSES):
        repaired = ftfy.fix_text(text, unescape_html=True, normalization="NFKC")
        text = " ".join("".join(map(_printed, INVISIBLE.sub("", repaired))).split())
        if text == repaired:  # else what was removed may have hidden something to repair
            break
    return text or None


def _printed(character: str) -> str:
    if character.isprintable() or character.isspace():
        return character
    return "" if unicodedata.category(character) == "Cf" else " "


def as_text(values: pl.Series) -> pl.Series:
    """The column with its values as text.

    Raises:
        DataError: it holds lists, objects or bytes, of which none is text.
    """
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        kinds = {pl.Binary: "bytes", pl.Struct: "objects", pl.Object: "objects"}
        held = next((n for kind, n in kinds.items() if values.dtype == kind), "lists or objects")
        raise DataError(
            f"column {values.name!r} holds {held}, expected text; name another column, or turn it "
            "into text first"
        )
    return values.cast(pl.String)


def compose(frame: pl.DataFrame, fields: Sequence[str], separator: str) -> pl.Series:
    """The fields of each row joined; a missing one is left out.

    >>> compose(pl.DataFrame({"a": ["x", None], "b": ["y", "z"]}), ["a", "b"], " | ").to_list()
    ['x | y', 'z']
    """
    joined = pl.concat_str(fields, separator=separator, ignore_nulls=True)
    return frame.select(joined.alias("text")).to_series()


def same_text(texts: pl.Series) -> pl.Series:
    """A key that two texts share if they differ in case, commas, brackets and the like at most.

    Signs that can tell goods apart (+ # % . / -) count.

    >>> same_text(pl.Series(["Red Mug, 300ml", "red mug 300ML"])).n_unique()
    1
    """
    words = (
        texts.str.to_lowercase().str.replace_all(r"[\s,;:!?|()\[\]\"'*]+", " ").str.strip_chars()
    )
    return pl.select(pl.when(words == "").then(texts).otherwise(words)).to_series()
