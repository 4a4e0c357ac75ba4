"""From a group of errors to a rule: words for a new one, or words that another should leave out."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from wsal import tables
from wsal.arrays import ABSTAIN, Classes, Rows, Votes
from wsal.errors import WsalError
from wsal.inspection.groups import Group, Population
from wsal.inspection.groups_of_run import COLUMNS, Inspected, quick_rules
from wsal.inspection.judged import predict_rows
from wsal.labels import LabelSet
from wsal.members import for_classes
from wsal.rules.base import Rule
from wsal.rules.voting import collect_votes
from wsal.seeding import rng
from wsal.suggestion.amendments import KEYWORD, REGEX, amend
from wsal.suggestion.mining import Term, mine
from wsal.suggestion.proposals import Proposal, rule_name
from wsal.suggestion.terms import cover

COMPARED = 4_000  # random texts of the pool, and of the population, that words are counted in
TRUST = 4  # texts that the stand-in's estimate of a word's precision counts for, beside gold
LEAST_PRECISION = 0.6  # of a proposed word; people see the preview, and decide
MOST_WORDS, MOST_RULES = 6, 3
WRONG, WITHDRAWN = 0.6, 2  # share of withdrawn votes that must seem wrong, and their number
COMMON = 0.05  # a word in more of the texts than this share is not excluded from a rule


@dataclass(frozen=True)
class Evidence:
    """Texts in which words are counted: those of the population, then random ones of the pool.

    Of a large population, these are all listed texts and some others; see `of`.
    """

    inspected: Inspected
    population: Population
    kept: Rows
    """The rows of the whole population that are in `population`, ascending."""

    @classmethod
    def of(cls, inspected: Inspected, whole: Population) -> "Evidence":
        """Texts enough to judge words by."""
        others = rng(0, "proposals", "compared").permutation(np.flatnonzero(~whole.listed))
        kept = np.sort(np.concatenate([np.flatnonzero(whole.listed), others[:COMPARED]]))
        return cls(inspected, whole.only(kept), kept)

    def within(self, group: Group) -> Group:
        """A group of the whole population, with its rows as rows of `population`."""
        return replace(group, rows=np.searchsorted(self.kept, group.rows))

    @cached_property
    def others(self) -> Rows:
        """Rows of the pool, outside the frame."""
        rows = self.inspected.open_rows
        return np.sort(rng(0, "proposals").permutation(rows)[:COMPARED])

    @cached_property
    def records(self) -> pl.DataFrame:
        """All texts."""
        path = self.inspected.view.pool.path / "pool.parquet"
        own = self.population.records.select(COLUMNS)
        return pl.concat([own, tables.take(path, self.others, COLUMNS)])

    @cached_property
    def terms(self) -> tuple[list[Term], sparse.csr_array]:
        """Words and phrases that are in two texts or more, `(texts, terms)`."""
        terms, matrix = mine({None: self.records["text"].to_list()}, 2)
        words = [i for i, term in enumerate(terms) if term.kind == "words"]
        return [terms[i] for i in words], matrix[:, words]

    @cached_property
    def probs(self) -> np.ndarray:
        """How likely each class is `(texts, classes)`: certain where gold tells, else estimated."""
        population, n_classes = self.population, len(self.inspected.view.labels)
        one_hot = np.eye(n_classes)[population.first]
        if not population.is_measured:
            second = np.eye(n_classes)[population.second]
            one_hot = one_hot * (1 - population.error[:, None]) + second * population.error[:, None]
        others = predict_rows(self.inspected.view, self.others)
        if others is None:
            others = np.full((len(self.others), n_classes), 1 / n_classes)
        return np.concatenate([one_hot, others])

    @property
    def gold(self) -> Classes:
        """`(texts,)`: -1 where no gold label tells the class."""
        gold = np.full(len(self.probs), ABSTAIN, dtype=np.int64)
        if self.population.is_measured:
            gold[: len(self.population.records)] = self.population.first
        return gold


def class_of_group(group: Group, population: Population) -> int:
    """The class that most of the group's texts have, as far as is known."""
    return int(np.bincount(population.first[group.rows]).argmax())


def propose(
    listed: Group, evidence: Evidence, nodes: Mapping[str, Mapping[str, Any]]
) -> list[Proposal]:
    """Rules that would help with a group: changed ones that vote wrongly there, and a new one.

    They are proposals: whether they do more good than harm is what the preview shows.

    Args:
        listed: a group of the population that `evidence` was made of.
        evidence: the texts in which words are counted.
        nodes: the rules as they are in the file, by name.
    """
    group = evidence.within(listed)
    label = class_of_group(group, evidence.population)
    proposals = _amended(group, evidence, nodes)
    if new := _new_rule(group, evidence, label, nodes):
        proposals.append(new)
    return proposals


def _new_rule(
    group: Group, evidence: Evidence, label: int, nodes: Mapping[str, Mapping[str, Any]]
) -> Proposal | None:
    """A keyword rule for the class, of words that most of the group's texts of it have."""
    terms, matrix = evidence.terms
    n_texts, population = matrix.shape[0], evidence.population
    inside = np.zeros(n_texts, dtype=bool)
    inside[group.rows[population.first[group.rows] == label]] = True
    is_gold = evidence.gold != ABSTAIN
    n_gold = matrix.T @ is_gold.astype(float)
    n_right = matrix.T @ (evidence.gold == label).astype(float)
    n_other = np.maximum(matrix.T @ (~is_gold).astype(float), 1e-9)
    expected = (matrix.T @ (evidence.probs[:, label] * ~is_gold) + 0.5) / (n_other + 1)
    precision = (TRUST * expected + n_right) / (TRUST + n_gold)
    fit = np.flatnonzero((precision >= LEAST_PRECISION) & (matrix.T @ inside >= 1))
    least = 2 if int(inside.sum()) > 3 else 1
    chosen = cover(matrix, fit, precision, inside, least)[:MOST_WORDS]
    if not chosen:
        return None
    names: LabelSet = population.labels
    words = {
        terms[i].text: f"in {int(matrix[:, [i]].toarray().ravel()[inside].sum())} of the group's "
        f"{int(inside.sum())} texts; about {precision[i]:.0%} {names.names[label]}"
        for i in chosen
    }
    name = rule_name(f"{names.names[label]} fix", nodes)
    node = {"_target_": KEYWORD, "label": names.names[label], "words": [*words]}
    return Proposal(name, node, [f"a new rule for {names.names[label]}"], words)


def _amended(
    group: Group, evidence: Evidence, nodes: Mapping[str, Mapping[str, Any]]
) -> list[Proposal]:
    """Rules with more in `unless`, of those that vote for the wrong class on the group's texts."""
    population = evidence.population
    patterns = {n: node for n, node in nodes.items() if node.get("_target_") in (KEYWORD, REGEX)}
    rules = _that_can_vote(quick_rules(patterns), population)
    on_group = collect_votes(rules, population.records[group.rows], population.labels)
    on_group = for_classes(on_group, len(population.labels))
    gold = population.first[group.rows]
    n_wrong = ((on_group != ABSTAIN) & (on_group != gold[:, None])).sum(axis=0)
    worst = [j for j in np.argsort(-n_wrong, kind="stable")[:MOST_RULES] if n_wrong[j]]
    names = [[*rules][j] for j in worst]
    if not names:
        return []
    votes = collect_votes({n: rules[n] for n in names}, evidence.records, population.labels)
    votes = for_classes(votes, len(population.labels))
    believed = evidence.probs.argmax(axis=1)  # stands in for rules that contradict
    both: Votes = np.column_stack([votes, believed]).astype(np.int16)
    terms, matrix = evidence.terms
    in_group = np.asarray(matrix[group.rows].sum(axis=0)).ravel() > 0
    is_rare = np.asarray(matrix.sum(axis=0)).ravel() <= COMMON * matrix.shape[0]
    usable = np.flatnonzero(in_group & is_rare)
    proposals = amend(
        both, {n: patterns[n] for n in names}, evidence.probs, evidence.gold,
        [terms[i] for i in usable], matrix[:, usable], WRONG, WITHDRAWN,
    )  # fmt: skip
    by_name = dict(zip(names, n_wrong[worst], strict=True))
    return [
        _shortened(proposal, nodes[proposal.name], int(by_name[proposal.name]))
        for proposal in proposals
    ]


def _that_can_vote(rules: Mapping[str, Rule], population: Population) -> dict[str, Rule]:
    """Those that vote without an error: one that names an unknown class must not stop the rest."""
    able, few = dict[str, Rule](), population.records.head(1)
    for name, rule in rules.items():
        with suppress(WsalError):
            collect_votes({name: rule}, few, population.labels)
            able[name] = rule
    return able


def _shortened(proposal: Proposal, before: Mapping[str, Any], n_wrong: int) -> Proposal:
    """The proposal with only the first few of the added words, and why it is made."""
    texts = "text" if n_wrong == 1 else "texts"
    why = [f"{proposal.name} votes for the wrong class on {n_wrong} {texts} of the group"]
    node = dict(proposal.node)
    if node["_target_"] == KEYWORD:
        node["unless"] = node["unless"][: len(before.get("unless") or ()) + MOST_WORDS]
    else:
        start = str(before.get("unless") or "")
        added = str(node["unless"])[len(start) :].lstrip("|").split("|")[:MOST_WORDS]
        node["unless"] = "|".join(filter(None, [start, *added]))
    return Proposal(proposal.name, node, why, proposal.evidence)
