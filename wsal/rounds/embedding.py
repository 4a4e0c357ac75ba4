"""Look at the whole pool with a classifier, a part at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import numpy as np

from wsal.arrays import Embeddings, Probs, Rows
from wsal.classifier.encoder import Classifier, load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import Tokens, read_shard
from wsal.json_files import fsync
from wsal.launch.sealing import Facts, Shard, WorkOnShard
from wsal.rounds.earlier import Earlier
from wsal.settings import EncoderSettings, HardwareSettings
from wsal.shards import link, read_array, shard_files

AT_ONCE = 10_000  # texts in a part: what a kill can lose
NAMES = ("embeddings", "probs")


def parts_of(n_texts: int) -> Iterator[Rows]:
    """The rows of each part of `n_texts` texts.

    Texts are batched within a part, and the last bits of an embedding depend on the batch, so
    parts must be the same in each process.
    """
    for first in range(0, n_texts, AT_ONCE):
        yield np.arange(first, min(first + AT_ONCE, n_texts))


def embed_parts(classifier: Classifier, texts: Tokens) -> Iterator[tuple[Rows, Probs, Embeddings]]:
    """Rows, probabilities and unit embeddings of each part."""
    for rows in parts_of(len(texts)):
        title = f"embed the pool, from {rows[0]:,} of {len(texts):,}"
        yield rows, *predict(classifier, texts.take(rows), title)


@dataclass(frozen=True)
class EmbedWork:
    """From the tokens of a shard to embeddings.npy and probs.npy, both in half precision."""

    uses_gpu: ClassVar = True
    tokens: Path  # of the pool
    classifier: Path
    encoder: EncoderSettings
    hardware: HardwareSettings
    pool: Path
    previous: Path | None = None
    """The folder of an earlier artifact that the same classifier made."""

    def start(self) -> WorkOnShard:
        """Load the classifier."""
        classifier = load_classifier(self.classifier, self.encoder, self.hardware)
        earlier = Earlier(self.previous, self.pool, "text_keys")
        return partial(self._embed, classifier, earlier)

    def _embed(self, classifier: Classifier, earlier: Earlier, shard: Shard) -> Facts:
        """Embed the texts that are new, in parts of their own, and take over the others."""
        texts, config = read_shard(self.tokens, shard.number), classifier.model.config
        before = earlier.rows(shard.number, len(texts))
        if self.previous and before.shard is not None:
            for name in NAMES:
                files = shard_files(self.previous / f"{name}.npy")
                link(files[before.shard], shard.folder / f"{name}.npy")
            return {"n_dims": config.hidden_size}
        new = np.flatnonzero(before.is_new)
        shard.advance(len(texts) - len(new))
        shard.parts.mkdir(exist_ok=True)
        for number, places in enumerate(parts_of(len(new))):
            files = [shard.parts / f"{name}-{number:05}.npy" for name in NAMES]
            if all(file.exists() for file in files):
                shard.advance(len(places))
                continue
            taken = texts.take(new[places])
            probs, embeddings = predict(classifier, taken, "embed", shard.advance)
            for file, array in zip(files, (embeddings, probs), strict=True):
                _save(file, array.astype(np.float16))
        for name, width in zip(NAMES, (config.hidden_size, config.num_labels), strict=True):
            file = shard.folder / f"{name}.npy"
            shape = (len(texts), width)
            whole = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)
            if self.previous and len(new) < len(texts):
                taken = read_array(self.previous / f"{name}.npy")
                for rows in parts_of(len(texts)):
                    old = rows[~before.is_new[rows]]
                    whole[old] = taken[before.rows[old]]
            for number, places in enumerate(parts_of(len(new))):
                part = shard.parts / f"{name}-{number:05}.npy"
                whole[new[places]] = np.load(part, allow_pickle=False)
            whole.flush()
        return {"n_dims": config.hidden_size}


def _save(file: Path, array: np.ndarray) -> None:
    """Write an array atomically; several processes may do so at the same time."""
    unfinished = file.with_name(f"{uuid4().hex}.unfinished")
    with unfinished.open("wb") as opened:
        np.save(opened, array, allow_pickle=False)
    fsync(unfinished)
    unfinished.replace(file)
