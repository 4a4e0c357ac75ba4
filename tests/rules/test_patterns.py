"""Keyword and Regex, against Python's `re` on one text at a time; and Lookup."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.errors import RuleError, UnknownNameError
from wsal.labels import LabelSet
from wsal.rules.base import Rule
from wsal.rules.lookup import Lookup
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.testing import vote

LABELS = LabelSet(("other", "hit"))
LETTERS = "abAB é É ж Ж 語 9 _ "  # here Python and Rust agree on case, word and space
SIGNS = ".+*?()[]{}|^$\\-#&~/\"'%"


def records(texts, fields=None):
    """Records of these texts; `fields` is name -> values."""
    fields = fields or {"title": texts}
    struct = pl.DataFrame(fields, schema=dict.fromkeys(fields, pl.String)).to_struct("fields")
    ids = [str(i) for i in range(len(texts))]
    return pl.DataFrame(
        {"id": ids, "text": texts, "fields": struct}, schema_overrides={"text": pl.String}
    )


def slow(texts, found, vetoed):
    """One text at a time; `texts` holds for each record the texts that are looked in."""
    return [
        1 if any(found(t) for t in some if t) and not any(vetoed(t) for t in some if t) else -1
        for some in texts
    ]


def keyword_finder(words, *, case, whole):
    """Whether one of the words stands in a text, by look-around."""
    flags = re.NOFLAG if case else re.IGNORECASE
    edges = (r"(?<!\w)", r"(?!\w)") if whole else ("", "")
    patterns = [
        re.compile(edges[0] + r"\s+".join(map(re.escape, word.split())) + edges[1], flags)
        for word in words
    ]
    return lambda text: any(pattern.search(text) for pattern in patterns)


words = st.text(LETTERS + SIGNS, min_size=1, max_size=4).filter(str.strip)
some_words = st.lists(words, min_size=1, max_size=3).map(tuple)
texts_of = st.one_of(st.none(), st.text(LETTERS + SIGNS, max_size=10))
booleans = st.booleans()


@st.composite
def cases(draw):
    """Words, words that veto, and texts in which they are likely to stand."""
    wanted, unless = draw(some_words), draw(st.one_of(st.just(()), some_words))
    pieces = st.sampled_from([*wanted, *unless, *(w.upper() for w in wanted), " ", "x", "-", "\n"])
    texts = st.one_of(texts_of, st.lists(pieces, max_size=4).map("".join))
    return wanted, unless, draw(st.lists(st.tuples(texts, texts), min_size=1, max_size=6))


@given(cases(), booleans, booleans, booleans)
@settings(max_examples=300, deadline=None)
def test_keyword_equals_python(case, capitals, whole, by_field):
    wanted, unless, rows = case
    title, brand = ([row[i] for row in rows] for i in (0, 1))
    table = records(title, {"title": title, "brand": brand})
    fields = ("brand", "title") if by_field else ()
    rule = Keyword("hit", wanted, unless, fields, case=capitals, whole_words=whole)
    finders = (keyword_finder(ws, case=capitals, whole=whole) for ws in (wanted, unless))
    texts = rows if by_field else [(text,) for text in title]
    assert isinstance(rule, Rule)
    assert rule.vote(table, LABELS).tolist() == slow(texts, *finders)


atoms = st.sampled_from(
    ["a", "B", "é", "語", r"\d", r"\w", r"\bab", r"\.", ".", "[ab9]", "[^a]", "(?:a|ж)", "^a", "b$"]
)
quantified = st.tuples(atoms, st.sampled_from(["", "", "?", "*", "+", "{1,2}"]))
patterns = st.lists(
    quantified.filter(lambda p: not p[1] or p[0] not in ("^a", "b$")).map("".join),
    min_size=1,
    max_size=3,
).map("".join)
alternatives = st.lists(patterns, min_size=1, max_size=2).map("|".join)


@given(alternatives, st.one_of(st.none(), alternatives), st.lists(texts_of, min_size=1), booleans)
@settings(max_examples=300, deadline=None)
def test_regex_equals_python(pattern, unless, texts, case):
    flags = re.NOFLAG if case else re.IGNORECASE
    found, vetoed = (
        (lambda text, p=p: p is not None and re.search(p, text, flags) is not None)
        for p in (pattern, unless)
    )
    rows = [(text,) for text in texts]
    expected = [  # unlike `slow`: a pattern may be found in an empty text, but not in a null
        1 if text is not None and found(text) and not vetoed(text) else -1 for (text,) in rows
    ]
    rule = Regex("hit", pattern, unless, case=case)
    assert rule.vote(records(texts), LABELS).tolist() == expected


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_a_text_gets_the_same_vote_whatever_stands_beside_it(case, random):
    wanted, unless, rows = case
    texts = [row[0] for row in rows]
    order = random.choices(range(len(texts)), k=2 * len(texts))  # permuted, and some twice
    rule = Keyword("hit", wanted, unless)
    votes = rule.vote(records(texts), LABELS)
    assert rule.vote(records([texts[i] for i in order]), LABELS).tolist() == votes[order].tolist()


@pytest.mark.parametrize("pattern", ["a(?=b)", "(?<!a)b", r"(a)\1", "(?!a)", "a("])
@pytest.mark.parametrize("rule", [Regex("hit", "{}"), Regex("hit", "x", unless="{}")])
def test_look_around_and_broken_patterns_are_refused_with_the_reason(pattern, rule):
    given_ = Regex("hit", rule.pattern.format(pattern), rule.unless and rule.unless.format(pattern))
    with pytest.raises(RuleError, match=r"(?s)look-around|unclosed") as refused:
        vote(given_, "x", labels=LABELS.names)
    assert pattern in str(refused.value)


@pytest.mark.parametrize("empty", [("mug", ""), ("mug", " \t")])
def test_an_empty_word_is_refused(empty):
    for rule in (Keyword("hit", empty), Keyword("hit", ("x",), unless=empty)):
        with pytest.raises(RuleError, match=r"empty word in \w+ \['mug', '.*'\]"):
            vote(rule, "x", labels=LABELS.names)


@pytest.mark.parametrize(
    "make",
    [
        lambda label, field: Keyword(label, ("x",), fields=(field,)),
        lambda label, field: Regex(label, "x", fields=(field,)),
        lambda label, field: Lookup(field, {"x": label}),
    ],
)
def test_unknown_classes_and_fields_are_refused_with_the_nearest(make):
    with pytest.raises(UnknownNameError, match="unknown label 'hitt'; did you mean 'hit'"):
        vote(make("hitt", "title"), "x", labels=LABELS.names)
    with pytest.raises(UnknownNameError, match="unknown field 'titel'; did you mean 'title'"):
        vote(make("hit", "titel"), "x", labels=LABELS.names, title="x")


values = st.one_of(st.none(), st.sampled_from(["Acme", "ACME ", " acme", "Straße", "STRASSE", "x"]))


@given(st.lists(values, min_size=1), st.dictionaries(st.sampled_from(["acme", "Strasse", "y"]),
                                                     st.sampled_from(LABELS.names)))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_lookup_equals_a_loop(brands, listed):
    folded = {key.casefold(): LABELS.index(label) for key, label in listed.items()}
    expected = [-1 if b is None else folded.get(b.strip().casefold(), -1) for b in brands]
    table = records(["t"] * len(brands), {"brand": brands})
    assert Lookup("brand", listed).vote(table, LABELS).tolist() == expected


def test_a_lookup_that_says_two_things_of_one_value_is_refused():
    with pytest.raises(RuleError, match="Acme"):
        vote(Lookup("brand", {"Acme": "hit", "ACME": "other"}), "t", labels=LABELS.names, brand="x")
