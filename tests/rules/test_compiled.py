"""Rules compiled together vote as each of them does alone, and as plain Python does."""

import random
import re
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from test_patterns import LABELS, keyword_finder, records

from wsal.errors import RuleError
from wsal.rules import finders, function_calls, voting
from wsal.rules.normal import fold, is_ascii
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.testing import vote
from wsal.rules.voting import collect_votes

PIECES = [
    "tea", "Tea", "TEA", "t-shirt", "c++", "50/50", "a", "b", "ab", "café", "CAFÉ", "x_y",
    "\u6f22\u5b57", "\U0001f600", "stra\u00dfe", "STRASSE", "\u017fale", "sale", "5\u212a", "5k",
    "fridge", "freezer", "\u03a3\u03b1\u03c2", "\ufb01x", "fix", "[a]", "(b", ".*", "a+",
    "\\d", "$5", "'n'", "#1", "no", "2in1", "\u00bd", "e\u0301", "\u0130x", "\u00b5m",
]  # fmt: skip
GAPS = [" ", " ", " ", "  ", "\t", "-", ", ", "/", "", "\u00a0", "\n"]
REGEXES = [
    r"\bte?a\b", r"\d+\s?k", r"^a", r"b$", r"(fridge|tea)s?", r"fri\w+\s+free", r"[a-c]+\d",
    r"[^a-z ]", r"caf.", r"\w\W\w", r"\.", r"\bx_", r"STR", r"(?:a|b){2}", r"[A-Z]{2}", r"\S{6,}",
    r"s+e?", r"5\d?/",
]  # fmt: skip


def text(rng, longest):
    """Pieces and gaps, in any order."""
    n = rng.randint(0, longest)
    return "".join(rng.choice(PIECES) + rng.choice(GAPS) for _ in range(n))


def some_rule(rng):
    """A random pattern rule."""
    fields = rng.choice([(), (), ("title",), ("brand", "title")])
    label, case = rng.choice(LABELS.names), rng.random() < 0.2
    if rng.random() < 0.3:
        unless = rng.choice([None, rng.choice(REGEXES)])
        return Regex(label, rng.choice(REGEXES), unless, fields, case=case)

    def words(least):
        found = [text(rng, 2).strip() or "tea" for _ in range(rng.randint(least, 4))]
        return tuple(found)

    return Keyword(label, words(1), words(0), fields, case=case, whole_words=rng.random() < 0.8)


def slow_vote(rule, row):
    """One rule on one record, by Python's `re`, whose idea of letters of one kind is wider."""
    looked = [row[f] for f in rule.fields] if rule.fields else [row["text"]]
    if isinstance(rule, Regex):
        flags = re.NOFLAG if rule.case else re.IGNORECASE
        end = {"$": r"\Z"}  # Python's $ also stands before a last line break
        found = re.compile(rule.pattern.translate(str.maketrans(end)), flags).search
        unless = rule.unless and rule.unless.translate(str.maketrans(end))
        vetoed = re.compile(unless, flags).search if unless else lambda _: None
    else:
        found = keyword_finder(rule.words, case=rule.case, whole=rule.whole_words)
        vetoed = keyword_finder(rule.unless, case=rule.case, whole=rule.whole_words)
    hit = any(found(t) for t in looked if t is not None)
    veto = any(vetoed(t) for t in looked if t is not None)
    return LABELS.index(rule.label) if hit and not veto else -1


def one_regex_at_a_time(rule, table):
    """The votes by one regex after another, without anything compiled together."""
    search = rule.search()
    columns = {f.name: table["fields"].struct.field(f.name) for f in table.schema["fields"].fields}
    looked = [columns[f] for f in rule.fields] if rule.fields else [table["text"]]

    def found(pattern):
        regex = pattern.regex if pattern.case else f"(?i){pattern.regex}"
        return np.any([t.str.contains(regex).fill_null(value=False) for t in looked], axis=0)

    hit = found(search.pattern) & ~(found(search.unless) if search.unless else False)
    return np.where(hit, LABELS.index(rule.label), -1)


def random_records(rng, n):
    """Records whose text is not their title, some of it missing."""
    brand = [None if rng.random() < 0.2 else text(rng, 2) for _ in range(n)]
    title = [None if rng.random() < 0.1 else text(rng, 6) for _ in range(n)]
    return records([text(rng, 7) for _ in range(n)], {"title": title, "brand": brand})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_thousands_of_rules_and_texts_as_one_regex_at_a_time(seed):
    rng = random.Random(seed)
    table = random_records(rng, 150)
    rules = {str(i): some_rule(rng) for i in range(150)}
    votes = collect_votes(rules, table, LABELS)
    for j, rule in enumerate(rules.values()):
        expected = one_regex_at_a_time(rule, table)
        assert votes[:, j].tolist() == expected.tolist(), rule
    assert (votes >= 0).any(axis=0).mean() > 0.3


def test_as_plain_python_on_ascii():
    rng = random.Random(1)
    table = random_records(rng, 200)
    table = table.with_columns(
        pl.col("text").str.replace_all(r"[^\x00-\x7f]", "z"),
        pl.struct(
            *(pl.col("fields").struct.field(f).str.replace_all(r"[^\x00-\x7f]", "z")
              for f in ("title", "brand"))
        ).alias("fields"),
    )  # fmt: skip
    rules = {str(i): some_rule(rng) for i in range(200)}
    rules = {name: rule for name, rule in rules.items() if is_ascii(pl.Series([repr(rule)])).all()}
    votes = collect_votes(rules, table, LABELS)
    rows = [row["fields"] | {"text": row["text"]} for row in table.iter_rows(named=True)]
    for j, rule in enumerate(rules.values()):
        assert votes[:, j].tolist() == [slow_vote(rule, row) for row in rows], rule


@pytest.fixture(scope="module")
def letters():
    """All of Unicode, and what each character folds to."""
    found = pl.Series([chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000])
    return pl.DataFrame({"letter": found, "folded": fold(found, ascii_only=False)})


def alike(letter, others):
    """Which of the others the regex engine takes for the letter, whatever the case."""
    return others.str.contains(f"(?i)^{re.escape(letter)}$")


@pytest.mark.slow
def test_two_letters_fold_to_one_just_where_a_regex_takes_them_for_one(letters):
    letters = letters.filter(pl.col("folded") != " ")
    cased = letters.filter(
        (pl.col("letter").str.to_lowercase() != pl.col("letter"))
        | (pl.col("letter").str.to_uppercase() != pl.col("letter"))
        | (pl.col("folded") != pl.col("letter"))
    )
    assert len(cased) > 2800
    for letter, folded in cased.iter_rows():
        same = cased["folded"] == folded
        assert alike(letter, cased["letter"]).equals(same, check_names=False), letter


def test_a_letter_folds_to_a_space_just_where_a_regex_takes_it_for_a_sign(letters):
    signs = ~letters["letter"].str.contains(r"^\w$")
    assert (letters["folded"] == " ").equals(signs, check_names=False)


def test_a_sign_whose_small_form_is_a_letter_ends_a_word():
    assert vote(Keyword("hit", ("sale",)), "sale\ua7d2", "sale\ua7d3", labels=LABELS.names) == [
        1,
        -1,
    ]


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_candidates_are_confirmed_whatever_words_are_asked_together(at_once, monkeypatch):
    monkeypatch.setattr(finders, "MAX_WORDS", at_once)
    rule = Keyword("hit", ("c++", "c#", "a b", "a-b", "ab", "C-A"), unless=("x y", "x+y"))
    texts = ["c++", "c#", "c", "c+", "a b", "a-b", "a/b", "ab", "a  b x", "ab x/y", "ab x+y", "c a"]
    for each in (rule, replace(rule, case=True), replace(rule, whole_words=False)):
        expected = one_regex_at_a_time(each, records(texts)).tolist()
        assert each.vote(records(texts), LABELS).tolist() == expected


@pytest.mark.slow
def test_a_list_too_long_for_one_regex_still_votes():
    words = (*(f"word{i:06d}x" for i in range(150_000)), "foo bar", "c++")
    said = vote(Keyword("hit", words), "a FOO\tbar", "c++", "foo-bar", "c", labels=LABELS.names)
    assert said == [1, 1, -1, -1]


@pytest.mark.slow
def test_functions_vote_alike_in_other_processes(tmp_path, monkeypatch):
    (tmp_path / "own_rules.py").write_text(
        "from wsal.rules.functions import rule\n"
        "@rule\n"
        "def short(record):\n"
        "    return 'hit' if len(record['text']) < 12 else None\n"
        "@rule(tolerance=1)\n"
        "def brittle(record):\n"
        "    return 'hit' if 1 / (record['text'] != 'bad') else None\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_rules

    monkeypatch.setattr(function_calls, "MANY_CALLS", 10)
    monkeypatch.setattr(voting, "CHUNK", 40)
    monkeypatch.setattr(function_calls, "FEW_CORES", 1)
    rng = random.Random(0)
    table = random_records(rng, 150).with_columns(
        text=pl.when(pl.int_range(pl.len()) == 70).then(pl.lit("bad")).otherwise("text")
    )
    rules = {"short": own_rules.short, "tea": Keyword("hit", ("tea",)), "b": own_rules.brittle}
    votes = collect_votes(rules, table, LABELS)
    for j, rule in enumerate(rules.values()):
        assert votes[:, j].tolist() == rule.vote(table, LABELS).tolist()
    twice = pl.concat([table, table])
    with pytest.raises(RuleError, match=r"(?s)rule 'b': own_rules.brittle .*'70'.*1 more"):
        collect_votes(rules, twice, LABELS)


def test_a_text_in_any_script_beside_ascii_words():
    texts = [f"{a}sale{b}" for a in "ſK \u00e9ßﬁ漢😀-_" for b in "ſK \u00e9ßﬁ漢😀-_"]
    texts += ["ſale", "SALE", "ſALE é", "ﬁx é", "fix é", "straße", "STRASSE é", "İx", "ix é"]
    table = records(texts)
    rules = {w: Keyword("hit", (w,)) for w in ("sale", "fix", "strasse", "ix", "k")}
    votes = collect_votes(rules, table, LABELS)
    for j, rule in enumerate(rules.values()):
        assert votes[:, j].tolist() == one_regex_at_a_time(rule, table).tolist(), rule
