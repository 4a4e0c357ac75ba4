"""Look at the whole pool once with the weak-pretrained classifier."""

import json
import shutil
from pathlib import Path

import numpy as np

from wsal.artifacts import CHECKPOINTS, Artifact, Facts, write_json
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.settings import EncoderSettings, HardwareSettings

AT_ONCE = 10_000  # texts between two notes of how far it is: what a kill can lose


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

    Both in half precision, to be read through a memory map. Killed, it goes on after the texts
    that were noted as done.
    """
    n = pool.facts["n_pool"]
    texts = read_tokens(tokens.path / "pool")
    classifier = load_classifier(pretrained.path, encoder, hardware)
    config = classifier.model.config
    widths = {"embeddings": config.hidden_size, "probs": config.num_labels}
    scratch = out / CHECKPOINTS
    scratch.mkdir(exist_ok=True)
    noted = scratch / "done.json"
    n_done = json.loads(noted.read_text()) if noted.exists() else 0
    embeddings, probs = (
        np.lib.format.open_memmap(
            scratch / f"{name}.npy", "r+" if n_done else "w+", np.float16, (n, w)
        )
        for name, w in widths.items()
    )
    for first in range(n_done, n, AT_ONCE):
        rows = np.arange(first, min(first + AT_ONCE, n))
        what = f"embed the pool, from {first:,} of {n:,}"
        probs[rows], embeddings[rows] = predict(classifier, texts.take(rows), what)
        embeddings.flush()
        probs.flush()
        write_json(noted, int(rows[-1]) + 1)
    for name in widths:
        _second_name(scratch / f"{name}.npy", out / f"{name}.npy")
    return {"n_texts": n, "n_dims": config.hidden_size}


def _second_name(file: Path, name: Path) -> None:
    """Let a file be found under another name, too; moved, a kill could part it from its pair."""
    try:
        name.hardlink_to(file)
    except OSError:  # a file system without links
        shutil.copyfile(file, name)
