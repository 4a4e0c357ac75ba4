"""Choose the texts to ask about in the next round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.candidates import Candidates, Labelled, QueryStrategy, Selection
from wsal.active.label_issues import find_issues
from wsal.active.proxy import fit_proxy
from wsal.active.shortlist import rare_rows, shortlist
from wsal.active.wrappers import candidate_sizes, dropout_passes
from wsal.annotation.answers import all_answers, gold_answers
from wsal.annotation.query import REVIEW_REASON
from wsal.arrays import Classes, Embeddings, Probs, Rows
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import Classifier, load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import Tokens, read_tokens
from wsal.errors import PoolExhaustedError
from wsal.rounds.disagreement import contradicted_rules, disputed_texts, near_duplicates
from wsal.rounds.evaluation_frame import (
    evaluation_rows,
    frame_probs,
    new_frame,
    read_frame,
    write_frame,
)
from wsal.seeding import integer, rng
from wsal.settings import ActiveSettings, EncoderSettings, EvaluationSettings, HardwareSettings

DOUBTS = ("rules disagree", "the classifier contradicts its rules")
EVALUATION = "drawn at random"  # and no more: people should not know which texts measure


def select(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    votes: Artifact,
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
) -> Facts:
    """pool.parquet, the newest classifier, earlier answers -> query.parquet.

    Candidates are texts outside the frame that were not asked before. Of more than
    `active.max_candidates` a proxy of the classifier, taught on the frame, draws up a shortlist;
    for strategies that look everywhere they are drawn at random (see `candidate_sizes`).
    Beside the strategy's texts stand those of the evaluation sample, drawn from the frame, and
    (`active.review`) answered ones whose label looks wrong.
    """
    number = len(earlier_annotations) + 1
    frame = (
        read_frame(pool, earlier_queries[0])
        if earlier_queries
        else new_frame(pool, embeddings, evaluation.frame, seed)
    )
    write_frame(frame, pool, out / "frame.parquet")
    said = frame_probs(embeddings, classifier, frame)
    asked = all_answers(pool, earlier_annotations)["row"].drop_nulls()
    free = np.ones(pool.facts["n_pool"], dtype=bool)
    free[asked.to_numpy()] = False
    taken = np.flatnonzero(~free[frame.rows])
    measured = evaluation_rows(pool, frame, said, taken, number, evaluation, seed)
    free[frame.rows] = False
    left = np.flatnonzero(free)
    if not len(left):
        raise PoolExhaustedError(f"round {number}: every text of the pool was asked")
    known, gold = gold_answers(pool, earlier_annotations)
    vectors = np.load(embeddings.path / "embeddings.npy", mmap_mode="r", allow_pickle=False)
    disputed, draw = disputed_texts(votes), rng(seed, "shortlist", number)
    n_random, n_unsure = candidate_sizes(strategy, len(known), active.max_candidates)
    if len(left) <= active.max_candidates:
        n_random, n_unsure = len(left), 0
    drawn = draw.permutation(left)[:n_random]
    rows = np.sort(drawn)
    if n_unsure:
        listed = shortlist(
            vectors, left, active.disagreement * disputed[left],
            vectors[known[rare_rows(gold)]].astype(np.float32),
            fit_proxy(vectors[frame.rows], said),
            n_unsure, draw,
        )  # fmt: skip
        rows = np.union1d(drawn, listed)
    texts = read_tokens(tokens.path / "pool")
    model = load_classifier(classifier.path, encoder, hardware)
    what = f"round {number}: score candidates"
    probs, points = predict(model, texts.take(np.concatenate([rows, known])), what)
    n = len(rows)
    against = contradicted_rules(weak_labels, rows, probs[:n])
    candidates = Candidates(
        probs[:n],
        points[:n],
        labelled=Labelled(points[n:], probs[n:], gold),
        extra=active.disagreement * disputed[rows] + active.contradiction * against,
        extra_reasons=[
            " and ".join(np.compress(doubts, DOUBTS))
            for doubts in zip(disputed[rows] > 0, against > 0, strict=True)
        ],
        groups=near_duplicates(pool, rows),
        samples=_passes(strategy, len(known), model, texts.take(rows), seed, number),
        drawn=np.isin(rows, drawn) if n_random and n_unsure else None,
    )
    chosen = strategy.select(candidates, active.query_size, rng(seed, "select", number))
    settled = np.isin(known, asked.filter(asked.is_duplicated()).to_numpy())
    again = _again(vectors, known, gold, settled, active.review)
    repeated = _asked(pool, known[again.rows], probs[n + again.rows], again, tables.TRAIN)
    query = pl.concat(
        [  # what is asked again has an id of its own, so that an old answer is not taken for a new
            repeated.with_columns(id=pl.format("{}-again-{}", "id", pl.lit(number))),
            _asked(pool, rows[chosen.rows], probs[chosen.rows], chosen, tables.TRAIN),
            _asked(pool, frame.rows[measured], said[measured], _drawn(measured), tables.EVALUATE),
        ]
    )
    tables.write(_interleaved(query), out / "query.parquet", tables.QUERY)
    counts = {"n_asked": len(query), "n_evaluation": len(measured), "n_again": len(again.rows)}
    facts = {"round": number, **counts, "n_candidates": n, "n_left": len(left)}
    return facts | {"labels": pool.facts["labels"]}  # those that `predicted` counts


def _passes(
    strategy: QueryStrategy,
    n_labelled: int,
    model: Classifier,
    texts: Tokens,
    seed: int,
    number: int,
) -> Probs | None:
    """Predictions with dropout, `(passes, texts, classes)`, for a strategy that asks for them."""
    n = dropout_passes(strategy, n_labelled)
    if not n:
        return None
    seeds = [integer(seed, "passes", number, one) for one in range(n)]
    what = f"round {number}: passes with dropout"
    return np.stack([predict(model, texts, what, dropout=one)[0] for one in seeds])


def _again(
    vectors: Embeddings, known: Rows, gold: Classes, settled: np.ndarray, most: int
) -> Selection:
    """Positions in `known` of the texts to be asked about once more, worst first."""
    if not most:
        return Selection(np.empty(0, np.int64), np.empty(0, np.float32), [])
    rows, _, quality = find_issues(vectors[known].astype(np.float32), gold, rng(0, "review"))
    keep = ~settled[rows]
    rows, quality = rows[keep][:most], quality[keep][:most]
    return Selection(rows, 1 - quality, [REVIEW_REASON] * len(rows))


def _drawn(rows: Rows) -> Selection:
    return Selection(rows, np.zeros(len(rows), np.float32), [EVALUATION] * len(rows))


def _asked(
    pool: Artifact, rows: Rows, probs: Probs, chosen: Selection, purpose: str
) -> pl.DataFrame:
    return tables.take(pool.path / "pool.parquet", rows).with_columns(
        score=pl.Series(chosen.scores, dtype=pl.Float32),
        reason=pl.Series(chosen.reasons, dtype=pl.String),
        predicted=pl.Series(probs.argmax(axis=1), dtype=pl.Int64),
        confidence=pl.Series(probs.max(axis=1), dtype=pl.Float32),
        purpose=pl.lit(purpose),
    )


def _interleaved(query: pl.DataFrame) -> pl.DataFrame:
    """Texts for evaluation spread evenly among the others, and ranks given."""
    place = (pl.int_range(pl.len()).over("purpose") + 0.5) / pl.len().over("purpose")
    ordered = query.sort(place, maintain_order=True)
    return ordered.with_columns(rank=pl.int_range(1, pl.len() + 1))
