"""Who answers a query: the oracle that knows gold, or people with a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import polars as pl

from wsal.annotation import sheet, tool_formats
from wsal.annotation.query import Query
from wsal.annotation.returned_sheet import SKIP, Row, matched
from wsal.errors import AnnotationError, WaitingForAnnotations
from wsal.labels import LabelSet
from wsal.seeding import rng as stream
from wsal.settings import Amount, Share

__all__ = ["LOOK_ALIKES", "NO_GOLD", "Annotator", "File", "Oracle", "Query", "ReadsFiles"]

NO_GOLD = (
    "annotator=oracle answers from gold labels, and this pool has none; use annotator=file (or "
    "web, terminal, label_studio) to have people answer, name the column with gold labels "
    "(data.layout.label=COLUMN), or ask nothing (active.rounds=0)"
)
LOOK_ALIKES = 3  # classes that an oracle takes for the right one


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


@runtime_checkable
class ReadsFiles(Protocol):
    """An annotator whose answers lie in files, which may be corrected after the round."""

    def answer_files(self, round_dir: Path) -> list[Path]:
        """The files that hold answers now, of those in the round's folder."""
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
            raise AnnotationError(NO_GOLD)
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

    def answer_files(self, round_dir: Path) -> list[Path]:
        """The sheet, or the tool's export, if it is there."""
        if tool := tool_formats.FORMATS.get(self.format):
            return [path for path in _named("answers", tool.exports, round_dir) if path.exists()]
        return [path for path in _named("query", (f".{self.format}",), round_dir) if path.exists()]

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """The answers in the file, one row a text; writes the query first if it is not there.

        Texts that left the pool are not waited for; without an answer they are left out.
        """
        given, what, found = self._rows(query)
        back = matched(found, query, given, others=self.format in tool_formats.FORMATS)
        query.notes.extend(back.notes)
        wait_for = [row.id for row in back.rows if not row.label and row.id not in query.gone]
        if wait_for:
            absent = [one for one in back.missing if one in wait_for]
            lost = len(absent) if found else 0
            raise WaitingForAnnotations(
                f"{len(wait_for)} of {len(back.rows)} texts in {given} wait for an answer: {what}, "
                "then run the same command again"
                + (f"; {lost} of them are not in it (ids {_some(absent)})" if lost else "")
                + "".join(f"; {note}" for note in back.notes)
                + self._others(query.round_dir, given)
            )
        rows = [row for row in back.rows if row.label]
        return sheet.table(rows, self.name)

    def _rows(self, query: Query) -> tuple[Path, str, list[Row]]:
        """Where answers stand, what people are to do, and the answers."""
        tool = tool_formats.FORMATS.get(self.format)
        path = query.round_dir / f"query{tool.suffix if tool else '.' + self.format}"
        if tool is None:
            what = f"fill in the column `label` ({SKIP} skips a text)"
            return path, what, self._sheet(query, path)
        tool_formats.write(query.table, query.labels, self.format, path)
        exports = self.answer_files(query.round_dir)
        if len(exports) > 1:
            raise AnnotationError(
                f"{' and '.join(map(str, exports))} both hold answers; leave one of them there"
            )
        answers = exports[0] if exports else path.with_name(f"answers{tool.exports[0]}")
        setup = f" (classes: {path.with_name(tool.setup[0])})" if tool.setup else ""
        what = f"import {path} into {tool.tool}{setup}, answer, save the export as {answers}"
        return answers, what, tool_formats.read(answers, self.format) if exports else []

    def _sheet(self, query: Query, path: Path) -> list[Row]:
        """The rows of the sheet; it is written if it is not there, or is an older query's."""
        if path.exists():
            rows = list(sheet.read(path))
            if any(row.label for row in rows) or not matched(rows, query, path).missing:
                return rows  # never overwritten: it holds answers, or is the sheet of this query
        sheet.write(query.table, query.labels, path)
        return list(sheet.read(path))

    def _others(self, round_dir: Path, given: Path) -> str:
        """Files that may hold answers under another name, and what to do, for a message."""
        tool = tool_formats.FORMATS.get(self.format)
        own = {given.name, "labels.xml", "labels.json", "settings.json"}
        kinds = tool.exports if tool else (f".{self.format}", ".csv", ".xlsx", ".tsv")
        found = [
            path.name
            for path in sorted(round_dir.iterdir())
            if path.suffix.lower() in (*kinds, ".zip")
            and path.name not in own
            and path.stem != ("query" if tool else "")
            and not path.name.startswith(".")
        ]
        if not found:
            return ""
        return (
            f". Beside it lies {_some(found)}: if the answers are in there, save it as "
            f"{given.with_suffix(Path(found[0]).suffix) if tool else given}"
        )


def _named(stem: str, suffixes: Iterable[str], folder: Path) -> list[Path]:
    return [folder / f"{stem}{suffix}" for suffix in suffixes]


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
