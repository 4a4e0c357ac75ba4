"""Choose the texts to ask about in the next round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.strategies import Candidates, QueryStrategy
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.errors import DataError
from wsal.seeding import rng
from wsal.settings import ActiveSettings, EncoderSettings, HardwareSettings


def select(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    classifier: Artifact,
    earlier_annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    strategy: QueryStrategy,
    active: ActiveSettings,
    seed: int,
    hardware: HardwareSettings,
) -> Facts:
    """pool.parquet, the newest classifier, earlier answers -> query.parquet.

    Candidates are texts not asked before, at most `active.max_candidates` of them, at random.
    """
    number = len(earlier_annotations) + 1
    ids = pl.read_parquet(pool.path / "pool.parquet", columns=["id"])["id"]
    earlier = [one.path / "annotations.parquet" for one in earlier_annotations]
    asked = pl.concat([ids.head(0), *(tables.read(path)["id"] for path in earlier)])
    left = np.flatnonzero(~ids.is_in(asked.implode()).to_numpy())
    if not len(left):
        raise DataError(f"round {number}: every text of the pool was asked; ask for fewer rounds")
    drawn = np.sort(rng(seed, "candidates", number).permutation(left)[: active.max_candidates])
    model = load_classifier(classifier.path, encoder, hardware)
    texts = read_tokens(tokens.path / "pool").take(drawn)
    probs, embeddings = predict(model, texts, f"round {number}: score pool")
    chosen = strategy.select(
        Candidates(probs, embeddings), active.query_size, rng(seed, "select", number)
    )
    asked_now = drawn[chosen.rows]
    query = tables.take(pool.path / "pool.parquet", asked_now).with_columns(
        rank=pl.int_range(1, pl.len() + 1),
        score=pl.Series(chosen.scores),
        reason=pl.Series(chosen.reasons, dtype=pl.String),
        predicted=pl.Series(probs[chosen.rows].argmax(axis=1)),
        confidence=pl.Series(probs[chosen.rows].max(axis=1)),
    )
    tables.write(query, out / "query.parquet", tables.QUERY)
    return {"round": number, "n_asked": len(query), "n_candidates": len(drawn)}
