"""Rules find what the source writes: words, patterns, values and terms are cleaned as texts are."""

import re

import polars as pl
import pytest
from helpers import CONF
from hypothesis import given, settings
from hypothesis import strategies as st
from test_patterns import records

from wsal.config.composed import rules_in
from wsal.errors import RuleError, UnknownNameError
from wsal.labels import LabelSet
from wsal.rules.cleaning import clean_pattern
from wsal.rules.functions import column_rule, rule
from wsal.rules.gazetteer import Gazetteer
from wsal.rules.lookup import Lookup
from wsal.rules.numbers import Number
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.similarity import Similarity
from wsal.rules.testing import vote
from wsal.rules.voting import collect_votes
from wsal.text import clean, clean_text

LABELS = LabelSet(("hit", "other"))
WRITTEN = [
    "m²", "½ inch", "wait…", "“Best”", "ＡＢＣ", "Nº 5", "H₂O", "20°C", "Ⅳ", "ﬁsh", "Levi’s",
    "Lego™", "Nestlé™", "Kaffee\u00admaschine", "Kaffee&shy;maschine", "Zero\u200bwidth",
    "cafe\u0301", "M&amp;S", "a\u00a0b", "C＋＋",
]  # fmt: skip
META = re.compile(r"[.^$|()\[\]{}*+?\\]")


def cleaned(texts):
    """Records as `prepare` makes them."""
    return records(clean(pl.Series(texts, dtype=pl.String)).to_list())


@pytest.mark.parametrize("word", WRITTEN)
def test_what_the_source_writes_is_found_by_every_kind_of_rule(word, tmp_path):
    terms = tmp_path / "terms.csv"
    pl.DataFrame({"term": [word], "label": ["hit"]}).write_csv(terms)
    rules = {
        "keyword": Keyword("hit", (word,)),
        "part": Keyword("hit", (word,), whole_words=False),
        "veto": Keyword("hit", ("red",), unless=(word,)),
        "regex": Regex("hit", META.sub(r"\\\g<0>", word)),
        "lookup": Lookup("title", {word: "hit"}),
        "gazetteer": Gazetteer(str(terms)),
    }
    votes = collect_votes(rules, cleaned([f"red {word} shoes", word, "red"]), LABELS)
    found = dict(zip(rules, votes.T.tolist(), strict=True))
    assert found == {
        "keyword": [0, 0, -1], "part": [0, 0, -1], "veto": [-1, -1, 0], "regex": [0, 0, -1],
        "lookup": [-1, 0, -1], "gazetteer": [0, 0, -1],
    }  # fmt: skip


def test_words_written_as_texts_have_them_find_what_the_source_writes_otherwise():
    rules = {word: Keyword("hit", (clean_text(word),)) for word in WRITTEN}
    votes = collect_votes(rules, cleaned(WRITTEN), LABELS)
    assert (votes.diagonal() == 0).all()


odd = st.lists(st.sampled_from([*WRITTEN, " ", "-", "x", "é", "ß", "語", "\u0301", "\u200d"]),
               max_size=5).map("".join)  # fmt: skip


@given(odd)
@settings(max_examples=200, deadline=None)
def test_any_text_is_found_in_itself(text):
    if clean_text(text) is None:
        with pytest.raises(RuleError, match="empty word"):
            Keyword("hit", (text,)).search()
        return
    table = cleaned([f"1 {text} 2"])
    rules = {
        "keyword": Keyword("hit", (text,), whole_words=False),
        "regex": Regex("hit", META.sub(r"\\\g<0>", text.strip())),
    }
    assert collect_votes(rules, table, LABELS).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("pattern", "text", "fires"),
    [
        (r"\d ?m²", "3 m²", True),
        ("½? inch", "½ inch", True),
        ("^½? inch$", "inch", False),
        ("^x½?y$", "xy", True),  # what follows belongs to all that the character became
        ("^x½?y$", "x½y", True),
        ("^x½?y$", "x1y", False),
        ("^…{2}$", "……", True),
        ("^cafe\u0301?$", "caf", True),
        ("^cafe\u0301?$", "café", True),
        (r"^[\w’]+$", "Levi’s", True),
        ("^[^”]+$", "a”b", False),
        ("^[０-９]+$", "１７", True),
        ("^[①-⑨]$", "③", True),
        ("[À-ÿ]", "é", True),
        ("[À-ÿ]", "e", False),
        (r"[\x{80}-\x{ffff}]", "é", True),
        (r"[\x{80}-\x{ffff}]", "e2", False),  # a range that some texts hold stays as it is
        (r"m\x{b2}|m\u00b3|m\xb9", "m³", True),
        (r"a\tb", "a\tb", True),
        ("a  b", "a  b", True),
        ("(?P<größe>²)", "²", True),
        (r"(?x) m²  # ½", "m²", True),
        (r"\p{L}²", "m²", True),
        ("[[:alpha:]²]2", "x2", True),
        ("[]²]", "2", True),
        ("x\u00ad?y", "xy", True),
        (r"R&amp;D", "R&D", True),
    ],
)
def test_patterns_keep_their_meaning(pattern, text, fires):
    votes = Regex("hit", pattern).vote(cleaned([text]), LABELS)
    assert votes.tolist() == [0 if fires else -1]


def test_patterns_of_plain_characters_stay_as_they_are():
    patterns = [
        one[key]
        for file in sorted((CONF / "rules").glob("*.yaml"))
        for one in rules_in(file)[1].values()
        for key in ("pattern", "unless")
        if isinstance(one.get(key), str)
    ]
    assert len(patterns) > 300
    assert [clean_pattern(pattern) for pattern in patterns] == patterns
    assert [clean_pattern(pattern + "m²") for pattern in patterns] == [p + "m2" for p in patterns]


@pytest.mark.parametrize(
    "bad",
    [
        Regex("hit", "\bcoffee\b"),
        Regex("hit", "x", unless="\btea"),
        Keyword("hit", ("tea", "\bcoffee")),
        Keyword("hit", ("tea",), unless=("\x1b",)),
        Lookup("title", {"\x00": "hit"}),
        Number("hit", pattern="\b(\\d+)", low=1),
        Similarity({"hit": ("tea\b",)}),
    ],
)
def test_a_control_character_is_refused_with_what_to_write(bad):
    with pytest.raises(RuleError, match=r"^rule 'a': .*U\+00.*single quotes in YAML"):
        collect_votes({"a": bad}, records(["x"]), LABELS, lambda texts, _: 1 / 0)


def test_a_pattern_that_no_text_can_hold_is_refused_with_what_to_write():
    with pytest.raises(RuleError, match=r"'½' in a class.*'1⁄2'.*\(\?:½\|"):
        clean_pattern("[½x] inch")
    with pytest.raises(RuleError, match=r"line break.*one line.*\(\?x\)"):
        clean_pattern("tea\n")
    verbose = "(?x)\n  m{}  # area\n | tea  +\n"
    assert clean_pattern(verbose.format("²")) == verbose.format("2")


def test_a_number_is_found_beside_a_sign_that_cleaning_changes():
    area = Number("hit", pattern=r"(\d+) m²", low=10)
    assert area.vote(cleaned(["12 m²", "9 m²"]), LABELS).tolist() == [0, -1]


def test_seeds_are_cleaned():
    assert Similarity({"hit": ("Levi’s  501", "m²")}).seed_texts() == ["Levi's 501", "m2"]


def test_class_names_in_rules_are_cleaned_as_those_of_the_data_are(tmp_path):
    terms = tmp_path / "terms.csv"
    pl.DataFrame({"term": ["tea"], "label": ["Cafe\u0301  &amp; Tea"]}).write_csv(terms)
    name = "Cafe\u0301  &amp; Tea"
    rules = {
        "keyword": Keyword(name, ("tea",)),
        "regex": Regex(name, "tea"),
        "number": Number(name, pattern=r"(\d)", low=1),
        "lookup": Lookup("title", {"tea 1": name}),
        "gazetteer": Gazetteer(str(terms)),
        "record": rule(lambda _: name),
        "column": column_rule(lambda _: pl.lit(name)),
    }
    labels = LabelSet(("Other", "Café & Tea"))
    assert collect_votes(rules, records(["tea 1"]), labels).tolist() == [[1] * len(rules)]
    with pytest.raises(UnknownNameError, match=r"'Cafe.*'; did you mean 'Café & Tea'"):
        vote(Keyword("Cafe\u0301 & Te", ("tea",)), "tea", labels=labels.names)


def test_all_rules_that_are_wrong_are_listed():
    rules = {f"r{i}": Keyword(f"hti {i}", ("x",)) for i in range(12)}
    with pytest.raises(RuleError) as refused:
        collect_votes(rules | {"fine": Keyword("hit", ("x",))}, records(["x"]), LABELS)
    lines = str(refused.value).splitlines()
    assert lines[0] == "12 rules are wrong:"
    assert lines[1].startswith("  rule 'r0': unknown label 'hti 0'")
    assert len(lines) == 12
    assert lines[-1] == "  ... and 2 more"
