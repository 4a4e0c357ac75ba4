"""Figures about many texts and what a model predicted for them, and none of the texts.

Each distinct text counts once, so that a chi-square test applies to the counts. A summary has the
same size however many texts it is about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal.errors import ConfigError
from wsal.json_files import read_json_object, write_json
from wsal.serving.exported import Exported
from wsal.serving.words import Words

REFERENCE = "reference.json"
CLASSES, CONFIDENCE, WORDS, NEW_WORDS, DISTANCE = (
    "classes", "confidence", "words", "new_words", "distance",
)  # fmt: skip
EDGES: dict[str, tuple[float, ...]] = {
    CONFIDENCE: tuple(n / 20 for n in range(20)),
    WORDS: (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 30, 50, 100, 200),
    NEW_WORDS: (0, 1, 2, 3, 4, 5, 8),
    DISTANCE: (0, *range(4, 24)),
}
"""The smallest value in each bin. Distance is the mean surprise of a text's words, in bits."""
Counts = dict[str, list[int]]


@dataclass(frozen=True)
class Summary:
    """Figures about texts and predictions."""

    model: str
    """The digest of the model."""
    labels: tuple[str, ...]
    n_texts: int = 0
    """Distinct texts."""
    n_abstained: int = 0
    counts: Counts = field(default_factory=dict)
    """`classes`: texts predicted as each class. Others: texts in each bin of `EDGES`."""
    begin: str = ""
    """When the texts were predicted: ISO 8601, in UTC."""
    end: str = ""
    about: str = ""
    """Which texts these are, for people."""
    n_left_out: int = 0
    """Texts that were not counted, because the server had too much to do."""

    def plus(self, other: "Summary") -> "Summary":
        """Both together; features that one of them lacks are left out.

        Raises:
            ConfigError: they are by models with different classes.
        """
        if self.labels != other.labels:
            raise ConfigError("summaries by models with different classes cannot be added up")
        if not (self.n_texts and other.n_texts):
            return self if self.n_texts else other
        both = [name for name in self.counts if name in other.counts]
        sums = {name: np.add(self.counts[name], other.counts[name]).tolist() for name in both}
        begins = [moment for moment in (self.begin, other.begin) if moment]
        return Summary(
            self.model if self.model == other.model else "several",
            self.labels,
            self.n_texts + other.n_texts,
            self.n_abstained + other.n_abstained,
            sums,
            min(begins, default=""),
            max(self.end, other.end),
            self.about or other.about,
            self.n_left_out + other.n_left_out,
        )

    def write(self, path: Path) -> None:
        """Write it as JSON, all or nothing."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Summary":
        """The summary in a file.

        Raises:
            ConfigError: the file is no summary. MissingArtifactError: there is no such file.
        """
        try:
            return cls.of_facts(read_json_object(path, "expected a summary"))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"{path} is not a summary; expected a file that `wsal predict --summary` or "
                f"`wsal serve --summaries` wrote, or an exported folder ({error})"
            ) from error

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "Summary":
        """The summary in plain values, as `facts` returns them."""
        summary = cls(**{**facts, "labels": tuple(facts["labels"])})
        sizes = {CLASSES: len(summary.labels), **{name: len(e) for name, e in EDGES.items()}}
        for name, counts in summary.counts.items():
            if len(counts) != sizes[name]:
                raise ValueError(f"{name} has {len(counts)} counts; expected {sizes[name]}")
        return summary

    def without_times(self) -> "Summary":
        """The same without its times, so that the same export has the same files."""
        return replace(self, begin="", end="")

    def facts(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def summarise(
    exported: Exported,
    words: Words | None,
    texts: Sequence[str] | pl.Series,
    classes: np.ndarray,
    probabilities: np.ndarray,
    about: str = "",
) -> Summary:
    """The summary of distinct texts, none of them empty, with the likeliest class of each.

    Args:
        exported: the model.
        words: those of its training pool; without them, `words`, `new_words` and `distance` are
            left out.
        texts: as `Exported.text_of` returns them.
        classes: `(texts,)`.
        probabilities: `(texts,)`, of these classes.
        about: which texts these are.
    """
    counts = {
        CLASSES: np.bincount(classes, minlength=len(exported.labels)).tolist(),
        CONFIDENCE: _binned(CONFIDENCE, probabilities),
    }
    if words is not None:
        values = words.measure(pl.Series(texts, dtype=pl.String))
        for name, of_name in zip((WORDS, NEW_WORDS, DISTANCE), values, strict=True):
            counts[name] = _binned(name, of_name)
    n_abstained = int(exported.abstains(classes, probabilities).sum())
    now = moment()
    return Summary(
        exported.digest, exported.labels, len(classes), n_abstained, counts, now, now, about
    )


def moment() -> str:
    """The present time."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def total(summaries: Sequence[Summary]) -> Summary:
    """All of them together; there must be one at least."""
    first, *others = summaries
    for other in others:
        first = first.plus(other)
    return first


def of_partitions(facts: Sequence[Mapping[str, Any]]) -> Summary | None:
    """The summary of all partitions of `wsal predict`; None if it was not asked for."""
    parts = [Summary.of_facts(fact["summary"]) for fact in facts if "summary" in fact]
    return total(parts) if parts else None


def bin_names(name: str) -> list[str]:
    """What each bin of a feature holds, for people.

    >>> bin_names("new_words")
    ['0', '1', '2', '3', '4', '5–7', '8 or more']
    """
    edges = EDGES[name]
    if name == CONFIDENCE:
        return [f"{low:.2f}–{low + 0.05:.2f}" for low in edges]
    if name == DISTANCE:
        return [f"{low:g}–{high:g}" for low, high in pairwise(edges)] + [f"{edges[-1]:g} or more"]
    names = [f"{a:g}" if b == a + 1 else f"{a:g}–{b - 1:g}" for a, b in pairwise(edges)]
    return [*names, f"{edges[-1]:g} or more"]


def _binned(name: str, values: np.ndarray) -> list[int]:
    edges = EDGES[name]
    bins = np.searchsorted(edges, values, side="right") - 1
    counts: list[int] = np.bincount(np.clip(bins, 0, None), minlength=len(edges)).tolist()
    return counts
