"""Choose the texts to ask about in the next round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.candidates import Candidates, Labelled, QueryStrategy, Selection
from wsal.active.proxy import taught
from wsal.active.review import suspects
from wsal.active.shortlist import rare_rows, shortlist
from wsal.active.wrappers import dropout_passes
from wsal.arrays import ABSTAIN, Embeddings, Probs, Rows, Scores
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import Classifier, load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import Tokens, read_tokens
from wsal.errors import DataError
from wsal.labels import LabelSet
from wsal.seeding import integer, rng
from wsal.settings import ActiveSettings, EncoderSettings, EvaluationSettings, HardwareSettings
from wsal.stages.frames import evaluation_rows, frame_of, on_frame
from wsal.stages.reweigh import answered

SURE = 0.9  # probability of a weak label that the classifier should not contradict
DOUBTS = ("rules disagree", "the classifier contradicts its rules")
EVALUATION = "drawn to measure quality, not to learn from"


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
    encoder: EncoderSettings,
    strategy: QueryStrategy,
    active: ActiveSettings,
    evaluation: EvaluationSettings,
    seed: int,
    hardware: HardwareSettings,
) -> Facts:
    """pool.parquet, the newest classifier, earlier answers -> query.parquet.

    Candidates are texts outside the frame that were not asked before; of more than
    `active.max_candidates` a proxy of the classifier, taught on the frame, draws up a shortlist.
    Beside the strategy's texts stand those of the evaluation sample, drawn from the frame, and
    (`active.review`) answered ones whose label looks wrong.
    """
    number = len(earlier_annotations) + 1
    labels = LabelSet(tuple(pool.facts["labels"]))
    ids = pl.read_parquet(pool.path / "pool.parquet", columns=["id"])["id"]
    frame, said = frame_of(embeddings), on_frame(embeddings, classifier)
    asked = [tables.read(one.path / "annotations.parquet")["id"] for one in earlier_annotations]
    free = ~ids.is_in(pl.concat([ids.head(0), *asked]).implode()).to_numpy()
    taken = np.flatnonzero(~free[frame])
    measured = evaluation_rows(pool, embeddings, said, taken, number, evaluation, seed)
    free[frame] = False
    left = np.flatnonzero(free)
    if not len(left):
        raise DataError(f"round {number}: every text of the pool was asked; ask for fewer rounds")
    known, gold = answered(ids, earlier_annotations, labels) if number > 1 else _nobody()
    vectors = np.load(embeddings.path / "embeddings.npy", mmap_mode="r", allow_pickle=False)
    disputed = _disputed(votes)
    rows = shortlist(
        vectors, left, active.disagreement * disputed[left],
        vectors[known[rare_rows(gold)]].astype(np.float32), taught(vectors[frame], said),
        active.max_candidates, rng(seed, "shortlist", number),
    ) if len(left) > active.max_candidates else left  # fmt: skip
    texts = read_tokens(tokens.path / "pool")
    model = load_classifier(classifier.path, encoder, hardware)
    what = f"round {number}: score candidates"
    probs, points = predict(model, texts.take(np.concatenate([rows, known])), what)
    n = len(rows)
    against = _contradicted(weak_labels, rows, probs[:n])
    candidates = Candidates(
        probs[:n],
        points[:n],
        labelled=Labelled(points[n:], probs[n:], gold),
        extra=active.disagreement * disputed[rows] + active.contradiction * against,
        extra_reasons=[
            " and ".join(np.compress(doubts, DOUBTS))
            for doubts in zip(disputed[rows] > 0, against > 0, strict=True)
        ],
        groups=_groups(pool, rows),
        samples=_passes(strategy, model, texts.take(rows), seed, number),
    )
    chosen = strategy.select(candidates, active.query_size, rng(seed, "select", number))
    again = _again(vectors, known, gold, labels, active.review, rng(seed, "review", number))
    query = pl.concat(
        [
            _asked(pool, known[again.rows], probs[n + again.rows], again, tables.TRAIN),
            _asked(pool, rows[chosen.rows], probs[chosen.rows], chosen, tables.TRAIN),
            _asked(pool, frame[measured], said[measured], _measuring(measured), tables.EVALUATE),
        ]
    )
    tables.write(_interleaved(query), out / "query.parquet", tables.QUERY)
    counts = {"n_asked": len(query), "n_evaluation": len(measured), "n_again": len(again.rows)}
    return {"round": number, **counts, "n_candidates": n, "n_left": len(left)}


def _nobody() -> tuple[Rows, np.ndarray]:
    return np.empty(0, np.int64), np.empty(0, np.int64)


def _disputed(votes: Artifact) -> Scores:
    """1.0 for each text of the pool on which rules vote for different classes."""
    path = votes.path / "votes.parquet"
    least = most = None
    for vote in tables.vote_columns(path):
        low = np.where(vote == ABSTAIN, np.iinfo(np.int16).max, vote)
        least = low if least is None else np.minimum(least, low)
        most = vote if most is None else np.maximum(most, vote)
    if least is None or most is None:
        return np.zeros(tables.n_rows(path), np.float32)
    scores: Scores = ((most != ABSTAIN) & (least != most)).astype(np.float32)
    return scores


def _contradicted(weak_labels: Artifact, rows: Rows, probs: Probs) -> Scores:
    """1.0 for each row whose sure weak label is not the class the classifier predicts."""
    frame = tables.take(weak_labels.path / "weak_labels.parquet", rows)
    weak = tables.probs_array(frame)
    sure = (weak.max(axis=1) >= SURE) & (frame["n_votes"].to_numpy() > 0)
    scores: Scores = (sure & (weak.argmax(axis=1) != probs.argmax(axis=1))).astype(np.float32)
    return scores


def _groups(pool: Artifact, rows: Rows) -> np.ndarray:
    """A number for each row, equal where texts differ in no letter."""
    text = tables.take(pool.path / "pool.parquet", rows)["text"]
    letters = text.str.to_lowercase().str.replace_all(r"[^\p{L}]+", " ").str.strip_chars()
    return letters.rank("dense").to_numpy().astype(np.int64)


def _passes(
    strategy: QueryStrategy, model: Classifier, texts: Tokens, seed: int, number: int
) -> Probs | None:
    """Predictions with dropout, `(passes, texts, classes)`, for a strategy that asks for them."""
    n = dropout_passes(strategy)
    if not n:
        return None
    seeds = [integer(seed, "passes", number, one) for one in range(n)]
    what = f"round {number}: passes with dropout"
    return np.stack([predict(model, texts, what, dropout=one)[0] for one in seeds])


def _again(
    vectors: Embeddings, known: Rows, gold: np.ndarray, labels: LabelSet, most: int,
    rng: np.random.Generator,
) -> Selection:  # fmt: skip
    """Positions in `known` of the texts to be asked about once more, worst first."""
    if not most:
        return Selection(_nobody()[0], np.empty(0, np.float32), [])
    rows, better, quality = suspects(vectors[known].astype(np.float32), gold, rng)
    reasons = [
        f"asked again: {labels.names[gold[row]]!r} looks wrong, {labels.names[other]!r} likelier"
        for row, other in zip(rows[:most], better[:most], strict=True)
    ]
    return Selection(rows[:most], 1 - quality[:most], reasons)


def _measuring(rows: Rows) -> Selection:
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
