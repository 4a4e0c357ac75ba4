"""Propose rules: from class names, gold labels, conflicts, and what the model gets wrong."""

from collections.abc import Mapping
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
from wsal.suggestion.beliefs import believe
from wsal.suggestion.mining import Term, mine
from wsal.suggestion.names import name_rules, seed_votes
from wsal.suggestion.proposals import PATTERNS, Proposal, rule_name
from wsal.suggestion.terms import JudgedTerms, cover, judge

SEED = 0.5  # how far a text is believed to be of the class that names and rules say


@dataclass(frozen=True)
class Known:
    """What is known of some texts; arrays are `(texts,)`."""

    records: pl.DataFrame
    labels: LabelSet
    gold: Classes
    """-1 where unknown."""
    predicted: Classes
    """What the model said of texts that people then answered; -1 where it was not asked."""
    votes: Votes
    """Of the rules there are `(texts, rules)`."""
    nodes: Mapping[str, Mapping[str, Any]]
    """The configuration of these rules, in the order of `votes`."""
    n_pool: int
    """Texts that these were drawn from."""

    def scaled(self, n: int) -> str:
        """A number of these texts as one of the pool's."""
        return f"{round(n * self.n_pool / max(len(self.gold), 1)):,}"


@dataclass(frozen=True)
class Suggestions:
    """Rules to add, rules to replace, and how far the estimates are to be trusted."""

    names: list[Proposal]
    terms: list[Proposal]
    mistakes: list[Proposal]
    amended: list[Proposal]
    held_out: float | None
    best: float
    """The highest estimated precision of any term."""
    doubted: list[str]
    """Classes whose names mislead, as gold has it."""


def suggest(known: Known, precision: float, least: int) -> Suggestions:
    """Rules whose estimated precision is at least `precision`, each new to `least` texts or more.

    Every n-gram, number with a unit and beginning of a code in every field is weighed by what
    naive Bayes, fitted to gold, class names and the rules there are, makes of its texts.
    """
    labels, gold = known.labels, known.gold
    terms, found = mine(_columns(known.records), least)
    names = name_rules(labels)
    name_votes = collect_votes(names, known.records, labels)
    voters = np.concatenate([name_votes, known.votes], axis=1)

    def seed(shown: Classes) -> np.ndarray:
        said, _ = seed_votes(voters, shown, len(labels))
        return SEED * _one_hot(said, len(labels))

    believed = seed_votes(voters, gold, len(labels))[1][: len(names)]
    left = (known.votes == ABSTAIN).all(axis=1)
    by_name = _by_name(known, names, name_votes, believed, left, least)
    left &= (name_votes[:, believed] == ABSTAIN).all(axis=1)
    judged = judge(found, gold, seed, least)
    sure = np.flatnonzero((judged.precision >= precision) & (judged.n_texts >= least))
    picked = cover(found, sure, judged.precision, left, least)
    missed = _missed(found, judged, known)
    more = cover(missed, np.setdiff1d(sure, picked), judged.precision, missed.sum(axis=1) > 0, 2)
    taken = [*known.nodes, *(one.name for one in by_name)]
    by_term = _by_term(picked, terms, judged, known, taken, "")
    taken += [one.name for one in by_term]
    probs = softmax(believe(found, seed(gold), gold).scores, axis=1)
    probs[gold >= 0] = _one_hot(gold, len(labels))[gold >= 0]
    return Suggestions(
        names=by_name,
        terms=by_term,
        mistakes=_by_term(more, terms, judged, known, taken, " missed"),
        amended=amend(known.votes, known.nodes, probs, gold, terms, found, precision, least),
        held_out=judged.held_out,
        best=float(judged.precision.max(initial=0)),
        doubted=[name for name, keep in zip(names, believed, strict=True) if not keep],
    )


def _columns(records: pl.DataFrame) -> dict[str | None, list[str | None]]:
    """The texts of each field; where there is one field only, the whole text."""
    fields = field_names(records)
    if len(fields) == 1:
        return {None: records["text"].to_list()}
    return {field: column(records, field).to_list() for field in fields}


def _one_hot(classes: Classes, n_classes: int) -> np.ndarray:
    """`(texts, classes)`; a row of zeros for -1."""
    found: np.ndarray = np.eye(n_classes + 1, dtype=np.float32)[classes][:, :n_classes]
    return found


def _missed(found: sparse.csr_array, judged: JudgedTerms, known: Known) -> sparse.csr_array:
    """Of answered texts that the model got wrong, the terms that speak for the right class."""
    answered = (known.predicted != ABSTAIN) & (known.gold != ABSTAIN)
    rows = np.flatnonzero(answered & (known.predicted != known.gold))
    cells = found[rows].tocoo()
    fit = judged.label[cells.col] == known.gold[rows][cells.row]
    where = (cells.row[fit], cells.col[fit])
    return sparse.csr_array((cells.data[fit], where), shape=cells.shape)


def _by_name(
    known: Known, names: Mapping[str, Keyword], votes: Votes, believed: list[bool],
    left: np.ndarray, least: int,
) -> list[Proposal]:  # fmt: skip
    """The name rules that gold does not contradict and that vote where no rule does."""
    proposals: list[Proposal] = []
    for (label, one), said, keep in zip(names.items(), votes.T, believed, strict=True):
        fires = said != ABSTAIN
        if not keep or (fires & left).sum() < least:
            continue
        told = known.gold[fires & (known.gold != ABSTAIN)]
        n_right = int((told == known.labels.index(label)).sum())
        checked = f"gold: {n_right} of {len(told)} right" if len(told) else "no gold to check it by"
        node = {"_target_": f"{PATTERNS}.Keyword", "label": label, "words": one.words}
        node |= {"unless": one.unless} if one.unless else {}
        taken = [*known.nodes, *(other.name for other in proposals)]
        why = [f"the name of the class, in {known.scaled(fires.sum())} texts; {checked}"]
        proposals.append(Proposal(rule_name(f"{label} name", taken), node, why))
    return proposals


def _by_term(
    picked: list[int],
    terms: list[Term],
    judged: JudgedTerms,
    known: Known,
    taken: list[str],
    what: str,
) -> list[Proposal]:
    """The terms as rules: of each class and field one of words, and one of codes and units."""
    groups: dict[tuple[int, bool, str], list[int]] = {}
    for term in picked:
        one = terms[term]
        key = (int(judged.label[term]), one.kind != "words", one.field or "")
        groups.setdefault(key, []).append(term)
    proposals: list[Proposal] = []
    for (label, codes, field), some in sorted(groups.items()):
        name = known.labels.names[label]
        used = [*taken, *(one.name for one in proposals)]
        free = rule_name(f"{name} {field} {'codes' if codes else 'words'}{what}", used)
        kind = "Regex" if codes else "Keyword"
        node: dict[str, Any] = {"_target_": f"{PATTERNS}.{kind}", "label": name}
        said = {term: _evidence(term, judged, known) for term in some}
        if codes:
            node["pattern"] = "|".join(terms[term].pattern() for term in some)
        else:
            node["words"] = [terms[term].text for term in some]
        node |= {"fields": [field]} if field else {}
        shown = {(terms[t].pattern() if codes else terms[t].text): said[t] for t in some}
        why = [f"{pattern}: {evidence}" for pattern, evidence in shown.items()] if codes else []
        proposals.append(Proposal(free, node, why, {} if codes else shown))
    return proposals


def _evidence(term: int, judged: JudgedTerms, known: Known) -> str:
    """How many texts have the term, how precise it is thought, and what gold says."""
    said = f"{known.scaled(judged.n_texts[term])} texts, {judged.precision[term]:.2f}"
    n = judged.n_gold[term]
    return f"{said}, gold: {judged.n_right[term]} of {n}" if n else said
