"""Suggested rules: what is mined is what a rule finds, and estimates hold against the truth."""

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from scipy import sparse
from scipy.special import softmax

from wsal.labels import LabelSet
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.voting import collect_votes
from wsal.suggestion.amendments import amend
from wsal.suggestion.mining import Term, mine, terms_in
from wsal.suggestion.naive_bayes import fit_naive_bayes
from wsal.suggestion.names import forms_of, name_rules, seed_votes
from wsal.suggestion.proposals import Proposal, to_yaml
from wsal.suggestion.report import RunSample, suggested_lines
from wsal.suggestion.suggest import LabelledSample, Suggestions, suggest
from wsal.suggestion.terms import cover, estimate_terms, uncorrected

WORDS = ["tea", "Tea", "kg", "5", "12kg", "kgn36", "usb-c", "é", "İ", "a", "_", "l", "2", "ß"]
SIGNS = [" ", " ", " ", "  ", "-", " / ", ", ", ".", "\u00a0", "\n"]
pieces = st.tuples(st.sampled_from(WORDS), st.sampled_from(SIGNS)).map("".join)


def records(texts):
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    fields = pl.struct(pl.col("text").alias("title"))
    return frame.with_columns(id=pl.int_range(pl.len()).cast(pl.String), fields=fields)


def as_rule(term, label="x"):
    if term.kind == "words":
        return Keyword(label=label, words=(term.text,))
    return Regex(label=label, pattern=term.pattern())


@pytest.mark.slow
@given(st.lists(st.lists(pieces, max_size=6).map("".join), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_mined_term_is_where_the_rule_made_of_it_votes(texts):
    terms, found = mine({None: texts}, 1)
    rules = {f"{one.kind} {one.text}": as_rule(one) for one in terms}
    votes = collect_votes(rules, records(texts), LabelSet(("x",)))
    said = {(t, one.text): i for i in range(len(texts)) for t, one in enumerate(terms)}
    assert len(said) == len(terms)
    assert (found.toarray() > 0).tolist() == (votes == 0).tolist()


def test_terms_too_rare_are_left_out_and_fields_kept_apart():
    terms, found = mine({"a": ["red", "red", None], "b": ["red", None, "blue"]}, 2)
    assert terms == [Term("a", "words", "red")]
    assert found.toarray().ravel().tolist() == [1, 1, 0]
    assert mine({None: ["1", "2"]}, 1)[0] == []


def shop(n, rng, n_classes=4, noise=0.15):
    """Texts of classes with words of their own, words in common, and words that mislead."""
    truth = rng.choice(n_classes, n, p=softmax(-0.3 * np.arange(n_classes)))
    texts = []
    for c in truth:
        own = [f"own{c}w{k}" for k in rng.choice(25, 3, replace=False)]
        other = [f"own{rng.integers(n_classes)}w{rng.integers(25)}"] if rng.random() < noise else []
        common = [f"word{k}" for k in rng.choice(40, 4, replace=False)]
        texts.append(" ".join(rng.permutation([*own, *other, *common])))
    return texts, truth


def some_gold(truth, n, rng):
    gold = np.full(len(truth), -1)
    rows = rng.choice(len(truth), n, replace=False)
    gold[rows] = truth[rows]
    return gold


def test_unlabelled_texts_and_seeds_help_to_guess_classes():
    rng = np.random.default_rng(0)
    texts, truth = shop(3000, rng)
    _, found = mine({None: texts}, 5)
    gold = some_gold(truth, 20, rng)
    none = np.zeros((3000, 4), dtype=np.float32)
    known = np.flatnonzero(gold >= 0)
    seen = np.flatnonzero(found[known].sum(axis=0))
    alone = fit_naive_bayes(found[known][:, seen], none[known], gold[known])
    without = (found[:, seen] @ alone.weights).argmax(axis=1)
    helped = fit_naive_bayes(found, none, gold).scores.argmax(axis=1)
    assert (helped == truth).mean() > (without == truth).mean() + 0.1
    seeds = np.eye(4, dtype=np.float32)[truth] * (rng.random((3000, 1)) < 0.3)
    seeded = fit_naive_bayes(found, seeds, np.full(3000, -1)).scores.argmax(axis=1)
    assert (seeded == truth).mean() > 0.95


def test_the_order_of_texts_and_mute_terms_change_no_belief():
    rng = np.random.default_rng(1)
    texts, truth = shop(200, rng)
    _, found = mine({None: texts}, 2)
    gold, none = some_gold(truth, 30, rng), np.zeros((200, 4), dtype=np.float32)
    scores = fit_naive_bayes(found, none, gold).scores
    order = rng.permutation(200)
    assert np.allclose(
        fit_naive_bayes(found[order], none, gold[order]).scores, scores[order], atol=1e-3
    )


def test_estimates_equal_a_loop_that_leaves_the_term_out():
    rng = np.random.default_rng(2)
    texts, truth = shop(120, rng)
    _, found = mine({None: texts}, 2)
    gold = some_gold(truth, 40, rng)
    model = fit_naive_bayes(found, np.zeros((120, 4), dtype=np.float32), gold)
    estimates, dense = uncorrected(found, model, gold), found.toarray()
    for term in range(found.shape[1]):
        rows = np.flatnonzero(dense[:, term])
        probs = softmax(model.scores[rows] - model.weights[term], axis=1)
        probs[gold[rows] >= 0] = np.eye(4)[gold[rows][gold[rows] >= 0]]
        guess = (probs.sum(axis=0) + 2 * model.prior) / (len(rows) + 2)
        known = gold[rows][gold[rows] >= 0]
        assert estimates.precision[term] == pytest.approx(guess.max(), abs=1e-4)
        assert guess[estimates.label[term]] == pytest.approx(guess.max(), abs=1e-4)
        assert (estimates.n_texts[term], estimates.n_gold[term]) == (len(rows), len(known))
        assert estimates.n_right[term] == (known == estimates.label[term]).sum()


@pytest.mark.parametrize("noise", [0.1, 0.9])
def test_estimated_precisions_are_the_true_ones_once_gold_corrects_them(noise):
    rng = np.random.default_rng(3)
    texts, truth = shop(4000, rng, noise=noise)
    terms, found = mine({None: texts}, 20)
    gold = some_gold(truth, 150, rng)
    estimates = estimate_terms(found, gold, lambda _: np.zeros((4000, 4), dtype=np.float32), 20)
    own = np.array([one.text.startswith("own") and " " not in one.text for one in terms])
    real = np.array([(truth[found[:, [t]].toarray().ravel() > 0] == estimates.label[t]).mean()
                     for t in np.flatnonzero(own)])  # fmt: skip
    assert estimates.precision[own].mean() == pytest.approx(real.mean(), abs=0.05)
    assert estimates.held_out is not None
    unchecked = estimate_terms(found, some_gold(truth, 29, rng), lambda _: np.zeros((4000, 4)), 20)
    assert unchecked.held_out is None


@given(st.integers(0, 9999), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_covering_equals_a_slow_greedy_loop(seed, least):
    rng = np.random.default_rng(seed)
    dense = (rng.random((30, 8)) < 0.25).astype(np.float32)
    precision, left = rng.uniform(0.6, 1, 8), rng.random(30) < 0.8
    terms = np.flatnonzero(rng.random(8) < 0.8)
    taken = cover(sparse.csr_array(dense), terms, precision, left, least)
    uncovered, slow = left.copy(), []
    while True:
        gains = {t: (dense[:, t] > 0)[uncovered].sum() for t in terms}
        gains = {t: g * (precision[t] - 0.5) for t, g in gains.items() if g >= least}
        if not gains:
            break
        slow.append(max(gains, key=gains.__getitem__))
        uncovered &= dense[:, slow[-1]] == 0
    assert taken == slow


def test_names_are_found_in_both_numbers_and_the_longer_one_wins():
    labels = LabelSet(("Freezers", "Fridge Freezers", "TVs"))
    texts = ["a freezer", "fridge freezers", "freezer, tv", "tvs", "nothing"]
    votes = collect_votes(name_rules(labels), records(texts), labels)
    said, used = seed_votes(votes, np.full(5, -1), 3)
    assert said.tolist() == [0, 1, -1, 2, -1]
    assert used == [True, True, True]
    assert forms_of("Health & Beauty") == ("health", "beauty")
    shared = name_rules(LabelSet(("Tea & Coffee", "Tea & Milk", "!")))
    assert {name: one.words for name, one in shared.items()} == {
        "Tea & Coffee": ("coffee",), "Tea & Milk": ("milk",),
    }  # fmt: skip


def test_a_name_that_gold_contradicts_is_not_believed():
    votes = np.repeat(np.array([[0, -1], [-1, 1]], dtype=np.int16), 10, axis=0)
    gold = np.repeat([2, 1], 10)
    said, used = seed_votes(votes, gold, 3)
    assert used == [False, True]
    assert said.tolist() == [-1] * 10 + [1] * 10


texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)


@given(st.lists(texts, min_size=1, max_size=4), texts, texts)
@example(words=["${", "a ${b}", "\\${c", "\\\\${", "d\\"], name="a", label="${x}")
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read_back(words, name, label):
    node = {"_target_": "a.B", "label": label, "words": words, "case": True}
    evidence = {words[0]: "8 texts"}
    written = to_yaml([Proposal(name, node, ["why: [not", "yaml"], evidence)])
    assert OmegaConf.to_container(OmegaConf.create(written), resolve=True) == {name: node}


def test_a_rule_that_is_wrong_in_conflicts_is_amended():
    """Rule 0 says "phone"; texts with "case" are of the other class, as rule 1 says."""
    texts = ["phone red"] * 30 + ["phone case"] * 12 + ["case blue"] * 20
    truth = np.repeat([0, 1, 1], [30, 12, 20])
    nodes = {
        "phone": {"_target_": "wsal.rules.patterns.Keyword", "label": "x", "words": ["phone"]},
        "case": {"_target_": "wsal.rules.patterns.Regex", "label": "y", "pattern": "case"},
    }
    rules = {"phone": Keyword(label="x", words=("phone",)), "case": Regex("y", "case")}
    labels = LabelSet(("x", "y"))
    votes = collect_votes(rules, records(texts), labels)
    terms, found = mine({None: texts}, 2)
    amended = amend(votes, nodes, np.eye(2)[truth], truth, terms, found, 0.9, 5)
    assert [(one.name, one.node["unless"]) for one in amended] == [("phone", ["case"])]
    assert list(amended[0].evidence) == ["case"]
    assert "12 votes" in amended[0].evidence["case"]
    unsure = np.full((len(texts), 2), 0.5)
    assert amend(votes, nodes, unsure, np.full(62, -1), terms, found, 0.9, 5) == []


def test_rules_are_suggested_that_cover_texts_of_their_class():
    rng = np.random.default_rng(5)
    texts, truth = shop(2000, rng, noise=0.05)
    labels = LabelSet(("a", "b", "c", "d"))
    gold = some_gold(truth, 100, rng)
    predicted = np.where(gold >= 0, (gold + 1) % 4, -1)  # the model got all of them wrong
    none = np.empty((2000, 0), dtype=np.int16)
    known = LabelledSample(records(texts), labels, gold, predicted, none, {}, 4000)
    made = suggest(known, 0.8, 10)
    assert made.names == made.amended == []
    rules = {one.name: Keyword(label=one.node["label"], words=tuple(one.node["words"]))
             for one in made.terms}  # fmt: skip
    votes = collect_votes(rules, records(texts), labels)
    covered = (votes >= 0).any(axis=1)
    assert covered.mean() > 0.9
    assert (votes[votes >= 0] == truth[np.nonzero(votes >= 0)[0]]).mean() > 0.9
    word, evidence = next(iter(made.terms[0].evidence.items()))
    n = sum(("words", word) in terms_in(text) for text in texts)
    assert evidence.startswith(f"{2 * n:,} texts, ")
    taught = {one.node["label"] for one in made.mistakes}
    assert taught <= set(labels.names)
    quiet = suggest(
        LabelledSample(records(texts), labels, gold, np.full(2000, -1), none, {}, 2000), 0.8, 10
    )
    assert quiet.mistakes == []


@pytest.mark.parametrize(
    ("n_drawn", "held_out", "is_marked"), [(2, 0.5, False), (1, 0.5, True), (1, None, False)]
)
def test_precision_from_answers_is_marked_as_probably_too_low(n_drawn, held_out, is_marked):
    gold, nothing = np.array([0, 1, -1]), np.full(3, -1)
    no_votes = np.empty((3, 0), dtype=np.int16)
    known = LabelledSample(
        records(["a", "b", "c"]), LabelSet(("x", "y")), gold, nothing, no_votes, {}, 3
    )
    sample = RunSample(known, 2 - n_drawn, n_drawn, 2, np.arange(3))
    lines = "\n".join(
        suggested_lines("run", sample, Suggestions([], [], [], [], held_out, 0.5, []), 0.9)
    )
    assert ("they are hard" in lines) == is_marked
    assert ("UNCHECKED and therefore too high" in lines) == (held_out is None)
