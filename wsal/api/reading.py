"""How a loop reads rows of its pool."""

import numpy as np

from wsal.active.shortlist import search
from wsal.api.label_model import WeakLabels
from wsal.arrays import Embeddings, Probs, Rows, Scores
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import Tokens
from wsal.rounds.query import PoolReader


def pool_reader(
    model: Classifier,
    tokens: Tokens,
    weak: WeakLabels,
    vectors: Embeddings,
    disputed: Scores,
    number: int,
) -> PoolReader:
    """Read texts, weak labels and predictions for rows of the pool, in round `number`.

    `vectors` `(texts, dims)` are searched; `disputed` is `(texts,)`.
    """

    def score(rows: Rows) -> tuple[Probs, Embeddings]:
        return predict(model, tokens.take(rows), f"round {number}: score candidates")

    def weak_labels(rows: Rows) -> tuple[Probs, np.ndarray]:
        return weak.probs[rows], weak.table.n_votes[rows]

    texts = weak.votes.pool.texts
    return PoolReader(
        score,
        lambda rows: texts[rows],
        weak_labels,
        lambda rows: disputed[rows],
        lambda wanted: search(wanted, vectors, disputed > 0),
    )
