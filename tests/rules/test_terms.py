"""Each vote names the terms that cast it: those that would cast it if each were a rule."""

import random
from dataclasses import replace

import numpy as np
import pytest
from helpers import by_default
from test_compiled import one_regex_at_a_time, random_records, some_rule
from test_kinds import gazetteer
from test_patterns import LABELS, records

from wsal.rules import finders, voting
from wsal.rules.base import TermRule
from wsal.rules.lookup import Lookup
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.terms import Terms, Voted, term_names
from wsal.rules.voting import collect_by_term


def entries(terms):
    """The terms as a set of (record, rule, term); they are in order, and each is there once."""
    found = list(zip(terms.rows.tolist(), terms.rules.tolist(), terms.terms.tolist(), strict=True))
    assert found == sorted(set(found))
    return set(found)


def by_one_rule_for_each_word(rules, table):
    """The terms by keyword rules of a single word each, one regex at a time."""
    found = set()
    for j, rule in enumerate(rules.values()):
        if isinstance(rule, Keyword):
            for k, word in enumerate(rule.term_names()):
                votes = one_regex_at_a_time(replace(rule, words=(word,)), table)
                found |= {(row, j, k) for row in np.flatnonzero(votes >= 0).tolist()}
    return found


def rule_with_words(rng):
    """A random rule, its words maybe longer, or the same but for the case."""
    rule = some_rule(rng)
    if isinstance(rule, Keyword) and rng.random() < 0.5:
        more = [f"{a} {b}" for a in rule.words[:2] for b in rule.words[:2]]
        rule = replace(rule, words=(*rule.words, *more, rule.words[0].upper()))
    return rule


@pytest.mark.parametrize("seed", range(by_default(3, thorough=40)))
def test_the_terms_are_those_that_vote_as_rules_of_their_own(seed, monkeypatch):
    rng = random.Random(seed)
    monkeypatch.setattr(voting, "CHUNK", rng.choice([7, 1000]))
    monkeypatch.setattr(finders, "MAX_WORDS", rng.choice([1, 2, 500]))
    table = random_records(rng, 60)
    rules = {str(i): rule_with_words(rng) for i in range(60)}
    voted = collect_by_term(rules, table, LABELS)
    found = entries(voted.terms)
    assert found == by_one_rule_for_each_word(rules, table)
    cast = {(row, j) for row, j in np.argwhere(voted.votes >= 0).tolist()
            if isinstance(rules[str(j)], Keyword)}  # fmt: skip
    assert {entry[:2] for entry in found} == cast
    assert len(found) > len(cast) > 100  # some votes are cast by several words


def words_that_vote(rule, *texts):
    """For each text the words that cast the rule's vote."""
    voted = collect_by_term({"x": rule}, records(list(texts)), LABELS)
    names = rule.term_names()
    found = [[] for _ in texts]
    for row, _, term in sorted(entries(voted.terms)):
        found[row].append(names[term])
    return found


def test_each_matching_word_votes_unless_another_forbids_it():
    rule = Keyword("hit", ["oil", "olive oil", "Olive Oil", "c++"], unless=["engine"])
    texts = ["olive  oil", "olive-oil", "oil for the engine", "OIL, C++", "c+", "olive"]
    assert words_that_vote(rule, *texts) == [["oil", "olive oil"], ["oil"], [], ["oil", "c++"],
                                             [], []]  # fmt: skip


def test_parts_of_words_and_their_case_are_told_apart():
    texts = ["teapots", "Tea", "ICE TEA", "tea potter"]
    parts = Keyword("hit", ["tea", "pot", "potter", "++"], whole_words=False)
    assert words_that_vote(parts, *texts) == [["tea", "pot"], ["tea"], ["tea"],
                                              ["tea", "pot", "potter"]]  # fmt: skip
    cased = Keyword("hit", ["tea", "Tea", "TEA"], case=True)
    assert words_that_vote(cased, *texts) == [[], ["Tea"], ["TEA"], ["tea"]]
    assert words_that_vote(Keyword("hit", ["tea", "TEA"]), "Tea") == [["tea"]]


def test_a_rule_without_terms_has_none():
    rules = {"r": Regex("hit", "tea"), "k": Keyword("hit", ["tea"])}
    assert entries(collect_by_term(rules, records(["tea"]), LABELS).terms) == {(0, 1, 0)}
    assert term_names(rules) == [(), ("tea",)]
    assert not len(collect_by_term({}, records(["tea"]), LABELS).terms)


def test_the_longest_terms_of_a_gazetteer_vote(tmp_path):
    rule = gazetteer(
        tmp_path, ("tea", "hit"), ("ice tea", "other"), ("pot", "hit"), ("cup", "other")
    )
    texts = ["Tea", "ice-tea, tea", "tea pot tea", "pot, cup", "mug"]
    voted = collect_by_term({"k": Keyword("hit", ["mug"]), "g": rule}, records(texts), LABELS)
    names = [("mug",), tuple(rule.term_names())]
    assert names[1] == ("tea", "ice tea", "pot", "cup")
    assert {(row, names[rule][term]) for row, rule, term in entries(voted.terms)} == {
        (0, "tea"), (1, "ice tea"), (2, "tea"), (2, "pot"), (4, "mug")
    }  # fmt: skip
    assert [row[1] for row in voted.votes.tolist()] == [1, 0, 1, -1, -1]


def test_the_value_of_a_lookup_votes():
    rule = Lookup("brand", {"Acme": "hit", "ACME ": "hit", "Bolt": "other"})
    table = records(["a", "b", "c", "d"], {"brand": ["acme", "bolt", None, "x"]})
    assert rule.term_names() == ("Acme", "Bolt")
    voted = collect_by_term({"x": rule}, table, LABELS)
    assert entries(voted.terms) == {(0, 0, 0), (1, 0, 1)}
    assert isinstance(rule, TermRule)


class Ends:
    """A kind of one's own that votes by term, one rule after the other."""

    def __init__(self, *ends):
        self.ends = ends

    def term_names(self):
        return self.ends

    def vote(self, records, labels):
        return self.vote_by_term(records, labels).votes[:, 0]

    def vote_by_term(self, records, labels):
        hits = np.array([[t.endswith(end) for end in self.ends] for t in records["text"]])
        hits = hits.reshape(len(records), len(self.ends))
        votes = np.where(hits.any(axis=1), labels.index("hit"), -1)
        rows, terms = np.nonzero(hits)
        return Voted(votes[:, None], Terms.of(rows, np.zeros_like(rows), terms))


def test_a_new_kind_of_rule_can_have_terms(monkeypatch):
    monkeypatch.setattr(voting, "CHUNK", 2)
    rules = {"e": Ends("a", "ea", "x"), "k": Keyword("hit", ["pot"]), "f": Ends("t", "pot")}
    voted = collect_by_term(rules, records(["tea", "pot", "mug", "x"]), LABELS)
    assert entries(voted.terms) == {(0, 0, 0), (0, 0, 1), (3, 0, 2), (1, 1, 0), (1, 2, 0),
                                    (1, 2, 1)}  # fmt: skip
