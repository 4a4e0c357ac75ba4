"""Embed the whole pool with the weakly trained classifier."""

import json
import shutil
from pathlib import Path

import numpy as np

from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.encoder import load_classifier
from wsal.classifier.tokens import read_tokens
from wsal.json_files import write_json
from wsal.rounds.embedding import embed_parts
from wsal.settings import EncoderSettings, HardwareSettings


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

    Both in half precision, to be read through a memory map. After a kill it goes on where it was.
    """
    n = pool.facts["n_pool"]
    texts = read_tokens(tokens.path / "pool")
    classifier = load_classifier(pretrained.path, encoder, hardware)
    config = classifier.model.config
    widths = {"embeddings": config.hidden_size, "probs": config.num_labels}
    scratch = out / CHECKPOINTS
    scratch.mkdir(exist_ok=True)
    progress = scratch / "done.json"
    n_done = json.loads(progress.read_text()) if progress.exists() else 0
    embeddings, probs = (
        np.lib.format.open_memmap(
            scratch / f"{name}.npy", "r+" if n_done else "w+", np.float16, (n, width)
        )
        for name, width in widths.items()
    )
    for rows, part_probs, part_embeddings in embed_parts(classifier, texts, n_done):
        probs[rows], embeddings[rows] = part_probs, part_embeddings
        embeddings.flush()
        probs.flush()
        write_json(progress, int(rows[-1]) + 1)
    for name in widths:
        _link(scratch / f"{name}.npy", out / f"{name}.npy")
    return {"n_texts": n, "n_dims": config.hidden_size}


def _link(file: Path, name: Path) -> None:
    """Give a file a second name. If it were moved, a kill could part it from the other file."""
    try:
        name.hardlink_to(file)
    except OSError:  # a file system without links
        shutil.copyfile(file, name)
