"""The texts of a run in which groups are looked for: errors, uncertain texts, doubtful labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.label_issues import find_issues, out_of_fold
from wsal.annotation.answers import all_answers, gold_answers, is_llm
from wsal.arrays import Classes, Probs, Rows, Votes
from wsal.building import build
from wsal.errors import ConfigError, WsalError
from wsal.inspection.groups import Population
from wsal.inspection.judged import Judged, judged_texts, predict_rows
from wsal.inspection.run_view import RunView
from wsal.rules.base import Rule
from wsal.rules.voting import collect_votes
from wsal.seeding import rng
from wsal.shards import read_array

SAMPLE = 100_000  # texts of a larger pool that are looked at
UNCERTAIN = 0.1  # share of texts that count as uncertain
LISTED, OTHERS = 4_000, 4_000  # uncertain texts that are grouped, and others they are compared with
DOUBTFUL, FEWEST = 0.2, 10  # share of the answers, and number, that are listed as doubtful at most
QUICK = ("wsal.rules.patterns.", "wsal.rules.lookup.", "wsal.rules.numbers.")
"""Kinds of rules that vote on any texts at once, and need no files."""
COLUMNS = ["id", "text", "fields"]


def quick_rules(nodes: Mapping[str, Any]) -> dict[str, Rule]:
    """Those of the rules that vote on any texts at once, built; without those that are wrong."""
    rules: dict[str, Rule] = {}
    for name, node in nodes.items():
        if str(node.get("_target_", "")).startswith(QUICK):
            try:
                rules[name] = build(node, f"rules.{name}")
            except WsalError:
                continue
    return rules


@dataclass(frozen=True)
class Inspected:
    """What is looked at in a run, each part computed when it is first asked for."""

    view: RunView

    @cached_property
    def nodes(self) -> dict[str, Any]:
        """The configuration of the rules that have voted, by name."""
        votes = self.view.artifact("vote")
        return dict(votes.manifest["config"]["rules"]["node"]) if votes else {}

    @cached_property
    def judged(self) -> Judged | None:
        """Texts that measure the newest classifier."""
        return judged_texts(self.view)

    @cached_property
    def answered(self) -> Rows:
        """Rows of the pool that people have answered."""
        answers = all_answers(self.view.pool, self.view.of_rounds("annotate")).filter(~is_llm())
        return np.unique(answers["row"].drop_nulls().to_numpy().astype(np.int64))

    @cached_property
    def open_rows(self) -> Rows:
        """Rows, ascending, that nobody has answered and that may be trained on; of many, some.

        Empty before the first round, since it is unknown by then which texts measure.
        """
        if self.view.frame is None:
            return np.empty(0, np.int64)
        free = np.ones(tables.n_rows(self.view.pool.path / "pool.parquet"), dtype=bool)
        free[self.view.frame.rows] = False
        free[self.answered] = False
        rows = np.flatnonzero(free)
        if len(rows) <= SAMPLE:
            return rows
        return np.sort(rng(0, "workspace").choice(rows, SAMPLE, replace=False))

    @cached_property
    def n_open(self) -> int:
        """How many such texts the pool has."""
        if self.view.frame is None:
            return 0
        taken = np.union1d(self.view.frame.rows, self.answered)
        return tables.n_rows(self.view.pool.path / "pool.parquet") - len(taken)

    @cached_property
    def errors(self) -> Population | None:
        """The texts that measure; listed are those that the newest classifier gets wrong."""
        judged = self.judged
        if judged is None:
            return None
        rows = None
        if judged.reference.place == "frame" and self.view.measured:
            rows = self.view.measured.rows[judged.reference.sample.rows]
        votes, rules = self._votes(judged.records, rows)
        return Population(
            judged.records, self.view.labels, judged.gold, judged.predicted,
            judged.wrong.astype(float), judged.wrong, judged.weights, is_measured=True,
            wording="{} taken for {}", votes=votes, rules=rules, vectors=self._vectors(rows),
        )  # fmt: skip

    @cached_property
    def uncertain(self) -> Population | None:
        """Uncertain texts of the pool, and as many others to compare them with.

        Uncertain are the tenth of the texts of which a linear stand-in for the classifier is least
        sure.
        """
        rows = self.open_rows
        probs = predict_rows(self.view, rows) if len(rows) else None
        if probs is None or probs.shape[1] < 2:
            return None
        margin = _margin(probs)
        is_uncertain = np.zeros(len(rows), dtype=bool)
        least_sure = np.argsort(margin, kind="stable")[: max(int(UNCERTAIN * len(rows)), 1)]
        is_uncertain[least_sure] = True
        draw, parts = rng(0, "workspace", "uncertain"), []
        for part, most in ((is_uncertain, LISTED), (~is_uncertain, OTHERS)):
            parts.append(np.sort(draw.permutation(np.flatnonzero(part))[:most]))
        places = np.concatenate(parts)
        sizes = [int(is_uncertain.sum()), int((~is_uncertain).sum())]
        scale = self.n_open / len(rows)
        weights = np.concatenate(
            [np.full(len(p), scale * n / max(len(p), 1)) for p, n in zip(parts, sizes, strict=True)]
        )
        records = tables.take(self.view.pool.path / "pool.parquet", rows[places], COLUMNS)
        order = np.argsort(-probs[places], axis=1)
        votes, rules = self._votes(records, rows[places])
        return Population(
            records, self.view.labels, order[:, 0], order[:, 1], 1 - probs[places].max(axis=1),
            is_uncertain[places], weights, is_measured=False, wording="{} or {}", votes=votes,
            rules=rules, vectors=self._vectors(rows[places]),
        )  # fmt: skip

    @cached_property
    def doubtful(self) -> Population | None:
        """The answers of people to training texts; listed are those that look wrong."""
        annotations = self.view.of_rounds("annotate")
        embeddings = self.view.artifact("embed")
        rows, gold = gold_answers(self.view.pool, annotations)
        if embeddings is None or len(rows) < 10 or len(np.unique(gold)) < 2:
            return None
        vectors = read_array(embeddings.path / "embeddings.npy")[rows].astype(np.float32)
        most = max(int(DOUBTFUL * len(rows)), FEWEST)
        places, better, quality = (part[:most] for part in doubts(vectors, gold))
        likelier, doubt = gold.copy(), np.zeros(len(rows))
        likelier[places], doubt[places] = better, 1 - quality
        listed = np.isin(np.arange(len(rows)), places)
        records = tables.take(self.view.pool.path / "pool.parquet", rows, COLUMNS)
        votes, rules = self._votes(records, rows)
        return Population(
            records, self.view.labels, gold, likelier, doubt, listed, np.ones(len(rows)),
            is_measured=False, wording="labelled {}, looks like {}", votes=votes, rules=rules,
            vectors=vectors,
        )  # fmt: skip

    def _votes(self, records: pl.DataFrame, rows: Rows | None) -> tuple[Votes, tuple[str, ...]]:
        """The rules' votes `(texts, rules)`, and their names.

        For texts outside the pool, which have no stored votes, only rules that vote at once count.
        """
        voted = self.view.artifact("vote")
        if rows is not None and voted:
            table = tables.take(voted.path / "votes.parquet", rows).drop("id")
            return table.to_numpy().reshape(len(rows), -1), tuple(table.columns)
        rules = quick_rules(self.nodes)
        return collect_votes(rules, records, self.view.labels), tuple(rules)

    def _vectors(self, rows: Rows | None) -> np.ndarray | None:
        embeddings = self.view.artifact("embed")
        if embeddings is None or rows is None:
            return None
        vectors: np.ndarray = read_array(embeddings.path / "embeddings.npy")[rows]
        return vectors


def doubts(vectors: np.ndarray, gold: Classes) -> tuple[Rows, Classes, np.ndarray]:
    """Answers that look wrong, worst first: their positions, likelier classes, and qualities.

    By confident learning if cleanlab is installed; without it, those for which a model that is
    fitted to the other answers predicts another class.
    """
    try:
        return find_issues(vectors, gold, rng(0, "review"))
    except ConfigError:  # cleanlab is not installed
        names, classes = np.unique(gold, return_inverse=True)
        probs = out_of_fold(vectors, classes, rng(0, "review"))
        quality = probs[np.arange(len(gold)), classes]
        wrong = np.flatnonzero(probs.argmax(axis=1) != classes)
        order = wrong[np.argsort(quality[wrong], kind="stable")]
        return order, names[probs[order].argmax(axis=1)], quality[order]


def _margin(probs: Probs) -> np.ndarray:
    """How far the most likely class is ahead of the next, `(texts,)`."""
    top = np.partition(probs, -2, axis=1)[:, -2:]
    margin: np.ndarray = top[:, 1] - top[:, 0]
    return margin
