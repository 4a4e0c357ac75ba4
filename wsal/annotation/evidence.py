"""What a language model is asked about the texts of a query, and what its answers are judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import all_answers, gold_answers, renamed_classes, rows_of
from wsal.annotation.audit import KNOWN, with_people
from wsal.annotation.llm_questions import (
    class_centres,
    make_questions,
    sent_texts,
    shortlists,
    similar_gold,
)
from wsal.arrays import Rows
from wsal.artifacts import Artifact
from wsal.llm.asking import LLM
from wsal.llm.questions import Question
from wsal.seeding import rng

ANSWERS_FILE = "llm_answers.parquet"  # in an artifact of annotations
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
    n_dev: int = 0  # texts of the dev split: where there are none, only people's answers measure

    @property
    def model(self) -> str:
        """The annotator's name of the model's answers."""
        return f"{tables.LLM_PREFIX}{self.llm.settings.model}"


def gather(
    pool: Artifact,
    weak_labels: Artifact,
    embeddings: Artifact,
    earlier_annotations: Sequence[Artifact],
    llm: LLM,
    query: pl.DataFrame,
) -> Evidence:
    """The evidence for a query (columns of tables.QUERY) from what the run has so far."""
    rows = rows_of(pool, query["text"])
    asked = query.with_columns(row=rows).drop_nulls("row")
    return Evidence(
        llm,
        questions_about(pool, weak_labels, embeddings, earlier_annotations, llm, asked),
        asked.select("id").hstack(_by_rules(pool, weak_labels, asked["row"])),
        _known(pool, weak_labels, earlier_annotations),
        int(pool.facts["n_dev"]),
    )


def questions_about(
    pool: Artifact,
    weak_labels: Artifact,
    embeddings: Artifact,
    annotations: Sequence[Artifact],
    llm: LLM,
    asked: pl.DataFrame,
) -> Mapping[str, Question]:
    """By id, the question about each text: `asked` has its `id`, `text`, `row` and `predicted`.

    Examples are gold texts to train on, except for texts that are asked.
    """
    names: list[str] = pool.facts["labels"]
    vectors = np.load(embeddings.path / "embeddings.npy", mmap_mode="r", allow_pickle=False)
    rows = asked["row"].to_numpy()
    gold_rows, gold = gold_answers(pool, annotations)
    others = ~np.isin(gold_rows, rows)
    gold_rows, gold = gold_rows[others], gold[others]
    similar = similar_gold(vectors[rows], vectors[gold_rows], llm.settings.examples)
    shown = _sent(pool, gold_rows, llm)
    examples = [[(shown[n], names[gold[n]]) for n in own] for own in similar]
    options: list[tuple[str, ...]] = [tuple(names)] * len(rows)
    if len(names) > llm.settings.options:
        ruled = _by_rules(pool, weak_labels, asked["row"])["rule_label"]
        likely = [
            [c for c in (predicted, names.index(label) if label else -1) if c >= 0]
            for predicted, label in zip(asked["predicted"], ruled, strict=True)
        ]
        centres = _centres(weak_labels, vectors, len(names), gold_rows, gold)
        options = shortlists(
            asked["text"].to_list(), vectors[rows], centres, names, likely, llm.settings.options
        )
    texts = _sent(pool, rows, llm)
    made = make_questions(texts, options, examples, llm.settings.descriptions())
    return dict(zip(asked["id"], made, strict=True))


def _sent(pool: Artifact, rows: Rows, llm: LLM) -> list[str]:
    """What of these rows of the pool may be sent."""
    records = tables.take(pool.path / "pool.parquet", rows)
    return sent_texts(records["text"].to_list(), records["fields"].to_list(), llm.settings.fields)


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
    rows = np.sort(rng(0, "class centres").permutation(n)[:CENTRE_TEXTS])
    weak = tables.take(path, rows)
    covered = (weak["n_votes"] > 0).to_numpy()
    probs = tables.probs_array(weak)[covered]
    return class_centres(
        vectors[np.concatenate([rows[covered], gold_rows])],
        np.concatenate([probs.argmax(axis=1), gold]),
        np.concatenate([probs.max(axis=1, initial=0), np.ones(len(gold))]),
        n_classes,
    )


def _by_rules(pool: Artifact, weak_labels: Artifact, rows: pl.Series) -> pl.DataFrame:
    """For each row of the pool (null: none), what the rules alone say."""
    names = pl.Series(pool.facts["labels"], dtype=pl.String)
    present = rows.is_not_null()
    held = rows.drop_nulls().to_numpy()
    alone = weak_labels.path / RULES_FILE
    if alone.exists():
        table = tables.take(alone, held)
        label, probability = table["label"].cast(pl.Int64), table["probability"]
        label = label.set(label < 0, None)
    else:
        table = tables.take(weak_labels.path / "weak_labels.parquet", held)
        probs = tables.probs_array(table)
        label = pl.Series(probs.argmax(axis=1), dtype=pl.Int64).set(table["n_votes"] == 0, None)
        probability = pl.Series(probs.max(axis=1), dtype=pl.Float32)
    found = pl.DataFrame(
        {
            "rule_label": [None if c is None else names[c] for c in label],
            "rule_probability": probability.cast(pl.Float32).set(label.is_null(), None),
        },
        schema={name: KNOWN[name] for name in ("rule_label", "rule_probability")},
    )
    places = present.cum_sum().cast(pl.Int64) - 1
    return found[places.set(~present, None)] if len(found) else found.clear(len(rows))


def _known(pool: Artifact, weak_labels: Artifact, annotations: Sequence[Artifact]) -> pl.DataFrame:
    """The model's answers of earlier rounds, one for each text, under present class names."""
    paths = [artifact.path / ANSWERS_FILE for artifact in annotations]
    parts = [tables.read(path, tables.LLM_ANSWERS) for path in paths if path.exists()]
    answers = pl.concat([pl.DataFrame(schema=tables.LLM_ANSWERS), *parts])
    answers = answers.unique("text", keep="last", maintain_order=True).with_columns(
        label=pl.col("label").replace(renamed_classes(pool))
    )
    answers = with_people(answers, all_answers(pool, annotations))
    ruled = _by_rules(pool, weak_labels, rows_of(pool, answers["text"]))
    return answers.hstack(ruled).select(*KNOWN)
