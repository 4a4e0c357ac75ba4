"""A run folder whose next step is `annotate`, made without any training."""

import json
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from wsal import artifacts, schemas, tables
from wsal.annotation.answers import read_annotations
from wsal.annotation.query import EARLY_REASON, REVIEW_REASON
from wsal.artifacts import Artifact
from wsal.components import Components
from wsal.json_files import write_json
from wsal.llm.settings import LLMSettings
from wsal.run.pipeline import run_stage

LABELS = ("Cup", "Pot", "Tea")


def gold_of(text):
    """The gold label in a text such as "cup 3"."""
    return text.split()[0].capitalize()


def says(percent):
    """A model that is right and states so much, except where a text has an entry of its own."""

    def with_exceptions(exceptions):
        return lambda text: exceptions.get(text, (gold_of(text), percent))

    return with_exceptions


@dataclass
class Run:
    """A run whose texts are "cup 0" to "tea 19"; a round asks some of them."""

    path: object
    labels: tuple[str, ...] = LABELS
    rules: dict = field(default_factory=dict)  # text -> (class by the rules alone, probability)
    pool_facts: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)

    def build(self):
        """Write pool, votes, weak labels and embeddings anew."""
        texts = [f"{name} {n}" for name in ("cup", "pot", "tea") for n in range(20)]
        ids = [f"id {n}" for n in range(len(texts))]
        facts = {
            "labels": list(self.labels), "renamed": {}, "fields": ["title"], "separator": " | ",
            "n_dev": 0, "n_test": 0, "n_pool": len(texts), "n_pool_gold": len(texts),
        }  # fmt: skip
        self._artifact("pool", facts | self.pool_facts, {}, self._write_pool(ids, texts))
        pool = {"pool": Artifact.open(self.path / "pool").digest}
        classes = [LABELS.index(self.rules.get(t, ("Cup", 0))[0]) for t in texts]
        p = np.array([self.rules.get(text, ("Cup", 0.0))[1] for text in texts], np.float32)
        probs = np.repeat(((1 - p) / 2)[:, None], len(self.labels), axis=1)
        probs[np.arange(len(texts)), classes] = p
        weak = pl.DataFrame({"id": ids, "n_votes": p > 0, "used": p > 0}).with_columns(
            probs=pl.Series(probs, dtype=pl.Array(pl.Float32, len(self.labels)))
        )
        schema = schemas.weak_schema(len(self.labels))
        self._artifact("weak_labels", {}, pool, lambda out: tables.write(
            weak, out / "weak_labels.parquet", schema))  # fmt: skip
        votes = pl.DataFrame({"id": ids})
        self._artifact("votes", {}, pool, lambda out: tables.write(
            votes, out / "votes.parquet", schemas.votes_schema([])))  # fmt: skip
        vectors = np.random.default_rng(0).normal(size=(len(texts), 8)) * 0.3
        vectors = (vectors + np.repeat(np.eye(3, 8), 20, axis=0)).astype(np.float16)
        self._artifact("embeddings", {}, pool, lambda out: np.save(out / "embeddings.npy", vectors))
        write_json(
            self.path / "config.json",
            {"rules": {}, "active": {"rounds": 3, "query_size": 50}} | self.config,
        )
        return self

    def _write_pool(self, ids, texts):
        def write(out):
            records = pl.DataFrame({"id": ids, "text": texts, "n_copies": 1}).with_columns(
                fields=pl.struct(title=pl.col("text"))
            )
            tables.write(records, out / "pool.parquet", schemas.records_schema(["title"]))
            gold = pl.DataFrame({"id": ids, "label": [LABELS.index(gold_of(t)) for t in texts]})
            tables.write(gold, out / "gold.parquet", schemas.GOLD)

        return write

    def ask(self, texts, number=1, *, evaluate=(), again=(), sure=(), early=()):
        """Write the query of a round."""
        records = tables.read(self.path / "pool/pool.parquet")
        ids = dict(records.select("text", "id").iter_rows())
        table = pl.DataFrame({"text": [*texts, *evaluate]}).with_columns(
            id=pl.col("text").replace_strict(ids),
            rank=pl.int_range(1, pl.len() + 1),
            score=0.5,
            predicted=pl.lit(LABELS.index("Pot")),
            confidence=pl.when(pl.col("text").is_in(list(sure))).then(0.99).otherwise(0.4),
            reason=pl.when(pl.col("text").is_in(list(again)))
            .then(pl.lit(REVIEW_REASON))
            .when(pl.col("text").is_in(list(early)))
            .then(pl.lit(EARLY_REASON))
            .otherwise(pl.lit("margin 0.1")),
            purpose=pl.when(pl.col("text").is_in(list(evaluate)))
            .then(pl.lit(schemas.EVALUATE))
            .otherwise(pl.lit(schemas.TRAIN)),
        )
        facts = {"round": number, "labels": list(LABELS), "n_evaluation": len(evaluate)}
        inputs = {"pool": Artifact.open(self.path / "pool").digest}
        self._artifact(f"rounds/{number:03d}/query", facts, inputs, lambda out: tables.write(
            table, out / "query.parquet", schemas.QUERY))  # fmt: skip

    def _artifact(self, place, facts, inputs, write):
        with artifacts.create(self.path / place, {}, inputs) as (out, own_facts):
            write(out)
            own_facts.update(facts)

    def annotate(self, annotator, server=None, number=1, seed=0, **llm):
        """Run the stage; the artifact's state, facts, answers and answers of the model."""
        settings = LLMSettings(url=server.url, model="fake", **llm) if server else LLMSettings()
        built = {"annotator": annotator, "llm": settings, "seed": seed}
        nodes = {name: {"is": repr(part)} for name, part in built.items()}
        nodes["llm"] = {"model": settings.model, "price": repr(settings.price)}
        outcome = run_stage(self.path, "annotate", Components(built, nodes), number)
        return Done(outcome)

    @property
    def round_dir(self):
        return self.path / "rounds/001"


class Done:
    """What a stage made."""

    def __init__(self, outcome):
        self.state, self.facts = outcome.state, outcome.artifact.facts
        self.digest, path = outcome.artifact.digest, outcome.artifact.path
        self.table = read_annotations(path / "annotations.parquet")
        answers = path / "llm_answers.parquet"
        self.llm = tables.read(answers, schemas.LLM_ANSWERS) if answers.exists() else None

    def labels(self, by):
        """Text -> label, of an annotator."""
        own = self.table.filter(pl.col("annotator") == by)
        return dict(own.select("text", "label").iter_rows())

    def reasons(self):
        """Text -> what became of the model's answer."""
        return dict(self.llm.select("text", "reason").iter_rows())


def manifest(path):
    """A manifest as it is on the disk."""
    return json.loads((path / "manifest.json").read_text())
