"""What a language model is asked about the texts of a query, and what its answers are judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import all_answers, gold_answers, rows_of
from wsal.annotation.audit import KNOWN, with_people
from wsal.annotation.llm_tables import answer_table
from wsal.annotation.similarity import class_centres, class_scores, similar_gold
from wsal.arrays import Rows
from wsal.artifacts import Artifact
from wsal.digests import MANIFEST
from wsal.llm.asking import LLM
from wsal.llm.pool_texts import questions_about, texts_to_send
from wsal.llm.questions import Question
from wsal.llm.shortlist import shortlist
from wsal.same_rows import require_rows_of
from wsal.seeding import random_rows, rng
from wsal.shards import read_array, shard_files

RULES_FILE = "rules_alone.parquet"  # beside weak labels that a language model had a part in
CENTRE_TEXTS = 20_000  # texts of the pool from which the centres of classes are computed


@dataclass(frozen=True)
class Evidence:
    """What a language model is asked about a query, and what its answers are judged by."""

    llm: LLM
    questions: Mapping[str, Question]  # id -> question, for each text that is in the pool
    rules: pl.DataFrame
    """By `id`: the likeliest class by the rules alone, `rule_label`, and its `rule_probability`;
    null where no rule voted."""
    known: pl.DataFrame  # what the model answered in earlier rounds, columns audit.KNOWN
    votes: pl.DataFrame  # what it answered beside the rules, columns schemas.LLM_ANSWERS
    n_dev: int = 0  # texts of the dev split: where there are none, only people's answers measure

    @property
    def model(self) -> str:
        """The annotator's name of the model's answers."""
        return f"{schemas.LLM_PREFIX}{self.llm.settings.model}"


@dataclass(frozen=True)
class RunSoFar:
    """What a run has when a round is asked. A query was made from all of it, or it is stale."""

    pool: Artifact
    weak_labels: Artifact
    embeddings: Artifact
    annotations: Sequence[Artifact]  # of earlier rounds
    votes: Artifact | None  # answers of a language model that votes beside the rules

    @classmethod
    def of(cls, run_dir: Path, number: int) -> "RunSoFar":
        """What the run has before round `number`.

        Raises:
            MissingArtifactError: some of it is missing, or was made from another pool.
        """
        pool, weak_labels, embeddings = (
            Artifact.open(run_dir / name) for name in ("pool", "weak_labels", "embeddings")
        )
        require_rows_of(pool, [weak_labels, embeddings])
        rounds = [run_dir / f"rounds/{n:03d}/annotations" for n in range(1, number)]
        votes = run_dir / "llm_votes"
        return cls(
            pool,
            weak_labels,
            embeddings,
            [Artifact.open(path) for path in rounds],
            Artifact.open(votes) if (votes / MANIFEST).exists() else None,
        )


def gather(run: RunSoFar, llm: LLM, query: pl.DataFrame) -> Evidence:
    """The evidence for a query (columns of schemas.QUERY)."""
    asked = query.with_columns(row=rows_of(run.pool, query["text"])).drop_nulls("row")
    return Evidence(
        llm,
        questions_of(run, llm, asked),
        asked.select("id").hstack(_by_rules(run, asked["row"])),
        _earlier_answers(run),
        _votes(run),
        int(run.pool.facts["n_dev"]),
    )


def questions_of(run: RunSoFar, llm: LLM, asked: pl.DataFrame) -> Mapping[str, Question]:
    """By id, the question about each text: `asked` has its `id`, `text`, `row` and `predicted`.

    Examples are gold texts to train on, except for texts that are asked.
    """
    names: list[str] = run.pool.facts["labels"]
    vectors = read_array(run.embeddings.path / "embeddings.npy")
    rows = asked["row"].to_numpy()
    gold_rows, gold = gold_answers(run.pool, run.annotations)
    others = ~np.isin(gold_rows, rows)
    gold_rows, gold = gold_rows[others], gold[others]
    similar = similar_gold(vectors[rows], vectors[gold_rows], llm.settings.examples)
    shown = texts_to_send(run.pool, gold_rows, llm.settings)
    examples = {
        int(row): [(shown[n], names[gold[n]]) for n in own]
        for row, own in zip(rows, similar, strict=True)
    }
    offered = None
    if len(names) > llm.settings.options:
        ruled = _by_rules(run, asked["row"])["rule_label"]
        numbers = [names.index(label) if label else -1 for label in ruled]
        centres = _centres(run.weak_labels, vectors, len(names), gold_rows, gold)
        scores = class_scores(asked["text"].to_list(), vectors[rows], centres, names)
        keep = np.column_stack([asked["predicted"].to_numpy(), np.array(numbers, dtype=np.int64)])
        offered = shortlist(scores, llm.settings.options, keep)
    made = questions_about(run.pool, rows, llm.settings, offered, examples)
    return dict(zip(asked["id"], made, strict=True))


def _centres(
    weak_labels: Artifact,
    vectors: np.ndarray,
    n_classes: int,
    gold_rows: Rows,
    gold: np.ndarray,
) -> np.ndarray:
    """The centre of each class, from gold and from a sample of the weak labels."""
    path = weak_labels.path / "weak_labels.parquet"
    n = tables.n_rows(path)
    rows = np.sort(random_rows(n, CENTRE_TEXTS, rng(0, "class centres")))
    weak = tables.take(path, rows)
    covered = (weak["n_votes"] > 0).to_numpy()
    probs = tables.probs_array(weak)[covered]
    return class_centres(
        vectors[np.concatenate([rows[covered], gold_rows])],
        np.concatenate([probs.argmax(axis=1), gold]),
        np.concatenate([probs.max(axis=1, initial=0), np.ones(len(gold))]),
        n_classes,
    )


def _by_rules(run: RunSoFar, rows: pl.Series) -> pl.DataFrame:
    """For each row of the pool (null: none), what the rules alone say."""
    names: list[str] = run.pool.facts["labels"]
    present = rows.is_not_null()
    held = rows.drop_nulls().to_numpy()
    alone = run.weak_labels.path / RULES_FILE
    if shard_files(alone)[0].exists():
        table = tables.take(alone, held)
        label, probability = table["label"].cast(pl.Int64), table["probability"]
        label = label.set(label < 0, None)
    else:
        table = tables.take(run.weak_labels.path / "weak_labels.parquet", held)
        probs = tables.probs_array(table)
        label = pl.Series(probs.argmax(axis=1), dtype=pl.Int64).set(table["n_votes"] == 0, None)
        probability = pl.Series(probs.max(axis=1), dtype=pl.Float32)
    table = pl.DataFrame(
        {
            "rule_label": [None if c is None else names[c] for c in label],
            "rule_probability": probability.cast(pl.Float32).set(label.is_null(), None),
        },
        schema={name: KNOWN[name] for name in ("rule_label", "rule_probability")},
    )
    places = present.cum_sum().cast(pl.Int64) - 1
    return table[places.set(~present, None)] if len(table) else table.clear(len(rows))


def _earlier_answers(run: RunSoFar) -> pl.DataFrame:
    """What the model answered before, under present class names; of several to a text, the last."""
    answers = answer_table(run.votes, run.annotations, run.pool)
    answers = answers.unique("text", keep="last", maintain_order=True)
    answers = with_people(answers, all_answers(run.pool, run.annotations))
    ruled = _by_rules(run, rows_of(run.pool, answers["text"]))
    return answers.hstack(ruled).select(*KNOWN)


def _votes(run: RunSoFar) -> pl.DataFrame:
    """The valid answers that were given beside the rules, under present class names."""
    return answer_table(run.votes, [], run.pool).filter(pl.col("status") != "invalid")
