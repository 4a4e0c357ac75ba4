"""Choose the texts to ask about in the next round, where a text may have several classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.active.candidates import QueryStrategy
from wsal.active.multilabel import doubt_view, reason_of
from wsal.annotation.annotators import Annotator
from wsal.annotation.answers import all_answers
from wsal.annotation.early import keeps_journal, open_in_journal
from wsal.annotation.multilabel_answers import answered_sets
from wsal.annotation.multilabel_query import write_guesses
from wsal.arrays import Embeddings, Probs, Rows
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.evaluation.multilabel import f1_thresholds
from wsal.labels import LabelSet
from wsal.multilabel import joined
from wsal.rounds.ask_again import with_texts
from wsal.rounds.early import early_rows, rows_to_ask_again
from wsal.rounds.evaluation_frame import (
    frame_probs,
    new_frame,
    pool_probs,
    read_frame,
    sample_size,
    write_frame,
)
from wsal.rounds.multilabel_gold import rarest
from wsal.rounds.pool_search import search_shards
from wsal.rounds.query import PoolReader, RoundState, choose_query, nothing_early
from wsal.settings import (
    ActiveSettings,
    EncoderSettings,
    EvaluationSettings,
    HardwareSettings,
    LauncherSettings,
)
from wsal.shards import read_array


def select(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    votes: Artifact,
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
    launcher: LauncherSettings,
    **_: Any,  # noqa: ANN401
) -> Facts:
    """pool.parquet, the newest classifier -> query.parquet, guesses.parquet, frame.parquet.

    Strategies see how unsure the classifier is of all classes of a text together; see `doubt_view`.
    """
    number, labels = len(earlier_annotations) + 1, LabelSet.of_pool(pool.facts)
    last = earlier_queries[-1] if earlier_queries else None
    if last:
        frame = read_frame(pool, last)
    else:
        frame = new_frame(doubt_view(pool_probs(embeddings)), evaluation.frame, seed)
    frame = write_frame(frame, pool, out / "frame.parquet", last)
    gold_rows, gold = answered_sets(pool, earlier_annotations)
    of_frame = frame_probs(embeddings, classifier, frame)
    model = load_classifier(classifier.path, encoder, hardware)
    pieces = read_tokens(tokens.path / "pool")

    def score(rows: Rows) -> tuple[Probs, Embeddings]:
        title = f"round {number}: score candidates"
        probs, vectors = predict(model, pieces.take(rows), title)
        return doubt_view(probs), vectors

    reader = PoolReader(
        predict=score,
        texts=lambda rows: tables.take(pool.path / "pool.parquet", rows, ["text"])["text"],
        weak_labels=lambda rows: (np.full((len(rows), 2), 0.5), np.zeros(len(rows), np.int64)),
        disputed=lambda rows: np.zeros(len(rows), np.float32),  # votes for two classes may be right
        search=lambda wanted: search_shards(
            wanted, out, embeddings.path / "embeddings.npy", votes.path / "votes.parquet", launcher
        ),
    )
    state = RoundState(
        number=number,
        embeddings=read_array(embeddings.path / "embeddings.npy"),
        frame=frame,
        frame_probs=doubt_view(of_frame),
        asked=all_answers(pool, earlier_annotations)["row"].drop_nulls().to_numpy(),
        gold_rows=gold_rows,
        gold=rarest(gold),
    )

    def early() -> Rows:
        run_dir = pool.path.parent
        open_in_journal(run_dir, number)
        return early_rows(run_dir, number, pool, frame, earlier_queries, earlier_annotations)

    def ask_again() -> Rows:
        return rows_to_ask_again(pool.path.parent, number, pool)

    asks_people = keeps_journal(annotator)
    query = choose_query(
        state,
        reader,
        strategy,
        active,
        sample_size(pool.facts, evaluation, number),
        seed,
        early if asks_people else nothing_early,
        ask_again if asks_people else nothing_early,
    )
    rows = query.table["row"].to_numpy()
    asked = with_texts(query.table, tables.take(pool.path / "pool.parquet", rows), number)
    reasons = [reason_of(reason) for reason in asked["reason"]]
    asked = asked.with_columns(
        predicted=pl.lit(-1, pl.Int16), reason=pl.Series(reasons, dtype=pl.String)
    )
    tables.write(asked, out / "query.parquet", schemas.QUERY)
    probs = predict(model, pieces.take(rows), f"round {number}: guess")[0]
    above = probs >= f1_thresholds(of_frame if len(of_frame) else probs)
    guesses = [joined(labels.names[c] for c in np.flatnonzero(row)) for row in above]
    write_guesses(dict(zip(asked["id"], guesses, strict=True)), out)
    return {
        "round": number,
        "n_asked": len(asked),
        "n_evaluation": query.n_evaluation,
        "n_again": int(asked["repeated"].sum()),
        "n_candidates": query.n_candidates,
        "n_left": query.n_left,
        "n_early": query.n_early,
        "labels": pool.facts["labels"],
    }
