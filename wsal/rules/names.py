"""Rules that need nothing but the names of the classes: votes by their words and their meaning."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from wsal.arrays import ABSTAIN, Embeddings, Vote
from wsal.contents import of_files
from wsal.guidelines import check_guidelines, followed, guidelines_content, read_guidelines
from wsal.labels import LabelSet
from wsal.rules.base import Embed
from wsal.rules.class_names import is_latin, parts_of, plural, spaced, tells_apart
from wsal.rules.embedded import embedded, vote_by_embedding
from wsal.rules.finders import find_keys
from wsal.rules.mixture import fit_mixture, least_leads, sure_classes
from wsal.rules.normal import fold
from wsal.rules.similarity import Similarity
from wsal.settings import Share


@dataclass(frozen=True)
class NameKeywords:
    """Votes for the class whose name occurs, in singular or plural, its words in any order.

    A name that lists several things (`Tea & Coffee`, `Beverages/Tea`) occurs if one of them does;
    what several classes list is not looked for. Where several names occur, the one with the most
    words wins; the rule abstains where two classes have as many.

    >>> from wsal.rules.testing import vote
    >>> names = ["Freezers", "Fridge Freezers", "Tea & Coffee"]
    >>> vote(NameKeywords(), "chest freezer", "freezer with fridge", "coffees", labels=names)
    [0, 1, 2]
    """

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class whose name occurs in each text, or `ABSTAIN`."""
        votes = np.full(len(records), ABSTAIN, dtype=np.int16)
        listed = [(part, c) for c, name in enumerate(labels.names) for part in parts_of(name)]
        all_parts = [part for part, _ in listed]
        owners = {part: c for part, c in listed if all_parts.count(part) == 1}
        if records.is_empty() or not owners:
            return votes
        rows, parts, sizes = _parts_in(records["text"], list(owners))
        classes = np.array(list(owners.values()), dtype=np.int16)[parts]
        most = np.zeros(len(records), dtype=np.int64)
        np.maximum.at(most, rows, sizes)
        wins = sizes == most[rows]
        rows, classes = rows[wins], classes[wins]
        votes[rows] = classes
        votes[rows[votes[rows] != classes]] = ABSTAIN  # two classes have as many words
        return votes


def _parts_in(
    texts: pl.Series, parts: list[frozenset[str]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows and parts for which the text has all words of the part, and its number of words."""
    words = sorted(frozenset().union(*parts))
    forms = {form: i for i, word in enumerate(words) for form in (plural(word), word)}
    folded = fold(pl.Series(list(forms), dtype=pl.String), ascii_only=False).str.strip_chars()
    word_of_key = dict(zip((f" {key} " for key in folded), forms.values(), strict=True))
    rows, keys = find_keys(pl.Enum(list(word_of_key)), texts, spaced=True)
    columns = np.array(list(word_of_key.values()))[keys]
    has_word = csr_array((np.ones(len(rows), np.int32), (rows, columns)), (len(texts), len(words)))
    has_word.data[:] = 1  # a word that occurs twice counts once
    number = {word: i for i, word in enumerate(words)}
    in_part = np.zeros((len(words), len(parts)), dtype=np.int32)
    for j, part in enumerate(parts):
        in_part[[number[word] for word in part], j] = 1
    n_present = (has_word @ csr_array(in_part)).tocoo()
    complete = n_present.data == in_part.sum(axis=0)[n_present.col]
    return n_present.row[complete], n_present.col[complete], n_present.data[complete]


@dataclass(frozen=True)
class NameSimilarity:
    """Votes for the class whose name, with its description if there is one, means the most similar.

    Names and texts are embedded. Each class is a direction that starts at its name and moves
    towards the texts that are near it (`fit_mixture`), which also shows how common the class is. So
    the votes depend on all texts that the rule votes on together or, if there are more than
    100,000, on an evenly spaced sample of about 20,000. No gold is used.

    Classes whose names have no words (`A12`), or the same words as another's, get no votes: an
    encoder cannot tell them apart, unless there are descriptions. If fewer than two classes are
    left, the rule abstains everywhere.
    """

    abstain: Share = 0.5
    """Share of the texts nearest to each class for which the rule abstains: those that are nearly
    as near to another class. A classifier trained on fewer but better votes was more accurate."""
    guidelines: str | None = None
    """YAML file that maps classes to descriptions. By default, the file that annotators see."""
    encoder: str = Similarity.encoder
    """What makes the embeddings; the same values as for `encoder.path`. The default reads English:
    with it, names and descriptions in scripts other than Latin get no votes."""

    vote_together = staticmethod(vote_by_embedding)

    def content(self) -> Mapping[str, Any]:
        """The descriptions, and the encoder's files, if it is a folder."""
        check_guidelines(self.guidelines, "guidelines")
        folder = Path(self.encoder)
        files = of_files([folder]) if folder.is_dir() else {}
        return {**files, **guidelines_content(self.guidelines)}

    def seed_texts(self, labels: LabelSet) -> list[str]:
        """Name and description of each class that can be voted for; empty if there is only one.

        Raises:
            ConfigError: the descriptions cannot be read.
        """
        return list(self._seeds(labels).values())

    def vote(self, records: pl.DataFrame, labels: LabelSet, embed: Embed | None = None) -> Vote:
        """The class that each text is most similar to, or `ABSTAIN`.

        Raises:
            ConfigError: the descriptions cannot be read.
            RuleError: there are records and no `embed`, which makes the embeddings.
        """
        seeds = self.seed_texts(labels)
        if records.is_empty() or not seeds:
            return np.full(len(records), ABSTAIN, dtype=np.int16)
        embeddings = embedded([*records["text"], *seeds], self.encoder, embed)
        return self.vote_on(embeddings[: len(records)], embeddings[len(records) :], labels)

    def vote_on(self, texts: Embeddings, seeds: Embeddings, labels: LabelSet) -> Vote:
        """The votes `(texts,)`, from unit embeddings of texts and of `seed_texts`."""
        return self.voter(texts, seeds, labels)(texts)

    def voter(
        self, sample: Embeddings, seeds: Embeddings, labels: LabelSet
    ) -> Callable[[Embeddings], Vote]:
        """What computes votes from embeddings, once it has learned from those of a sample."""
        classes = np.array(list(self._seeds(labels)), dtype=np.int16)
        mixture = fit_mixture(sample, seeds)
        least = least_leads(sample, mixture, self.abstain)

        def vote(texts: Embeddings) -> Vote:
            nearest = sure_classes(texts, mixture, least)
            return np.where(nearest == ABSTAIN, ABSTAIN, classes[nearest]).astype(np.int16)

        return vote

    def _seeds(self, labels: LabelSet) -> dict[int, str]:
        """The classes that can be voted for, and the text of each; empty if there is only one."""
        descriptions = followed(read_guidelines(self.guidelines, "guidelines"), labels)
        texts = [
            f"{spaced(name).lower()}: {descriptions[name]}"
            if name in descriptions
            else spaced(name).lower()
            for name in labels.names
        ]
        any_script = self.encoder != Similarity.encoder
        readable = [any_script or is_latin(descriptions.get(name, name)) for name in labels.names]
        tells = tells_apart(texts)
        seeds = {c: text for c, text in enumerate(texts) if readable[c] and tells[c]}
        return seeds if len(seeds) > 1 else {}
