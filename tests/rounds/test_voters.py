"""Voters: frequent terms, and one for the rest of each rule; compared with a loop over texts."""

from collections import Counter, defaultdict

import numpy as np
import polars as pl
import pytest

from wsal import schemas
from wsal.errors import TableError
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.rounds.rule_report import terms_shown, with_learned
from wsal.rounds.vote_counts import count_by_voter
from wsal.rounds.voters import LEAST_OF_TERM, REST, Voters
from wsal.rules.terms import Terms

LABELS = LabelSet(("a", "b", "c"))
N_TERMS = (0, 4, 9, 0, 2, 40)
"""Of each rule."""


def simulated(seed, n_texts):
    """Votes `(texts, rules)` and the terms that cast them, some of them rare."""
    rng = np.random.default_rng(seed)
    votes = rng.integers(-3, len(LABELS), (n_texts, len(N_TERMS))).clip(-1).astype(np.int16)
    entries = []
    for row, rule in np.argwhere(votes >= 0):
        if n := N_TERMS[rule]:
            picked = (n * rng.random(rng.integers(1, 4)) ** 3).astype(int)
            entries += [(row, rule, term) for term in picked]
    rows, rules, terms = np.array(entries).T
    return votes, Terms.of(rows, rules, terms)


def slow(pool_terms, votes, terms):
    """For each text the votes of the voters, each (rule, term or REST, class)."""
    counts = Counter(zip(pool_terms.rules.tolist(), pool_terms.terms.tolist(), strict=True))
    of_vote = defaultdict(set)
    for row, rule, term in zip(terms.rows, terms.rules, terms.terms, strict=True):
        often = counts[rule, term] >= LEAST_OF_TERM
        of_vote[row, rule].add(int(term) if often else REST)
    found = [set() for _ in votes]
    for row, rule in np.argwhere(votes >= 0).tolist():
        vote = int(votes[row, rule])
        found[row] |= {(rule, term, vote) for term in of_vote.get((row, rule), {REST})}
    return found


def as_sets(voters, votes):
    """The same of `SparseVotes` by voter."""
    found = []
    for first, last in zip(votes.starts[:-1], votes.starts[1:], strict=True):
        mine = votes.rules[first:last]
        assert (np.diff(mine) > 0).all()  # in order, none twice
        classes = votes.classes[first:last].tolist()
        found.append(set(zip(voters.rules[mine].tolist(), voters.terms[mine].tolist(), classes,
                             strict=True)))  # fmt: skip
    return found


@pytest.mark.parametrize("n_texts", [1, 30, 400])
def test_votes_of_voters_equal_a_loop(n_texts):
    votes, terms = simulated(n_texts, n_texts)
    voters = Voters.of(terms, len(N_TERMS))
    for split_votes, split_terms in ((votes, terms), simulated(1000, 50)):
        held = voters.with_terms(SparseVotes.of(split_votes), split_terms)
        if not (voters.terms != REST).any():
            assert n_texts == 1
            assert held.by_term is None
            continue
        by_term = held.by_term
        assert by_term.rule_of.tolist() == voters.rules.tolist()
        expected = slow(terms, split_votes, split_terms)
        assert as_sets(voters, by_term.votes) == expected
        rows = np.array([3, 0, 3])
        assert as_sets(voters, held.take(rows).by_term.votes) == [expected[row] for row in rows]
    for rule in range(len(N_TERMS)):  # frequent terms in order, then one for all else
        of_rule = voters.terms[voters.rules == rule].tolist()
        assert of_rule == [*sorted(of_rule[:-1]), REST]


def test_the_table_of_voters_equals_a_loop_and_gives_them_back():
    votes, terms = simulated(0, 400)
    gold = np.random.default_rng(1).integers(-1, len(LABELS), 400)
    names = [f"r{j}" for j in range(len(N_TERMS))]
    term_names = [tuple(f"t{j}.{k}" for k in range(n)) for j, n in enumerate(N_TERMS)]
    voters = Voters.of(terms, len(names))
    held = voters.with_terms(SparseVotes.of(votes), terms)
    table = voters.table(count_by_voter(held, gold), names, term_names, LABELS)
    assert dict(table.schema) == dict(pl.DataFrame(schema=schemas.VOTERS).schema)
    cast = slow(terms, votes, terms)
    for voter, row in enumerate(table.iter_rows(named=True)):
        rule, term = int(voters.rules[voter]), int(voters.terms[voter])
        mine = [(text, vote[2]) for text, of_text in enumerate(cast) for vote in of_text
                if vote[:2] == (rule, term)]  # fmt: skip
        known = [vote == gold[text] for text, vote in mine if gold[text] >= 0]
        assert row["rule"] == names[rule]
        assert row["term"] == (None if term == REST else term_names[rule][term])
        assert row["classes"] == sorted({LABELS.names[vote] for _, vote in mine})
        assert (row["n_votes"], row["n_gold"]) == (len(mine), len(known))
        if known:
            assert row["accuracy"] == pytest.approx(np.mean(known))
            assert row["low"] < row["accuracy"] < row["high"] or row["accuracy"] in (0, 1)
    again = Voters.of_table(table, names)
    assert again.rules.tolist() == voters.rules.tolist()
    assert again.terms.tolist() == voters.terms.tolist()


def test_terms_of_other_votes_are_refused():
    votes, terms = simulated(0, 400)
    voters = Voters.of(terms, len(N_TERMS))
    other = votes.copy()
    row, rule = terms.rows[10], terms.rules[10]
    other[row, rule] = -1
    with pytest.raises(TableError, match="do not fit together: a rule with terms votes without"):
        voters.with_terms(SparseVotes.of(other), terms)


def test_without_terms_the_voters_are_the_rules():
    votes = np.array([[0, -1], [-1, 2], [1, 2]], dtype=np.int16)
    voters = Voters.of(Terms.none(), 2)
    held = voters.with_terms(SparseVotes.of(votes), Terms.none())
    assert held.by_term is None
    table = voters.table(count_by_voter(held, np.array([0, 2, -1])), ["x", "y"], [(), ()], LABELS)
    assert table.select("rule", "term", "n_votes", "n_gold", "accuracy").rows() == [
        ("x", None, 2, 1, 1.0), ("y", None, 2, 1, 1.0)
    ]  # fmt: skip
    assert terms_shown(table, 5).is_empty()


def test_the_report_shows_terms_by_votes_and_what_was_learned():
    rows = [("k", "tea", 7), ("k", "pot", 9), ("k", "cup", 5), ("k", None, 3), ("r", None, 50),
            ("g", "mug", 5), ("g", None, 0)]  # fmt: skip
    table = pl.DataFrame(
        {"rule": rule, "term": term, "n_votes": n, "classes": ["b"] if n else []}
        for rule, term, n in rows
    )
    precision = np.arange(21).reshape(7, 3) / 21
    learned = with_learned(table, precision, LABELS.names)
    assert learned["learned"].to_list() == [*(precision[:6, 1].tolist()), None]
    shown = terms_shown(learned, 2)
    assert shown.select("rule", "term", "n_votes").rows() == [
        ("k", "pot", 9), ("k", "tea", 7), ("k", None, 3), ("g", "mug", 5)
    ]  # fmt: skip
    for other in (None, precision[:3]):  # of another label model, or of whole rules
        assert with_learned(table, other, LABELS.names)["learned"].to_list() == [None] * 7
