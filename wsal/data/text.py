"""From the fields of a row to one clean text."""

from collections.abc import Sequence

import ftfy
import polars as pl

PLAIN = r"^[ -%'-~]*$"  # ASCII without & and control characters: nothing there to repair


def clean(values: pl.Series) -> pl.Series:
    r"""Text with Unicode repaired (ftfy) and in NFKC, white space single; null if nothing is left.

    >>> clean(pl.Series(["caf\u00c3\u00a9  &amp; tea", "   ", None])).to_list()
    ['café & tea', None, None]
    """
    odd = ~values.str.contains(PLAIN).fill_null(value=True)
    repaired = values.filter(odd).map_elements(_repair, return_dtype=pl.String)
    values = values.clone().scatter(odd.arg_true(), repaired) if odd.any() else values
    values = values.str.replace_all(r"\s+", " ").str.strip_chars()
    return values.set(values == "", None)


def _repair(text: str) -> str:
    fixed = ftfy.fix_text(text, unescape_html=True, normalization="NFKC")
    return "".join(c if c.isprintable() or c.isspace() else " " for c in fixed)


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
