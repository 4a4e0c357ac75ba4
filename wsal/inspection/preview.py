"""What an edit of a rule would do, before it is written: votes gained, lost, changed; precision."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import gold_answers
from wsal.arrays import ABSTAIN, Classes, Rows, Vote, Weights
from wsal.building import build
from wsal.digests import digest_of
from wsal.errors import RuleError
from wsal.inspection.groups_of_run import COLUMNS, QUICK, SAMPLE, Inspected
from wsal.labels import LabelSet
from wsal.rounds.pool_gold import gold_of_pool
from wsal.rules.analysis import interval
from wsal.rules.base import Rule
from wsal.rules.voting import collect_votes
from wsal.seeding import random_rows, rng

SECONDS = 5.0  # that a rule may take to vote on all texts
PROBE, LARGEST = 50, 50_000  # texts of the first and the largest chunks
SHOWN = 8  # examples of each kind of change


@dataclass(frozen=True)
class Known:
    """Texts whose class is known from one source, to see how precise a rule is."""

    source: str  # such as "the dev split"
    records: pl.DataFrame
    gold: Classes  # (texts,)
    weights: Weights  # (texts,)


@dataclass(frozen=True)
class Trial:
    """The texts that rules are tried on, and the votes that they have now.

    Votes are stored by the digest of a rule's configuration, so that only what is new votes.
    """

    inspected: Inspected
    votes: dict[str, Vote] = field(default_factory=dict)

    @property
    def labels(self) -> LabelSet:
        """The classes."""
        return self.inspected.view.labels

    @cached_property
    def rows(self) -> Rows:
        """The rows of the pool that rules are tried on, ascending: all, or a random sample."""
        n = tables.n_rows(self.inspected.view.pool.path / "pool.parquet")
        return np.sort(random_rows(n, SAMPLE, rng(0, "preview")))

    @cached_property
    def scale(self) -> float:
        """How many texts of the pool each row stands for."""
        n = tables.n_rows(self.inspected.view.pool.path / "pool.parquet")
        return n / max(len(self.rows), 1)

    @cached_property
    def records(self) -> pl.DataFrame:
        """The texts."""
        return tables.take(self.inspected.view.pool.path / "pool.parquet", self.rows, COLUMNS)

    @cached_property
    def known(self) -> list[Known]:
        """Texts of known classes, by where these are known from; never the test split."""
        view, known = self.inspected.view, []
        if judged := self.inspected.judged:
            name = judged.reference.name
            known.append(Known(name, judged.records, judged.gold, judged.weights))
        rows, gold = gold_answers(view.pool, view.of_rounds("annotate"))
        if len(rows):
            records = tables.take(view.pool.path / "pool.parquet", rows, COLUMNS)
            known.append(Known("answers to training texts", records, gold, np.ones(len(rows))))
        came = np.concatenate([*gold_of_pool(view.pool.path)])[self.rows]
        places = np.flatnonzero(came != ABSTAIN)
        if len(places):
            source = "gold labels that came with the pool"
            known.append(Known(source, self.records[places], came[places], np.ones(len(places))))
        return known

    @cached_property
    def stored(self) -> dict[str, Vote]:
        """The votes of the run's rules on these texts, by the digest of their configuration."""
        voted = self.inspected.view.artifact("vote")
        if voted is None:
            return {}
        nodes = self.inspected.nodes
        table = tables.take(voted.path / "votes.parquet", self.rows)
        return {
            digest_of(nodes[name]): table[name].to_numpy().astype(np.int16)
            for name in table.columns[1:]
            if name in nodes
        }

    def votes_of(self, node: Mapping[str, Any]) -> Vote | None:
        """A rule's votes `(texts,)`; None if it cannot vote here: it is a kind that needs a run.

        Raises:
            RuleError: the rule is wrong, or takes too long.
        """
        key = digest_of(node)
        if key in self.stored:
            return self.stored[key]
        if key not in self.votes:
            if not str(node.get("_target_", "")).startswith(QUICK):
                return None
            rule = build(node, "the rule")
            self.votes[key] = votes_in_time(rule, self.records, self.labels)
        return self.votes[key]

    def counts(self, nodes: Mapping[str, Any]) -> np.ndarray:
        """How many of these rules vote for each class, `(texts, classes)`."""
        counts = np.zeros((len(self.rows), len(self.labels)), dtype=np.int16)
        for node in nodes.values():
            if (votes := self.votes_of(node)) is not None:
                add(counts, votes, 1)
        return counts


def add(counts: np.ndarray, votes: Vote, sign: int) -> None:
    """Add one rule's votes to the counts `(texts, classes)`, or take them away (sign -1)."""
    hits = np.flatnonzero(votes != ABSTAIN)
    counts[hits, votes[hits]] += sign


def majority(counts: np.ndarray) -> Classes:
    """The class with the most votes, `(texts,)`; -1 without votes, or where classes tie."""
    best = counts.argmax(axis=1)
    most = counts[np.arange(len(counts)), best]
    tied = (counts == most[:, None]).sum(axis=1) > 1
    classes: Classes = np.where((most > 0) & ~tied, best, ABSTAIN)
    return classes


def votes_in_time(
    rule: Rule, records: pl.DataFrame, labels: LabelSet, seconds: float = SECONDS
) -> Vote:
    """A rule's votes on many texts, in chunks that grow, so that a slow pattern is stopped.

    Patterns take linear time, so that none hangs; but a long one may be slow on every text.

    Raises:
        RuleError: the rule is wrong, or would take longer than `seconds`.
    """
    parts, first, size, start = [np.empty(0, np.int16)], 0, PROBE, time.monotonic()
    while first < len(records):
        chunk = records[first : first + size]
        began = time.monotonic()
        parts.append(collect_votes({"the rule": rule}, chunk, labels)[:, 0])
        first += len(chunk)
        now = time.monotonic()
        left = (now - began) * (len(records) - first) / len(chunk)
        if first < len(records) and (now - start > seconds or (size > PROBE and left > seconds)):
            raise RuleError(
                f"the rule would take more than {seconds:.0f} seconds to vote on "
                f"{len(records):,} texts; make its pattern shorter"
            )
        size = min(size * 10, LARGEST)
    return np.concatenate(parts)


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
        RuleError: the rule is wrong, takes too long, or its present votes are unknown.
    """
    start, none = time.monotonic(), np.full(len(trial.rows), ABSTAIN, dtype=np.int16)
    before = trial.votes_of(nodes[name]) if name in nodes else none
    now = trial.votes_of(node)
    if before is None or now is None:
        raise RuleError(f"{name} is of a kind that can only be tried with `wsal rules watch`")
    counts = trial.counts(nodes)
    touched = np.flatnonzero(before != now)
    former = majority(counts[touched])
    add(counts, before, -1)
    add(counts, now, 1)
    latter = majority(counts[touched])
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
        "precision": [
            line for known in trial.known if (line := _precision(known, nodes, name, node, trial))
        ],
        "texts": len(trial.rows),
        "is_sample": trial.scale > 1,
        "seconds": time.monotonic() - start,
    }


def _changes(before: Classes, now: Classes) -> dict[str, Rows]:
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
    names = trial.labels.names
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
    known: Known, nodes: Mapping[str, Any], name: str, node: Mapping[str, Any], trial: Trial
) -> dict[str, Any] | None:
    """The share of right votes before and after, with 95% intervals; None without any vote."""
    rules = {"now": build(node, name)} | (
        {"before": build(nodes[name], name)} if name in nodes else {}
    )
    votes = collect_votes(rules, known.records, trial.labels)
    shares = {
        key: share_right(votes[:, place], known.gold, known.weights)
        for place, key in enumerate(rules)
    }
    return {"source": known.source, **shares} if any(shares.values()) else None


def share_right(
    votes: Vote, gold: Classes, weights: Weights
) -> dict[str, float | int | None] | None:
    """The weighted share of right votes and its interval; None if there is no vote."""
    cast = votes != ABSTAIN
    if not cast.any():
        return None
    own = weights[cast]
    share = float(own @ (votes[cast] == gold[cast]) / own.sum())
    size = float(own.sum() ** 2 / (own**2).sum())
    low, high = interval(share * size, size)  # type: ignore[arg-type]
    return {"n": int(cast.sum()), "share": share, "low": low, "high": high}


def matching_words(words: Sequence[str]) -> list[str]:
    """The words without repetition, in their order; spaces around them do not count."""
    return [*dict.fromkeys(" ".join(word.split()) for word in words if word.strip())]
