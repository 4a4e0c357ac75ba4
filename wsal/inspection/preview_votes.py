"""The texts that an edited rule is tried on, and how rules vote on them."""

import time
from collections.abc import Mapping
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
from wsal.errors import RuleError, WsalError
from wsal.inspection.groups_of_run import COLUMNS, QUICK, SAMPLE, Inspected
from wsal.labels import LabelSet
from wsal.rounds.pool_gold import gold_of_pool
from wsal.rules.base import Rule
from wsal.rules.voting import collect_votes
from wsal.seeding import random_rows, rng

SECONDS = 5.0  # of processor time that a rule may take to vote on all texts
SLACK = 2.0  # times as much that it may be expected to take, as an estimate from few texts is rough
PROBE, LARGEST = 50, 50_000  # texts of the first and the largest chunks


@dataclass(frozen=True)
class Known:
    """Texts whose class is known from one source, to see how precise a rule is."""

    source: str  # such as "the dev split"
    gold: Classes  # (texts,)
    weights: Weights  # (texts,)
    records: pl.DataFrame | None = None
    """None: the texts are among those that rules are tried on."""
    places: Rows | None = None
    """Where among these."""


@dataclass(frozen=True)
class Trial:
    """The texts that rules are tried on, and the votes that they have now.

    Votes are stored by the digest of a rule's configuration, so that only what is new votes.
    """

    inspected: Inspected
    votes: dict[str, Vote] = field(default_factory=dict)
    counted: dict[str, tuple[np.ndarray, list[str]]] = field(default_factory=dict)

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
            known.append(Known(name, judged.gold, judged.weights, judged.records))
        rows, gold = gold_answers(view.pool, view.of_rounds("annotate"))
        if len(rows):
            records = tables.take(view.pool.path / "pool.parquet", rows, COLUMNS)
            known.append(Known("answers to training texts", gold, np.ones(len(rows)), records))
        came = np.concatenate([*gold_of_pool(view.pool.path)])[self.rows]
        places = np.flatnonzero((came != ABSTAIN) & (came < len(view.labels)))  # others: parents
        if len(places):
            source = "gold labels that came with the pool"
            known.append(Known(source, came[places], np.ones(len(places)), places=places))
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

    def counts(self, nodes: Mapping[str, Any]) -> tuple[np.ndarray, list[str]]:
        """How many of these rules vote for each class or parent, and those left out.

        Left out are rules that cannot vote here, such as those that are wrong: they must not keep
        others from being edited.
        """
        key = digest_of(nodes)
        if key not in self.counted:
            counts = np.zeros((len(self.rows), len(self.labels.answers)), dtype=np.int16)
            left_out = []
            for name, node in nodes.items():
                try:
                    votes = self.votes_of(node)
                except WsalError:
                    votes = None
                if votes is None:
                    left_out.append(name)
                else:
                    add(counts, votes, 1)
            self.counted.clear()  # of the file before it was written
            self.counted[key] = counts, left_out
        counts, left_out = self.counted[key]
        return counts.copy(), left_out


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
        RuleError: the rule is wrong, or takes much more than `seconds` of processor time.
    """
    parts, first, size = [np.empty(0, np.int16)], 0, PROBE
    start = time.process_time()  # other work on the machine does not count
    while first < len(records):
        chunk = records[first : first + size]
        began = time.process_time()
        parts.append(collect_votes({"the rule": rule}, chunk, labels)[:, 0])
        first += len(chunk)
        now, n_left = time.process_time(), len(records) - first
        expected = (now - began) * n_left / len(chunk) if size > PROBE else 0.0
        if n_left and (now - start > seconds or expected > SLACK * seconds):
            raise RuleError(
                f"the rule would take more than {seconds:.0f} seconds to vote on "
                f"{len(records):,} texts; make its pattern shorter"
            )
        size = min(size * 10, LARGEST)
    return np.concatenate(parts)
