"""Who answers a query: an oracle that reads gold labels, or people by means of a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import polars as pl

from wsal.active.prices import SECONDS
from wsal.annotation import sheet, tool_formats
from wsal.annotation.inner_answers import some_inner
from wsal.annotation.multilabel_query import IN_SHEET, oracle_answers
from wsal.annotation.named_classes import SKIP_MARK
from wsal.annotation.oracle_gold import no_gold, no_gold_of_asked
from wsal.annotation.query import Query
from wsal.annotation.questions import CLASS, DEPENDS, NOT_ALL, about_groups, about_words
from wsal.annotation.returned_sheet import Row, match_answers
from wsal.errors import AnnotationError, WaitingForAnnotations
from wsal.labels import NONE, LabelSet
from wsal.seeding import rng as stream
from wsal.settings import Amount, Share

LOOK_ALIKES = 3  # classes that an oracle confuses with the right one


@runtime_checkable
class Annotator(Protocol):
    """Answers queries."""

    @property
    def human(self) -> bool:
        """Whether answers cost a person's time: wsal never throws such answers away."""
        ...

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:
        """The answers: columns of schemas.ANSWERS, one row per answered or skipped text.

        Raises:
            WaitingForAnnotations: people can answer now, and some answers are missing.
            AnnotationError: an answer cannot be accepted.
        """
        ...


@runtime_checkable
class ReadsFiles(Protocol):
    """An annotator whose answers are in files, which people may correct after the round."""

    def answer_files(self, round_dir: Path) -> list[Path]:
        """The files in the round's folder that hold answers now."""
        ...


@dataclass(frozen=True)
class Oracle:
    """Answers from the gold labels of the data source, to simulate people."""

    noise: Share = 0.0
    """Share of its answers that are wrong."""
    look_alikes: Share = 0.0
    """Share of the wrong answers that name one of three classes that the oracle confuses with the
    right one, always the same three; the others name any class."""
    abstains: Share = 0.0
    """Share of texts that it skips."""
    seconds: Amount = 5.0
    """The median of the times that answers are reported to take."""
    spread: Amount = 0.0
    """The standard deviation of the logarithm of those times."""
    inner: Share = 0.0
    """Share of texts that it answers with one of the parents above their class, at random."""

    human = False
    asks = ("text", "word", "class", "group")

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:
        """The gold label of each text, or a wrong one; a text without gold is skipped.

        Where the gold label says that a text belongs to no class, so does the answer.

        A word is answered likewise, by the gold labels of all texts with it (`word_gold`), and a
        group by those of its texts (`group_gold`). Other kinds of questions take longer or shorter
        than a text, as `wsal.active.prices` assumes.

        Raises:
            AnnotationError: none of the texts has a gold label.
        """
        if not (query.gold or query.gold_sets):
            counts = len(query.table), query.n_pool_gold, query.n_pool
            raise AnnotationError(no_gold_of_asked(*counts) if query.n_pool_gold else no_gold())
        if query.multilabel:
            return self._timed(query.table, oracle_answers(query, self, rng), "text", rng)
        answers = [
            self._answer(query.gold.get(text_id), query.labels, rng)
            for text_id in query.table["id"]
        ]
        answers = some_inner(answers, self.inner, query.labels, rng)
        times = self.seconds * np.exp(self.spread * rng.normal(size=len(answers)))
        times *= self._worth_of_guesses(query, answers)
        texts = sheet.annotations(query.table["id"], answers, "oracle", times.tolist())
        words, groups = about_words(query.questions), about_groups(query.questions)
        answers = [self._about_word(query.word_gold.get(w), query, rng) for w in words["word"]]
        of_words = self._timed(words, answers, "word", rng)
        answers = [
            self._about_group(label, query.group_gold[group] != NOT_ALL, rng)
            for group, label in groups.select("id", "label").iter_rows()
        ]
        return pl.concat([texts, of_words, self._timed(groups, answers, "group", rng)])

    def _timed(
        self, asked: pl.DataFrame, answers: list[str | None], kind: str, rng: np.random.Generator
    ) -> pl.DataFrame:
        """The answers to questions of a kind with the times that they take."""
        times = self.seconds * np.exp(self.spread * rng.normal(size=len(answers)))
        times *= SECONDS[kind] / SECONDS["text"]
        return sheet.annotations(asked["id"], answers, "oracle", times.tolist())

    def _worth_of_guesses(self, query: Query, answers: list[str | None]) -> np.ndarray:
        """`(texts,)`: how many times as long as a text's label each answer takes.

        Where the predicted class was asked about, a yes is quick, and after a no the class is
        asked.
        """
        yes_or_no = query.questions.filter(pl.col("kind") == CLASS)
        guesses = dict(yes_or_no.select("id", "label").iter_rows())
        quick = SECONDS["class"] / SECONDS["text"]
        return np.array(
            [
                1.0 if text_id not in guesses else quick + (guesses[text_id] != answer)
                for text_id, answer in zip(query.table["id"], answers, strict=True)
            ]
        )

    def _about_word(self, gold: str | None, query: Query, rng: np.random.Generator) -> str | None:
        if gold in (None, DEPENDS):
            is_wrong, is_skipped = rng.random(2) < (self.noise, self.abstains)
            other = str(rng.choice(query.labels.names))
            return None if gold is None or is_skipped else other if is_wrong else gold
        return self._answer(query.labels.code(gold), query.labels, rng)

    def _about_group(self, label: str, is_yes: bool, rng: np.random.Generator) -> str | None:  # noqa: FBT001
        is_wrong, is_skipped = rng.random(2) < (self.noise, self.abstains)
        return None if is_skipped else label if is_yes != is_wrong else NOT_ALL

    def _answer(self, gold: int | None, labels: LabelSet, rng: np.random.Generator) -> str | None:
        """The answer to one text; every answer draws equally often from `rng`."""
        wrong, look_alike, skips = rng.random(3) < (self.noise, self.look_alikes, self.abstains)
        others = np.setdiff1d(np.arange(len(labels)), [] if gold is None else gold)
        if look_alike:
            others = stream(0, "look-alikes", -1 if gold is None else gold).permutation(others)
            others = others[:LOOK_ALIKES]
        other = int(rng.choice(others))
        if gold is None or skips:
            return None
        return labels.answers[other if wrong else gold]


@dataclass(frozen=True)
class File:
    """People fill in a sheet, or use another tool: `rounds/NNN/query.*` is written for them."""

    format: Literal["csv", "xlsx", "label_studio", "argilla", "prodigy", "doccano"] = "csv"
    """A sheet (csv, xlsx) is filled in where it is; a tool's export is put beside it as
    `answers.*`."""
    name: str = "file"
    """The annotator's name in the annotations."""

    human = True

    def answer_files(self, round_dir: Path) -> list[Path]:
        """The sheet, or the tool's exports, if they are there."""
        paths = [round_dir / f"query.{self.format}"]
        if tool := tool_formats.FORMATS.get(self.format):
            paths = [round_dir / f"answers{suffix}" for suffix in tool.exports]
        return [path for path in paths if path.exists()]

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """The answers in the file, one row per text; writes the query first if it is not there.

        Texts that have left the pool are not waited for; without an answer they are left out.
        """
        path, instruction, rows = self._rows(query)
        is_tool = self.format in tool_formats.FORMATS
        answers = match_answers(rows, query, path, allow_others=is_tool)
        query.notes.extend(answers.notes)
        open_ids = [row.id for row in answers.rows if not row.label and row.id not in query.gone]
        if open_ids:
            absent = [text_id for text_id in answers.missing if text_id in open_ids] if rows else []
            message = (
                f"{len(open_ids)} of {len(answers.rows)} texts in {path} wait for an answer: "
                f"{instruction}, then run the same command again"
            )
            if absent:
                message += f"; {len(absent)} of them are not in the file (ids {_first(absent)})"
            message += "".join(f"; {note}" for note in answers.notes)
            raise WaitingForAnnotations(message + self._other_files(query.round_dir, path))
        return sheet.table([row for row in answers.rows if row.label], self.name)

    def _rows(self, query: Query) -> tuple[Path, str, list[Row]]:
        """The file with the answers, what people are to do, and the answers so far."""
        tool = tool_formats.FORMATS.get(self.format)
        if tool is None:
            path = query.round_dir / f"query.{self.format}"
            instruction = f"fill in the column `label` ({SKIP_MARK} skips a text, or write {NONE})"
            return path, instruction + IN_SHEET * query.multilabel, sheet.read_or_write(query, path)
        path = query.round_dir / f"query{tool.suffix}"
        tool_formats.write(query.table, query.labels, self.format, path, query.sets_guessed)
        exports = self.answer_files(query.round_dir)
        if len(exports) > 1:
            raise AnnotationError(
                f"{' and '.join(map(str, exports))} both hold answers; leave only one of them there"
            )
        answers = exports[0] if exports else path.with_name(f"answers{tool.exports[0]}")
        setup = f" (classes: {path.with_name(tool.setup[0])})" if tool.setup else ""
        instruction = (
            f"import {path} into {tool.tool}{setup}, answer, and save the export as {answers}"
        )
        rows = (
            tool_formats.read(answers, self.format, multilabel=query.multilabel) if exports else []
        )
        return answers, instruction, rows

    def _other_files(self, round_dir: Path, answers: Path) -> str:
        """Files that may hold answers under another name, and what to do, for a message."""
        tool = tool_formats.FORMATS.get(self.format)
        own = {answers.name, "labels.xml", "labels.json", "settings.json"}
        kinds = tool.exports if tool else (f".{self.format}", ".csv", ".xlsx", ".tsv")
        names = [
            path.name
            for path in sorted(round_dir.iterdir())
            if path.suffix.lower() in (*kinds, ".zip")
            and path.name not in own
            and path.stem != ("query" if tool else "")
            and not path.name.startswith(".")
        ]
        if not names:
            return ""
        wanted = answers.with_suffix(Path(names[0]).suffix) if tool else answers
        return (
            f". The folder also holds {_first(names)}: if the answers are in there, save it as "
            f"{wanted}"
        )


def _first(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
