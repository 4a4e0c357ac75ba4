"""Texts that people labelled, with their embeddings: those that are most like a text explain it.

This module does without torch, because the server reads such texts where it has not imported it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from wsal.arrays import Embeddings
from wsal.errors import ConfigError

FOLDER = "nearest"  # in an exported folder
TEXTS_FILE, EMBEDDINGS_FILE = "texts.jsonl", "embeddings.safetensors"


@dataclass(frozen=True)
class LabelledTexts:
    """Texts, their labels, and unit embeddings `(texts, dims)` by the classifier."""

    texts: Sequence[str]
    labels: Sequence[str]
    embeddings: Embeddings

    @classmethod
    def read(cls, exported: Path) -> "LabelledTexts | None":
        """Those of an exported folder; None if it has none.

        Raises:
            ConfigError: the files are damaged.
        """
        folder = exported / FOLDER
        if not folder.is_dir():
            return None
        try:
            lines = (folder / TEXTS_FILE).read_text(encoding="utf-8").split("\n")
            rows = [json.loads(line) for line in lines if line]
            embeddings = load_file(folder / EMBEDDINGS_FILE)["embeddings"]
            texts, labels = ([row[name] for row in rows] for name in ("text", "label"))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ConfigError(f"{folder} is damaged: {error}; run `wsal export` again") from error
        if len(texts) != len(embeddings):
            raise ConfigError(
                f"{folder} is damaged: it has {len(texts)} texts and {len(embeddings)} embeddings; "
                "run `wsal export` again"
            )
        return cls(texts, labels, embeddings.astype(np.float32))

    def write(self, exported: Path) -> None:
        """Write them into an exported folder; embeddings in half precision."""
        folder = exported / FOLDER
        folder.mkdir()
        rows = zip(self.texts, self.labels, strict=True)
        lines = [json.dumps({"text": t, "label": y}, ensure_ascii=False) + "\n" for t, y in rows]
        (folder / TEXTS_FILE).write_text("".join(lines), encoding="utf-8")
        half = self.embeddings.astype(np.float16)
        save_file({"embeddings": half}, folder / EMBEDDINGS_FILE)
        (folder / EMBEDDINGS_FILE).chmod(0o644)  # safetensors lets only the owner read it

    def nearest(self, embeddings: Embeddings, n: int) -> list[list[tuple[int, float]]]:
        """For each embedding, at most `n` places of texts with their cosine, the nearest first.

        >>> texts = LabelledTexts(["a", "b"], ["x", "y"], np.eye(2, dtype=np.float32))
        >>> texts.nearest(np.array([[0.0, 1.0]], dtype=np.float32), 1)
        [[(1, 1.0)]]
        """
        cosines = embeddings @ self.embeddings.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :n]
        return [
            [(place, round(float(row[place]), 4)) for place in places]
            for row, places in zip(cosines, order.tolist(), strict=True)
        ]
