"""What an edit of a rule would do, before it is written: votes gained, lost, changed; precision."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from wsal.arrays import ABSTAIN, Classes, Mask, Rows, Vote, Weights
from wsal.building import build
from wsal.errors import RuleError, WsalError
from wsal.inspection.preview_votes import Known, Trial, add, majority
from wsal.members import judge, members_of
from wsal.rules.analysis import interval
from wsal.rules.voting import collect_votes
from wsal.seeding import rng

SHOWN = 8  # examples of each kind of change


def preview(
    trial: Trial, nodes: Mapping[str, Any], name: str, node: Mapping[str, Any]
) -> dict[str, Any]:
    """What it would do if the rule `name` were `node`: plain values.

    Args:
        trial: the texts.
        nodes: the rules as they are in the file now, by name.
        name: of the rule that is edited or added.
        node: its configuration after the edit.

    Raises:
        RuleError: the rule is wrong, takes too long, or is of a kind that needs a run.
    """
    start, none = time.monotonic(), np.full(len(trial.rows), ABSTAIN, dtype=np.int16)
    try:
        before = trial.votes_of(nodes[name]) if name in nodes else none
        has_voted = name in nodes
    except WsalError:  # the rule in the file is wrong, and the edit may put it right
        before, has_voted = none, False
    now = trial.votes_of(node)
    if before is None or now is None:
        raise RuleError(f"{name} is of a kind that can only be tried with `wsal rules watch`")
    counts, left_out = trial.counts(nodes)
    touched = np.flatnonzero(before != now)
    former = majority(counts[touched])
    add(counts, before, -1)
    add(counts, now, 1)
    latter = majority(counts[touched])
    rules = {"before": (nodes[name], before)} if has_voted else {}
    rules["now"] = (node, now)
    of_rule = _changes(before[touched], now[touched])
    together = _changes(former, latter)
    return {
        "votes_before": trial.scale * int((before != ABSTAIN).sum()),
        "votes_now": trial.scale * int((now != ABSTAIN).sum()),
        "rule": {kind: trial.scale * len(places) for kind, places in of_rule.items()},
        "together": {kind: trial.scale * len(places) for kind, places in together.items()},
        "examples": {
            kind: _examples(trial, name, kind, touched[places], before, now)
            for kind, places in of_rule.items()
        },
        "precision": [line for known in trial.known if (line := _precision(known, trial, rules))],
        "left_out": [rule for rule in left_out if rule != name],
        "texts": len(trial.rows),
        "is_sample": trial.scale > 1,
        "seconds": time.monotonic() - start,
    }


def _changes(before: Vote | Classes, now: Vote | Classes) -> dict[str, Rows]:
    """Places of votes that are new, gone, or for another class."""
    had, has = before != ABSTAIN, now != ABSTAIN
    return {
        "gained": np.flatnonzero(~had & has),
        "lost": np.flatnonzero(had & ~has),
        "changed": np.flatnonzero(had & has & (before != now)),
    }


def _examples(
    trial: Trial, name: str, kind: str, rows: Rows, before: Vote, now: Vote
) -> list[dict[str, str]]:
    names = trial.labels.answers
    drawn = rng(0, "preview", name, kind).permutation(rows)[:SHOWN]
    return [
        {
            "text": trial.records["text"][int(row)],
            "before": names[before[row]] if before[row] != ABSTAIN else "",
            "now": names[now[row]] if now[row] != ABSTAIN else "",
        }
        for row in drawn
    ]


def _precision(
    known: Known, trial: Trial, rules: Mapping[str, tuple[Mapping[str, Any], Vote]]
) -> dict[str, Any] | None:
    """The share of right votes of each rule, with 95% intervals; None without any vote.

    `rules` are configurations with their votes on the texts of the trial.
    """
    shares = {}
    for key, (node, votes) in rules.items():
        if known.records is None:
            own = votes[known.places]
        else:
            rule = build(node, "the rule")
            own = collect_votes({"the rule": rule}, known.records, trial.labels)[:, 0]
        shares[key] = share_right(own, known.gold, known.weights, members_of(trial.labels))
    return {"source": known.source, **shares} if any(shares.values()) else None


def share_right(
    votes: Vote, gold: Classes, weights: Weights, members: Mask | None = None
) -> dict[str, float | int | None] | None:
    """The weighted share of right votes and its interval; None if there is no vote."""
    cast = votes != ABSTAIN
    if not cast.any():
        return None
    own = weights[cast]
    share = float(own @ judge(votes[cast], gold[cast], members)[0] / own.sum())
    size = float(own.sum() ** 2 / (own**2).sum())
    low, high = interval(share * size, size)  # type: ignore[arg-type]
    return {"n": int(cast.sum()), "share": share, "low": low, "high": high}
