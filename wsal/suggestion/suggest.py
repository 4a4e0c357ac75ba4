"""Propose rules: from class names, gold labels, conflicts, and mistakes of the classifier.

N-grams are judged by naive Bayes fitted to gold, class names and the existing rules. Each class and
field gets one rule for all its words, so that the file stays as short as one written by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse
from scipy.special import softmax

from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.labels import LabelSet
from wsal.rules.base import column, field_names
from wsal.rules.patterns import Keyword
from wsal.rules.voting import collect_votes
from wsal.suggestion.amendments import amend
from wsal.suggestion.mining import Term, mine
from wsal.suggestion.naive_bayes import fit_naive_bayes
from wsal.suggestion.names import name_rules, seed_votes
from wsal.suggestion.proposals import PATTERNS, Proposal, rule_name
from wsal.suggestion.terms import TermEstimates, cover, estimate_terms

SEED_PROBABILITY = 0.5  # of the class for which names and rules vote


@dataclass(frozen=True)
class LabelledSample:
    """A sample of the pool with what is known of its texts; arrays are `(texts,)`."""

    records: pl.DataFrame
    labels: LabelSet
    gold: Classes
    """-1 where unknown."""
    predicted: Classes
    """What the classifier predicted for texts that people then answered; -1 for all others."""
    votes: Votes
    """Of the existing rules `(texts, rules)`."""
    nodes: Mapping[str, Mapping[str, Any]]
    """The configuration of these rules, in the order of `votes`."""
    n_pool: int
    """Number of texts that the sample was drawn from."""

    def scaled(self, n: int) -> str:
        """A number of texts of the sample, scaled to the whole pool."""
        return f"{round(n * self.n_pool / max(len(self.gold), 1)):,}"


@dataclass(frozen=True)
class Suggestions:
    """Rules to add, rules to replace, and how far the estimates can be trusted."""

    names: list[Proposal]
    """Rules that look for the name of a class."""
    terms: list[Proposal]
    """Rules that look for n-grams, codes and units in texts without a vote."""
    mistakes: list[Proposal]
    """Rules for texts that the classifier got wrong and people corrected."""
    amended: list[Proposal]
    """Existing rules with more in their `unless`."""
    held_out: float | None
    """Accuracy of naive Bayes on held-out gold; None if there was too little gold."""
    best: float
    """The highest estimated precision of any term."""
    doubted: list[str]
    """Classes whose names gold contradicts."""


def suggest(sample: LabelledSample, precision: float, least: int) -> Suggestions:
    """Rules with an estimated precision of at least `precision`, each new to `least` texts or more.

    The terms are all n-grams, numbers with a unit and beginnings of codes in every field.
    """
    labels, gold = sample.labels, sample.gold
    terms, term_matrix = mine(_columns(sample.records), least)
    names = name_rules(labels)
    name_votes = collect_votes(names, sample.records, labels)
    voters = np.concatenate([name_votes, sample.votes], axis=1)

    def seeds(shown_gold: Classes) -> np.ndarray:
        guesses, _ = seed_votes(voters, shown_gold, len(labels))
        return SEED_PROBABILITY * _one_hot(guesses, len(labels))

    used_names = seed_votes(voters, gold, len(labels))[1][: len(names)]
    uncovered = (sample.votes == ABSTAIN).all(axis=1)
    by_name = _name_proposals(sample, names, name_votes, used_names, uncovered, least)
    uncovered &= (name_votes[:, used_names] == ABSTAIN).all(axis=1)

    estimates = estimate_terms(term_matrix, gold, seeds, least)
    precise = np.flatnonzero((estimates.precision >= precision) & (estimates.n_texts >= least))
    chosen = cover(term_matrix, precise, estimates.precision, uncovered, least)
    mistakes = _mistakes(term_matrix, estimates, sample)
    others, has_term = np.setdiff1d(precise, chosen), mistakes.sum(axis=1) > 0
    correcting = cover(mistakes, others, estimates.precision, has_term, 2)

    taken = [*sample.nodes, *(proposal.name for proposal in by_name)]
    by_term = _term_proposals(chosen, terms, estimates, sample, taken)
    taken += [proposal.name for proposal in by_term]
    probs = softmax(fit_naive_bayes(term_matrix, seeds(gold), gold).scores, axis=1)
    probs[gold >= 0] = _one_hot(gold, len(labels))[gold >= 0]
    return Suggestions(
        names=by_name,
        terms=by_term,
        mistakes=_term_proposals(correcting, terms, estimates, sample, taken, suffix=" missed"),
        amended=amend(
            sample.votes, sample.nodes, probs, gold, terms, term_matrix, precision, least
        ),
        held_out=estimates.held_out,
        best=float(estimates.precision.max(initial=0)),
        doubted=[name for name, used in zip(names, used_names, strict=True) if not used],
    )


def _columns(records: pl.DataFrame) -> dict[str | None, list[str | None]]:
    """The texts of each field; the whole text if there is only one field."""
    fields = field_names(records)
    if len(fields) == 1:
        return {None: records["text"].to_list()}
    return {field: column(records, field).to_list() for field in fields}


def _one_hot(classes: Classes, n_classes: int) -> np.ndarray:
    """`(texts, classes)`; a row of zeros for -1."""
    one_hot: np.ndarray = np.eye(n_classes + 1, dtype=np.float32)[classes][:, :n_classes]
    return one_hot


def _mistakes(
    term_matrix: sparse.csr_array, estimates: TermEstimates, sample: LabelledSample
) -> sparse.csr_array:
    """The term matrix of the texts that the classifier got wrong.

    It keeps only the terms that indicate the right class.
    """
    answered = (sample.predicted != ABSTAIN) & (sample.gold != ABSTAIN)
    rows = np.flatnonzero(answered & (sample.predicted != sample.gold))
    cells = term_matrix[rows].tocoo()
    right = estimates.label[cells.col] == sample.gold[rows][cells.row]
    places = (cells.row[right], cells.col[right])
    return sparse.csr_array((cells.data[right], places), shape=cells.shape)


def _name_proposals(
    sample: LabelledSample,
    names: Mapping[str, Keyword],
    votes: Votes,
    used: Sequence[bool],
    uncovered: np.ndarray,
    least: int,
) -> list[Proposal]:
    """The name rules that gold does not contradict and that vote where no other rule does."""
    proposals: list[Proposal] = []
    for (label, rule), vote, is_used in zip(names.items(), votes.T, used, strict=True):
        hits = vote != ABSTAIN
        if not is_used or (hits & uncovered).sum() < least:
            continue
        gold = sample.gold[hits & (sample.gold != ABSTAIN)]
        checked = "no gold to check it"
        if len(gold):
            n_right = int((gold == sample.labels.index(label)).sum())
            checked = f"gold: {n_right} of {len(gold)} right"
        node = {"_target_": f"{PATTERNS}.Keyword", "label": label, "words": rule.words}
        node |= {"unless": rule.unless} if rule.unless else {}
        taken = [*sample.nodes, *(other.name for other in proposals)]
        why = [f"the name of the class occurs in {sample.scaled(hits.sum())} texts; {checked}"]
        proposals.append(Proposal(rule_name(f"{label} name", taken), node, why))
    return proposals


def _term_proposals(
    chosen: Sequence[int],
    terms: Sequence[Term],
    estimates: TermEstimates,
    sample: LabelledSample,
    taken: Sequence[str],
    suffix: str = "",
) -> list[Proposal]:
    """The terms as rules: for each class and field one of words, and one of codes and units."""
    groups: dict[tuple[int, bool, str], list[int]] = {}
    for i in chosen:
        key = (int(estimates.label[i]), terms[i].kind != "words", terms[i].field or "")
        groups.setdefault(key, []).append(i)
    proposals: list[Proposal] = []
    for (label, is_regex, field), members in sorted(groups.items()):
        class_name = sample.labels.names[label]
        used = [*taken, *(proposal.name for proposal in proposals)]
        kind = "codes" if is_regex else "words"
        name = rule_name(f"{class_name} {field} {kind}{suffix}", used)
        in_field = {"fields": [field]} if field else {}
        if is_regex:
            lines = [f"{terms[i].pattern()}: {_evidence(i, estimates, sample)}" for i in members]
            node = {"_target_": f"{PATTERNS}.Regex", "label": class_name}
            node["pattern"] = "|".join(terms[i].pattern() for i in members)
            proposals.append(Proposal(name, node | in_field, lines))
        else:
            evidence = {terms[i].text: _evidence(i, estimates, sample) for i in members}
            words = {"_target_": f"{PATTERNS}.Keyword", "label": class_name, "words": [*evidence]}
            proposals.append(Proposal(name, words | in_field, [], evidence))
    return proposals


def _evidence(term: int, estimates: TermEstimates, sample: LabelledSample) -> str:
    """How many texts have the term, its estimated precision, and what gold shows."""
    n_texts = sample.scaled(estimates.n_texts[term])
    evidence = f"{n_texts} texts, {estimates.precision[term]:.2f}"
    n = estimates.n_gold[term]
    return f"{evidence}, gold: {estimates.n_right[term]} of {n}" if n else evidence
