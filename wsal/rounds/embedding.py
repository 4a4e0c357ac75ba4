"""Look at the whole pool with a classifier, a part at a time."""

from collections.abc import Iterator

import numpy as np

from wsal.arrays import Embeddings, Probs, Rows
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import Tokens

AT_ONCE = 10_000  # texts in a part: what a kill can lose


def embed_parts(
    classifier: Classifier, texts: Tokens, n_done: int = 0
) -> Iterator[tuple[Rows, Probs, Embeddings]]:
    """Rows, probabilities and unit embeddings of each part, after the first `n_done` texts."""
    n = len(texts)
    for first in range(n_done, n, AT_ONCE):
        rows = np.arange(first, min(first + AT_ONCE, n))
        title = f"embed the pool, from {first:,} of {n:,}"
        yield rows, *predict(classifier, texts.take(rows), title)
