"""Rules that seem wrong where other rules contradict them, and terms to add to their `unless`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.rules.search import any_of
from wsal.suggestion.mining import Term
from wsal.suggestion.proposals import PATTERNS, Proposal

KEYWORD, REGEX = f"{PATTERNS}.Keyword", f"{PATTERNS}.Regex"


def amend(
    votes: Votes,
    nodes: Mapping[str, Mapping[str, Any]],
    probs: np.ndarray,
    gold: Classes,
    terms: Sequence[Term],
    term_matrix: sparse.csr_array,
    precision: float,
    least: int,
) -> list[Proposal]:
    """Keyword and Regex rules with more terms in their `unless`.

    Args:
        votes: of the rules `nodes`, in their order `(texts, rules)`.
        nodes: the rules' configuration.
        probs: the estimated probability of each class for each text `(texts, classes)`.
        gold: `(texts,)`, -1 where unknown.
        terms: what may be added.
        term_matrix: which terms are in which texts `(texts, terms)`.
        precision: the share of the withdrawn votes that must seem wrong.
        least: the number of votes that a term must withdraw.
    """
    proposals = []
    for j, (name, node) in enumerate(nodes.items()):
        if node["_target_"] not in (KEYWORD, REGEX):
            continue
        rows = np.flatnonzero(votes[:, j] != ABSTAIN)
        vote = votes[rows, j]
        contradicted = ((votes[rows] != ABSTAIN) & (votes[rows] != vote[:, None])).any(axis=1)
        usable = [i for i, term in enumerate(terms) if _can_exclude(node, term)]
        matrix, wrong = term_matrix[rows][:, usable], 1 - probs[rows, vote]
        exclusions: dict[str, str] = {}
        for term, hits in _exclusions(matrix, wrong, contradicted, precision, least):
            share = f"{wrong[hits].mean():.0%}"
            evidence = f"withdraws {len(hits):,} votes, of which {share} are estimated to be wrong"
            labelled = hits[gold[rows[hits]] >= 0]
            if len(labelled):
                n_wrong = int((gold[rows[labelled]] != vote[labelled]).sum())
                evidence += f"; gold: {n_wrong} of {len(labelled)} wrong"
            exclusions[_as_exclusion(node, terms[usable[term]])] = evidence
        if exclusions:
            proposals.append(_proposal(name, node, exclusions))
    return proposals


def _exclusions(
    term_matrix: sparse.csr_array,
    wrong: np.ndarray,
    contradicted: np.ndarray,
    precision: float,
    least: int,
) -> Iterator[tuple[int, np.ndarray]]:
    """Terms, and the rows whose votes they withdraw; the most useful one first.

    Useful is a term that withdraws many more wrong votes than right ones, at least half of them
    contradicted by other rules. `wrong` `(rows,)` is the probability that a vote is wrong.
    """
    left = np.ones(len(wrong), dtype=bool)
    while left.any():
        matrix = term_matrix[left]
        n = np.asarray(matrix.sum(axis=0)).ravel()
        n_wrong = matrix.T @ wrong[left]
        n_contradicted = matrix.T @ contradicted[left].astype(float)
        fit = (n >= least) & (n_wrong >= precision * n) & (n_contradicted >= n / 2)
        if not fit.any():
            return
        best = int(np.argmax(np.where(fit, 2 * n_wrong - n, -np.inf)))
        hits = np.flatnonzero(term_matrix[:, [best]].toarray().ravel() * left)
        left[hits] = False
        yield best, hits


def _can_exclude(node: Mapping[str, Any], term: Term) -> bool:
    """Whether the rule's `unless` would find the term in the fields in which the rule looks.

    A word that the rule looks for is no exception from it: with such an exception, the word would
    never count.

    >>> _can_exclude({"_target_": KEYWORD, "words": ["phone"]}, Term(None, "words", "phone"))
    False
    """
    if term.text.lower() in (word.lower() for word in node.get("words") or ()):
        return False
    fields = list(node.get("fields") or [])
    in_fields = not fields or fields == [term.field]
    return in_fields and (term.kind == "words" or node["_target_"] == REGEX)


def _as_exclusion(node: Mapping[str, Any], term: Term) -> str:
    """The term as the rule's `unless` takes it."""
    if node["_target_"] == KEYWORD:
        return term.text
    if term.kind != "words":
        return term.pattern()
    return rf"\b{any_of([term.text], whole=False)}\b"


def _proposal(name: str, node: Mapping[str, Any], exclusions: Mapping[str, str]) -> Proposal:
    start = f"replaces {name}: other rules contradict it, and it seems wrong,"
    before = node.get("unless")
    if node["_target_"] == KEYWORD:
        why = [f"{start} in texts with the words added to `unless`"]
        return Proposal(name, {**node, "unless": [*(before or []), *exclusions]}, why, exclusions)
    why = [f"{start} in texts with what is added to `unless`:"]
    why += [f"  {pattern}: {evidence}" for pattern, evidence in exclusions.items()]
    unless = "|".join([*([before] if before else []), *exclusions])
    return Proposal(name, {**node, "unless": unless}, why)
