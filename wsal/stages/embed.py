"""Look at the whole pool once with the weak-pretrained classifier."""

from pathlib import Path

import numpy as np

from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.settings import EncoderSettings, HardwareSettings

AT_ONCE = 200_000  # texts whose vectors are held in memory


def embed(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    pretrained: Artifact,
    encoder: EncoderSettings,
    hardware: HardwareSettings,
) -> Facts:
    """The pretrained classifier -> embeddings.npy `(texts, dims)` and probs.npy `(texts, classes)`.

    Both in half precision, to be read through a memory map.
    """
    n = pool.facts["n_pool"]
    texts = read_tokens(tokens.path / "pool")
    classifier = load_classifier(pretrained.path, encoder, hardware)
    config = classifier.model.config
    embeddings, said = (
        np.lib.format.open_memmap(out / f"{name}.npy", "w+", np.float16, (n, width))
        for name, width in (("embeddings", config.hidden_size), ("probs", config.num_labels))
    )
    for first in range(0, n, AT_ONCE):
        rows = np.arange(first, min(first + AT_ONCE, n))
        said[rows], embeddings[rows] = predict(classifier, texts.take(rows), "embed the pool")
    embeddings.flush()
    said.flush()
    return {"n_texts": n, "n_dims": config.hidden_size}
