"""What the strategies know of the pool, read where it lies on the disk."""

from collections.abc import Callable

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.shortlist import Search
from wsal.arrays import Embeddings, Probs, Rows, Scores
from wsal.artifacts import Artifact
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.labels import LabelSet
from wsal.members import members_of
from wsal.rounds.disagreement import disputed
from wsal.rounds.query import PoolReader
from wsal.settings import EncoderSettings, HardwareSettings


def pool_reader(
    pool: Artifact,
    tokens: Artifact,
    votes: Artifact,
    weak_labels: Artifact,
    classifier: Artifact,
    encoder: EncoderSettings,
    hardware: HardwareSettings,
    number: int,
    search: Callable[[Search], np.ndarray],
) -> PoolReader:
    """The pool's texts, weak labels and predictions, read where they lie on the disk."""
    model = load_classifier(classifier.path, encoder, hardware)
    pieces = read_tokens(tokens.path / "pool")

    def score(rows: Rows) -> tuple[Probs, Embeddings]:
        return predict(model, pieces.take(rows), f"round {number}: score candidates")

    def texts(rows: Rows) -> pl.Series:
        return tables.take(pool.path / "pool.parquet", rows, ["text"])["text"]

    def weak(rows: Rows) -> tuple[Probs, np.ndarray]:
        path = weak_labels.path / "weak_labels.parquet"
        table = tables.take(path, rows, ["probs", "n_votes"])
        return tables.probs_array(table), table["n_votes"].to_numpy()

    def is_disputed(rows: Rows) -> Scores:
        cast = tables.take(votes.path / "votes.parquet", rows).drop("id").to_numpy().T
        none = np.zeros(len(rows), np.float32)
        return disputed(cast, members_of(LabelSet.of_pool(pool.facts))) if len(cast) else none

    return PoolReader(score, texts, weak, is_disputed, search)
