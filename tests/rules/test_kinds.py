"""Gazetteer, Number, Similarity and column rules."""

import re

import numpy as np
import polars as pl
import pytest
from test_patterns import LABELS, records

from wsal.errors import RuleError, UnknownNameError
from wsal.labels import LabelSet
from wsal.rules.base import Rule
from wsal.rules.functions import column_rule
from wsal.rules.gazetteer import Gazetteer
from wsal.rules.normal import fold
from wsal.rules.numbers import Number
from wsal.rules.patterns import Keyword
from wsal.rules.similarity import Similarity
from wsal.rules.testing import vote
from wsal.rules.voting import collect_votes

NAMES = ("drink", "food", "other")


def gazetteer(tmp_path, *rows, header="term,label"):
    path = tmp_path / "terms.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return Gazetteer(str(path))


def test_the_longest_term_decides_and_equals_abstain(tmp_path):
    rule = gazetteer(
        tmp_path, ("cola", "drink"), ("cola bottles", "food"), ("Coca-Cola", "drink"),
        ("chips", "food"), ("café", "other"), ("beers", "drink"),
    )  # fmt: skip
    texts = [
        "Cola 1l", "COLA BOTTLES sweets", "coca cola", "chips, beers", "cola chips beers now",
        "Café", "chocolate", "cola coca-cola chips",
    ]  # fmt: skip
    said = [NAMES[v] if v >= 0 else None for v in vote(rule, *texts, labels=NAMES)]
    assert said == ["drink", "food", "drink", None, None, "other", None, "drink"]


def test_a_gazetteer_equals_a_loop(tmp_path):
    rng = np.random.default_rng(0)
    words = ["a", "b-c", "é", "d", "b", "c", "漢"]
    terms = sorted({" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(40)})
    folded = dict.fromkeys(fold(pl.Series(terms), ascii_only=False))
    by_key = {key: NAMES[i % 3] for i, key in enumerate(folded)}
    rule = gazetteer(tmp_path, *by_key.items())
    texts = [" ".join(rng.choice(words, rng.integers(0, 7))) for _ in range(300)]
    expected = []
    for text in fold(pl.Series(texts), ascii_only=False):
        found = [key for key in by_key if f" {key} " in f" {text} "]
        longest = max(map(len, found), default=0)
        classes = {by_key[key] for key in found if len(key) == longest}
        expected.append(NAMES.index(classes.pop()) if len(classes) == 1 else -1)
    assert rule.vote(records(texts), LabelSet(NAMES)).tolist() == expected
    assert len(set(expected)) == 4


def test_a_bad_gazetteer_says_which_row(tmp_path):
    wrong = gazetteer(tmp_path, ("a", "food"), (), ("b", "foood"), ("c", "foood"), ("d", "drnk"))
    with pytest.raises(RuleError) as error:
        vote(wrong, "x", labels=NAMES)
    _, first, second = str(error.value).splitlines()
    assert "row 4: unknown label 'foood'; did you mean 'food'" in first  # line 3 is blank
    assert "row 6: unknown label 'drnk'; did you mean 'drink'" in second
    with pytest.raises(RuleError, match=r"row 3: 'B' stands for 'food' \(row 2\) and 'drink'"):
        vote(gazetteer(tmp_path, ("b", "food"), ("B", "drink")), "x", labels=NAMES)
    with pytest.raises(RuleError, match="row 2: the term is empty"):
        vote(gazetteer(tmp_path, ("++", "food")), "x", labels=NAMES)
    with pytest.raises(
        RuleError, match=r"csv has no column 'term'; did you mean 'terms'.*in the rule: `term: COL"
    ):
        vote(gazetteer(tmp_path, ("b", "food"), header="terms,label"), "x", labels=NAMES)


def words_of(text):
    """The words of a text, by Python: what counts of it, and nothing of the code under test."""
    return re.findall(r"\w+", text.lower())


def test_signs_and_case_count_neither_in_terms_nor_in_texts(tmp_path):
    rng = np.random.default_rng(1)
    signs = [" ", "-", ". ", " & ", "  ", " (", ") ", "++", "\t", "/ "]
    words = ["a", "B", "É", "dd", "漢", "x1"]

    def phrase(least, most):
        n = rng.integers(least, most)
        return "".join(rng.choice(signs) + rng.choice(words) for _ in range(n)) + rng.choice(signs)

    terms = {" ".join(words_of(term)): term for term in (phrase(1, 4) for _ in range(60))}
    said = {key: NAMES[i % 3] for i, key in enumerate(terms)}
    table = pl.DataFrame({"term": list(terms.values()), "label": list(said.values())})
    table.write_parquet(tmp_path / "terms.parquet")
    texts, expected = [phrase(0, 7) for _ in range(400)], []
    for text in texts:
        spaced = " " + " ".join(words_of(text)) + " "
        found = [key for key in said if f" {key} " in spaced]
        longest = max(map(len, found), default=0)
        classes = {said[key] for key in found if len(key) == longest}
        expected.append(NAMES.index(classes.pop()) if len(classes) == 1 else -1)
    rule = Gazetteer(str(tmp_path / "terms.parquet"))
    assert rule.vote(records(texts), LabelSet(NAMES)).tolist() == expected
    assert len(set(expected)) == 4


def test_one_term_written_in_two_ways_stands_for_one_class(tmp_path):
    with pytest.raises(RuleError, match=r"row 4: 'A--b' stands for 'food' \(row 2\) and 'drink'"):
        vote(gazetteer(tmp_path, ("a-b", "food"), ("a", "other"), ("A--b", "drink")), "x",
             labels=NAMES)  # fmt: skip


def test_an_edited_gazetteer_has_other_content(tmp_path):
    before = gazetteer(tmp_path, ("a", "food")).content()
    assert gazetteer(tmp_path, ("a", "drink")).content() != before


def test_numbers():
    price = Number("hit", field="price", low=10, high=1299)
    for value, said in {"10": 1, "9.99": -1, "1,299.00": 1, "1299.01": -1, "12,5": -1, "": -1,
                        " 11 ": 1, "free": -1, None: -1}.items():  # fmt: skip
        assert vote(price, "x", labels=LABELS.names, price=value) == [said], value
    unbounded, groupless = Number("hit", field="price"), Number("hit", pattern="a", low=1)
    for bad in (Number("hit", low=3), unbounded, groupless):
        with pytest.raises(RuleError, match=r"number rule needs|no group"):
            vote(bad, "x", labels=LABELS.names, price="1")


@pytest.mark.parametrize(
    ("pattern", "low", "text", "said"),
    [
        (r"(\d+) ?inch", 24, "15 inch or 55 inch", 1),  # any match
        (r"(\d+) ?inch", 24, "15 inch or 55 cm", -1),
        (r"\b(\d+)\b", 5, "a9 3 9b", -1),  # what stands around a match still counts
        (r"^(\d+)", 5, "3 9", -1),
        (r"([\d,.]+) eur", 1299, "1,299.00 EUR", 1),
        (r"a(\d+)?", 1, "a a7", 1),  # a group that took no part
        (r"(\w+)", 1, "inf infinity nan 1e999", -1),
        (r"(-[\d,]+)", -2000, "-1,000", 1),
    ],
)
def test_a_number_in_a_text(pattern, low, text, said):
    rule = Number("hit", pattern=pattern, low=low)
    assert vote(rule, text, "", labels=LABELS.names) == [said, -1]


@pytest.mark.parametrize("pattern", [r"\(\d", r"(?:\d+)", r"[(]\d"])
def test_a_pattern_without_a_group_is_refused(pattern):
    with pytest.raises(RuleError, match="no group"):
        vote(Number("hit", pattern=pattern, low=1), "(12", labels=LABELS.names)


def test_bounds_that_enclose_nothing_are_refused():
    with pytest.raises(RuleError, match="no number is between low=5 and high=1"):
        vote(Number("hit", field="price", low=5, high=1), "x", labels=LABELS.names, price="3")


def test_similarity_votes_for_the_nearest_class_and_abstains_in_doubt():
    rule = Similarity({"hit": ("a", "b"), "other": ("c",)}, threshold=0.5, margin=0.1)
    assert isinstance(rule, Rule)
    assert rule.seed_texts() == ["a", "b", "c"]
    own = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    texts = np.array(
        [[0.1, 0.9, 0.1], [0, 0.3, 0.9], [0.65, 0, 0.66], [0.4, 0.4, 0.1]], dtype=np.float32
    )
    assert rule.vote_on(texts, own, LABELS).tolist() == [1, 0, -1, -1]
    with pytest.raises(UnknownNameError):
        Similarity({"hitt": ("a",)}).vote_on(texts, own[:1], LABELS)
    with pytest.raises(RuleError, match="wsal vote"):
        vote(rule, "x", labels=LABELS.names)


def test_similarity_rules_vote_wherever_votes_are_collected():
    rng = np.random.default_rng(0)
    words = ["tea", "pot", "cup", "tv", "hdmi"]
    texts = [" ".join(rng.choice(words, 3)) for _ in range(30)]
    asked = []

    def embed(some, encoder):
        """Counts of words, as unit vectors; one encoder knows half of the words."""
        asked.append((len(some), encoder))
        known = words if encoder == "all" else words[:3]
        counts = np.array([[text.split().count(w) for w in known] + [0.1] for text in some])
        return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)

    rules = {
        "a": Similarity({"hit": ("tea cup", "pot"), "other": ("tv",)}, 0.6, 0.1, "all"),
        "word": Keyword("hit", ("tea",)),
        "b": Similarity({"other": ("hdmi tv",)}, 0.9, 0, "all"),
        "c": Similarity({"hit": ("tea",)}, 0.5, 0, "half"),
    }
    votes = collect_votes(rules, records(texts), LABELS, embed)
    assert sorted(asked) == [(30 + 1, "half"), (30 + 3 + 1, "all")]
    for column, rule in zip(votes.T, rules.values(), strict=True):
        if isinstance(rule, Similarity):
            assert column.tolist() == rule.vote(records(texts), LABELS, embed).tolist()
            embeddings = embed(texts, rule.encoder), embed(rule.seed_texts(), rule.encoder)
            assert column.tolist() == rule.vote_on(*embeddings, LABELS).tolist()
            assert len(set(column)) > 1
    assert votes[:, 1].tolist() == [1 if "tea" in text.split() else -1 for text in texts]


def test_similarity_rules_are_not_left_out_without_a_word():
    rules = {"near": Similarity({"hit": ("a",)})}
    with pytest.raises(RuleError, match=r"^rule 'near': .*compares embeddings.*`wsal vote`"):
        collect_votes(rules, records(["a"]), LABELS)


def test_a_similarity_rule_for_an_unknown_class_is_refused_before_texts_are_embedded():
    with pytest.raises(RuleError, match="rule 'near': unknown label 'hitt'"):
        collect_votes({"near": Similarity({"hitt": ("a",)})}, records(["a"]), LABELS,
                      lambda texts, encoder: 1 / 0)  # fmt: skip


def test_column_rules_answer_with_an_expression_or_a_series():
    def as_series(frame):
        return frame["text"].map_elements(lambda t: "hit" if "a" in t else None, pl.String)

    def as_expression(frame):
        return pl.when(pl.col("title") == "b").then(pl.lit("other"))

    rules = {"s": column_rule(as_series), "e": column_rule(as_expression)}
    assert collect_votes(rules, records(["a", "b"]), LABELS).tolist() == [[1, -1], [-1, 0]]
    with pytest.raises(RuleError, match=r"rule 'x': .*returned 1 votes for 2 records"):
        collect_votes({"x": column_rule(lambda f: ["hit"][: len(f)])}, records(["a", "b"]), LABELS)
    with pytest.raises(RuleError, match=r"rule 'x': unknown label 'hitt'"):
        collect_votes({"x": column_rule(lambda _: pl.lit("hitt"))}, records(["a"]), LABELS)
