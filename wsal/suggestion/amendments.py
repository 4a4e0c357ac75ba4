"""Rules that seem wrong where others contradict them, and what would silence them there."""

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
    votes: Votes, nodes: Mapping[str, Mapping[str, Any]], probs: np.ndarray, gold: Classes,
    terms: Sequence[Term], found: sparse.csr_array, precision: float, least: int,
) -> list[Proposal]:  # fmt: skip
    """Keyword and Regex rules with more in their `unless`.

    Args:
        votes: of the rules `nodes`, in their order `(texts, rules)`.
        nodes: the rules' configuration.
        probs: how likely each text is of each class `(texts, classes)`.
        gold: `(texts,)`, -1 where unknown.
        terms: what may be looked for.
        found: where it is `(texts, terms)`.
        precision: share of the votes taken back that must seem wrong.
        least: votes that a term must take back.
    """
    proposals = []
    for j, (name, node) in enumerate(nodes.items()):
        if node["_target_"] not in (KEYWORD, REGEX):
            continue
        rows = np.flatnonzero(votes[:, j] != ABSTAIN)
        said = votes[rows, j]
        others = ((votes[rows] != ABSTAIN) & (votes[rows] != said[:, None])).any(axis=1)
        usable = [i for i, term in enumerate(terms) if _fits(term, node)]
        wrong = 1 - probs[rows, said]
        more: dict[str, str] = {}
        for term, hits in _silencers(found[rows][:, usable], wrong, others, precision, least):
            known = hits[gold[rows[hits]] >= 0]
            n_wrong = int((gold[rows[known]] != said[known]).sum())
            told = f", gold: {n_wrong} of {len(known)} wrong" if len(known) else ""
            more[_silencer(node, terms[usable[term]])] = (
                f"takes back {len(hits):,} votes, {wrong[hits].mean():.2f} of them wrong{told}"
            )
        if more:
            proposals.append(_proposal(name, node, more))
    return proposals


def _silencers(
    found: sparse.csr_array, wrong: np.ndarray, others: np.ndarray, precision: float, least: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Terms and the rows they take back; the one that takes back most wrong votes first."""
    left = np.ones(len(wrong), dtype=bool)
    while left.any():
        some = found[left]
        n = np.asarray(some.sum(axis=0)).ravel()
        n_wrong, n_others = some.T @ wrong[left], some.T @ others[left].astype(float)
        fit = (n >= least) & (n_wrong >= precision * n) & (n_others >= n / 2)
        if not fit.any():
            return
        best = int(np.argmax(np.where(fit, 2 * n_wrong - n, -np.inf)))
        hits = np.flatnonzero(found[:, [best]].toarray().ravel() * left)
        left[hits] = False
        yield best, hits


def _fits(term: Term, node: Mapping[str, Any]) -> bool:
    """Whether the rule's `unless` would find the term, where the rule looks."""
    fields = list(node.get("fields") or [])
    in_place = fields == ([] if term.field is None else [term.field]) or not fields
    return in_place and (term.kind == "words" or node["_target_"] == REGEX)


def _silencer(node: Mapping[str, Any], term: Term) -> str:
    """The term as the rule's `unless` takes it."""
    if node["_target_"] == KEYWORD:
        return term.text
    if term.kind != "words":
        return term.pattern()
    return rf"\b{any_of([term.text], whole=False)}\b"


def _proposal(name: str, node: Mapping[str, Any], more: Mapping[str, str]) -> Proposal:
    why = [f"{name}, amended: it seems wrong where other rules contradict it, if there is"]
    before = node.get("unless")
    if node["_target_"] == KEYWORD:
        return Proposal(name, {**node, "unless": [*(before or []), *more]}, why, more)
    why += [f"  {word}: {note}" for word, note in more.items()]
    return Proposal(name, {**node, "unless": "|".join([*([before] if before else []), *more])}, why)
