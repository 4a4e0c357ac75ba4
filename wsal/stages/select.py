"""Choose the texts to ask about in the next round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.candidates import QueryStrategy
from wsal.annotation.annotators import Annotator
from wsal.annotation.answers import all_answers, gold_answers, llm_labels
from wsal.annotation.early import keeps_journal, open_in_journal
from wsal.arrays import Embeddings, Probs, Rows
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.rounds.disagreement import disputed_texts
from wsal.rounds.early import early_rows
from wsal.rounds.evaluation_frame import (
    frame_probs,
    new_frame,
    pool_probs,
    read_frame,
    sample_size,
    write_frame,
)
from wsal.rounds.llm_answers import frame_answers, read_llm_answers
from wsal.rounds.query import (
    PoolReader,
    RoundState,
    choose_query,
    nothing_early,
    with_texts,
)
from wsal.settings import ActiveSettings, EncoderSettings, EvaluationSettings, HardwareSettings


def select(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    votes: Artifact,
    llm_votes: Artifact | None = None,
    weak_labels: Artifact,
    embeddings: Artifact,
    classifier: Artifact,
    earlier_annotations: Sequence[Artifact],
    earlier_queries: Sequence[Artifact],
    encoder: EncoderSettings,
    strategy: QueryStrategy,
    active: ActiveSettings,
    evaluation: EvaluationSettings,
    seed: int,
    hardware: HardwareSettings,
    annotator: Annotator,
) -> Facts:
    """pool.parquet, the newest classifier, earlier answers -> query.parquet, frame.parquet.

    Texts that people answered while the classifier was trained are part of the query; the journal
    says which these are, so that a query made again has the same.
    """
    number = len(earlier_annotations) + 1
    if earlier_queries:
        frame = read_frame(pool, earlier_queries[0])
    else:
        measures = sample_size(pool.facts, evaluation, number) > 0
        trained_on = read_llm_answers(pool, llm_votes if measures else None).to_train_on().rows
        frame = new_frame(pool_probs(embeddings), evaluation.frame, seed, trained_on)
    write_frame(frame, pool, out / "frame.parquet")
    of_people, of_model = (
        labels(pool, earlier_annotations) for labels in (gold_answers, llm_labels)
    )
    gold_rows, gold = (np.concatenate(both) for both in zip(of_people, of_model, strict=True))
    answers = frame_answers(pool, llm_votes, frame)
    state = RoundState(
        number=number,
        embeddings=np.load(embeddings.path / "embeddings.npy", mmap_mode="r", allow_pickle=False),
        frame=frame,
        frame_probs=frame_probs(embeddings, classifier, frame),
        asked=all_answers(pool, earlier_annotations)["row"].drop_nulls().to_numpy(),
        gold_rows=gold_rows,
        gold=gold,
        disputed=disputed_texts(votes),
        answered=np.flatnonzero(answers.asked) if answers else None,
    )
    reader = _reader(pool, tokens, weak_labels, classifier, encoder, hardware, number)
    n_evaluation = sample_size(pool.facts, evaluation, number)

    def early() -> Rows:
        run_dir = pool.path.parent
        open_in_journal(run_dir, number)
        return early_rows(run_dir, number, pool, frame, earlier_queries, earlier_annotations)

    query = choose_query(
        state, reader, strategy, active, n_evaluation, seed,
        early if keeps_journal(annotator) else nothing_early,
    )  # fmt: skip
    texts = tables.take(pool.path / "pool.parquet", query.table["row"].to_numpy())
    asked = with_texts(query.table, texts, number)
    tables.write(asked, out / "query.parquet", tables.QUERY)
    return {
        "round": number,
        "n_asked": len(asked),
        "n_evaluation": query.n_evaluation,
        "n_again": int(asked["repeated"].sum()),
        "n_candidates": query.n_candidates,
        "n_left": query.n_left,
        "n_early": query.n_early,
        "labels": pool.facts["labels"],  # `predicted` is a number in this list
    }


def _reader(
    pool: Artifact,
    tokens: Artifact,
    weak_labels: Artifact,
    classifier: Artifact,
    encoder: EncoderSettings,
    hardware: HardwareSettings,
    number: int,
) -> PoolReader:
    """The pool's texts, weak labels and predictions, read where they lie on the disk."""
    model = load_classifier(classifier.path, encoder, hardware)
    pieces = read_tokens(tokens.path / "pool")

    def score(rows: Rows) -> tuple[Probs, Embeddings]:
        return predict(model, pieces.take(rows), f"round {number}: score candidates")

    def texts(rows: Rows) -> pl.Series:
        return tables.take(pool.path / "pool.parquet", rows)["text"]

    def weak(rows: Rows) -> tuple[Probs, np.ndarray]:
        table = tables.take(weak_labels.path / "weak_labels.parquet", rows)
        return tables.probs_array(table), table["n_votes"].to_numpy()

    return PoolReader(score, texts, weak)
