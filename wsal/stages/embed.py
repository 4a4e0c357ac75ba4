"""Embed the pool once, and set the frame apart."""

from pathlib import Path

import numpy as np

from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.seeding import rng
from wsal.settings import EncoderSettings, EvaluationSettings, HardwareSettings

AT_ONCE = 200_000  # texts whose vectors are held in memory
MOST_OF_POOL = 5  # the frame is at most one in so many texts


def embed(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    pretrained: Artifact,
    encoder: EncoderSettings,
    evaluation: EvaluationSettings,
    seed: int,
    hardware: HardwareSettings,
) -> Facts:
    """The pretrained classifier -> embeddings.npy `(texts, dims)`, in half precision; frame.npy.

    The frame is a random part of the pool that is never trained on: its rows, ascending.
    frame_probs.npy has what the classifier says of it.
    """
    n = pool.facts["n_pool"]
    texts = read_tokens(tokens.path / "pool")
    size = min(evaluation.frame, n // MOST_OF_POOL)
    frame = np.sort(rng(seed, "frame").permutation(n)[:size])
    classifier = load_classifier(pretrained.path, encoder, hardware)
    shape = (n, classifier.model.config.hidden_size)
    found = np.lib.format.open_memmap(
        out / "embeddings.npy", mode="w+", dtype=np.float16, shape=shape
    )
    in_frame = []
    for first in range(0, n, AT_ONCE):
        rows = np.arange(first, min(first + AT_ONCE, n))
        probs, found[rows] = predict(classifier, texts.take(rows), "embed the pool")
        in_frame.append(probs[np.isin(rows, frame)])
    found.flush()
    np.save(out / "frame.npy", frame)
    np.save(out / "frame_probs.npy", np.concatenate(in_frame))
    return {"n_texts": n, "n_dims": shape[1], "n_frame": size}
