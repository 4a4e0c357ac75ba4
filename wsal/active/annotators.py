"""Who answers a query: the oracle that knows gold, or people with a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import polars as pl

from wsal.active import formats, sheet
from wsal.errors import AnnotationError, WaitingForAnnotations
from wsal.labels import LabelSet
from wsal.seeding import rng as stream
from wsal.settings import Amount, Share

LOOK_ALIKES = 3  # classes that an oracle takes for the right one


@dataclass(frozen=True)
class Query:
    """What is asked in one round."""

    table: pl.DataFrame  # columns of tables.QUERY, most wanted first
    labels: LabelSet
    gold: Mapping[str, int]  # id -> class, for the oracle alone; empty where nothing is known
    round_dir: Path  # a folder for what passes between people and wsal


@runtime_checkable
class Annotator(Protocol):
    """Answers queries."""

    @property
    def human(self) -> bool:
        """Whether answers cost a person's time: wsal never throws such answers away."""
        ...

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:
        """Columns of tables.ANSWERS, one row a text asked.

        Raises:
            WaitingForAnnotations: the query lies ready, and its answers are not all there.
            AnnotationError: an answer cannot be taken.
        """
        ...


@dataclass(frozen=True)
class Oracle:
    """Answers from the gold labels that the source brought: for simulation."""

    noise: Share = 0.0
    """Share of its answers that are wrong."""
    look_alikes: Share = 0.0
    """Share of the wrong answers that fall on one of three classes it takes for the right one,
    always the same three; the others fall on any class."""
    abstains: Share = 0.0
    """Share of texts that it skips."""
    seconds: Amount = 5.0
    """The time an answer is said to take, the median of all."""
    spread: Amount = 0.0
    """How much that time varies: the standard deviation of its logarithm."""

    human = False

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:
        """The gold label of each text, or another; a text without gold is skipped."""
        if not query.gold:
            raise AnnotationError(
                "annotator=oracle answers from gold labels, and this pool has none; "
                "use annotator=file to have people answer"
            )
        answers = [
            self._answer(query.gold.get(one), query.labels, rng) for one in query.table["id"]
        ]
        times = self.seconds * np.exp(self.spread * rng.normal(size=len(answers)))
        return sheet.annotations(query.table["id"], answers, "oracle", times.tolist())

    def _answer(self, known: int | None, labels: LabelSet, rng: np.random.Generator) -> str | None:
        wrong, alike, silent = rng.random(3) < (self.noise, self.look_alikes, self.abstains)
        others = np.delete(np.arange(len(labels)), [] if known is None else known)
        if alike:
            others = stream(0, "look-alikes", -1 if known is None else known).permutation(others)
            others = others[:LOOK_ALIKES]
        other = int(rng.choice(others))
        if known is None or silent:
            return None
        return labels.names[other if wrong else known]


@dataclass(frozen=True)
class File:
    """People fill in a sheet, or use another tool: `rounds/NNN/query.*` is written for them."""

    format: Literal["csv", "xlsx", "label_studio", "argilla", "prodigy", "doccano"] = "csv"
    """A sheet is filled in where it lies; a tool's export is put beside it as `answers.*`."""
    name: str = "file"
    """Who answers, for the record."""

    human = True

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """The answers in the file; writes the query first if it is not there."""
        given, what, found = self._rows(query)
        rows = sheet.checked(found, query.table["id"], query.labels, given)
        if n_open := sum(row.label == "" for row in rows):
            raise WaitingForAnnotations(
                f"{n_open} of {len(rows)} texts in {given} wait for an answer: {what}, "
                "then run the same command again"
            )
        return sheet.table(rows, query.table["id"], self.name)

    def _rows(self, query: Query) -> tuple[Path, str, Iterable[sheet.Row]]:
        """Where answers stand, what people are to do, and the answers."""
        tool = formats.FORMATS.get(self.format)
        path = query.round_dir / f"query{tool.suffix if tool else '.' + self.format}"
        if tool is None:
            if not path.exists():
                sheet.write(query.table, query.labels, path)
            what = f"fill in the column `label` ({sheet.SKIP} skips a text)"
            return path, what, sheet.read(path)
        if not path.exists():
            formats.write(query.table, query.labels, self.format, path)
        answers = path.with_name(f"answers{tool.suffix}")
        setup = f" (classes: {path.with_name(tool.setup[0])})" if tool.setup else ""
        what = f"import {path} into {tool.tool}{setup}, answer, save the export as {answers}"
        return answers, what, formats.read(answers, self.format) if answers.exists() else ()
