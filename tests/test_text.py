"""Cleaning text, against a version that takes no short cut."""

import re
import unicodedata

import ftfy
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsal.text import clean, clean_text, compose, same_text

PIECES = [
    "café", "cafÃ©", "â€œquotedâ€", "&amp;", "&lt;b&gt;", "ﬁne", "１２", "Ⅳ", "\u00a0", "\u2003",
    "\x07",
    "\x00", "\u200b", "\ufeff", "\u202e", "\u00ad", "e\u0301", "½", "™", "👩‍👩‍👧", "עברית",
    "\x1b[31m",
    "\r\n", "\t", "plain words", "~!$%^", "\u0085", "&am", "p;", "Ã", "\xa0", "☕\ufe0f", "\u034f",
]  # fmt: skip
texts = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.lists(st.sampled_from(PIECES), max_size=4).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
)


def cleaned(text):
    """The obvious version: repair, remove what has no width, blank what does not print; again."""
    before = None
    while text is not None and text != before:
        before = text
        text = ftfy.fix_text(text, unescape_html=True, normalization="NFKC")
        text = "".join(
            "" if no_width(c) else c if c.isprintable() or c.isspace() else " " for c in text
        )
        text = " ".join(text.split()) or None
    return text


def no_width(character):
    """Of the characters that Unicode calls default-ignorable, those beside Cf by their blocks."""
    beside = "\u034f\u115f\u1160\u3164\u17b4\u17b5" + "".join(map(chr, range(0x180B, 0x1810)))
    selectors = "".join(map(chr, range(0xFE00, 0xFE10)))
    return (
        unicodedata.category(character) == "Cf"
        or character in beside + selectors
        or 0xE0000 <= ord(character) < 0xE1000
    )


@given(st.lists(texts, max_size=8))
@example(["AT&T", None, "&eacute;", " ~ ", "\x7f", "caf\u00e9"])
@settings(max_examples=200, deadline=None)
def test_equals_the_obvious_version_row_by_row(values):
    found = clean(pl.Series(values, dtype=pl.String)).to_list()
    assert found == [cleaned(value) for value in values]


def test_the_series_that_is_cleaned_stays_as_it_was():
    dirty = pl.Series(["caf\u00c3\u00a9  &amp; tea", "x"])
    assert clean(dirty).to_list() == ["café & tea", "x"]
    assert dirty.to_list() == ["caf\u00c3\u00a9  &amp; tea", "x"]


@given(st.lists(texts, min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_row_is_cleaned_alike_whatever_stands_beside_it(values):
    alone = [clean(pl.Series([value], dtype=pl.String))[0] for value in values]
    assert clean(pl.Series(values, dtype=pl.String)).to_list() == alone
    assert clean(pl.Series(values[::-1], dtype=pl.String)).to_list() == alone[::-1]


@given(texts)
@settings(max_examples=100, deadline=None)
def test_what_is_clean_has_single_spaces_and_prints(value):
    [found] = clean(pl.Series([value], dtype=pl.String))
    assert found is None or (found == found.strip() and not re.search(r"\s\s|[^\S ]", found))
    assert found is None or found.isprintable()


@given(texts)
@example("&am\u200bp;amp;")
@example("e\u200d\u0301")
@example("Ã\u2003Ã\xad")
@example("â\u200b€œ")
@settings(max_examples=300, deadline=None)
def test_cleaning_twice_is_cleaning_once_and_one_text_is_cleaned_as_a_column_is(value):
    [found] = clean(pl.Series([value], dtype=pl.String))
    assert clean(pl.Series([found], dtype=pl.String))[0] == found
    assert value is None or clean_text(value) == found
    assert found is None or clean_text(found) == found


@pytest.mark.parametrize(
    ("dirty", "plain"),
    [
        ("Kaffee\u00admaschine", "Kaffeemaschine"),
        ("zero\u200bwidth", "zerowidth"),
        ("\ufeffid", "id"),
        ("\u202bقهوة\u202c", "قهوة"),
        ("می\u200cخواهم", "میخواهم"),
        ("👩\u200d👧", "👩👧"),
        ("☕\ufe0f", "☕"),
        ("S\xc3\xad, se\xc3\xb1or", "Sí, señor"),  # its soft hyphen is half of an í
        ("form\x0cfeed\x1f", "form feed"),
        ("\ue000logo", "logo"),
        ("\u00ad\u200b", None),
    ],
)
def test_what_has_no_width_is_removed_and_what_does_not_print_is_a_space(dirty, plain):
    assert clean(pl.Series([dirty]))[0] == plain
    assert clean_text(dirty) == plain


words = st.one_of(st.none(), st.sampled_from(["mug", "red", "x y"]))


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_missing_fields_leave_no_separator(rows):
    frame = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.String), orient="row")
    joined = compose(frame, ["c", "a"], " | ").to_list()
    assert joined == [" | ".join(v for v in (c, a) if v is not None) for a, _, c in rows]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Red Mug, 300ml", "red  mug 300ML", True),
        ("(red) [mug]!", "red mug", True),
        ("Mug C++", "Mug C", False),
        ("1.5 l", "15 l", False),
        ("SSD 1/2", "SSD 12", False),
        ("#1 mug", "1 mug", False),
        ("!!!", "???", False),
    ],
)
def test_texts_are_the_same_but_for_case_and_punctuation(one, other, same):
    assert (same_text(pl.Series([one, other])).n_unique() == 1) is same
