"""A language model answers what it can be trusted with, alone or in a cascade with people."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import schemas
from wsal.annotation import audit, sheet
from wsal.annotation.annotators import Annotator, Oracle, ReadsFiles
from wsal.annotation.early import Serving, keeps_journal
from wsal.annotation.evidence import Evidence
from wsal.annotation.handed_out import hand_out, is_handed_out
from wsal.annotation.llm_tables import spent
from wsal.annotation.majority import majority_labels
from wsal.annotation.query import Query
from wsal.annotation.routing import Routing, everything_to_people, route
from wsal.annotation.split import (
    MODEL,
    NOBODY,
    PEOPLE,
    answers_in,
    for_people,
    read_split,
    with_present_names,
    write_split,
)
from wsal.errors import AnnotationError, ConfigError
from wsal.llm.settings import LLMSettings
from wsal.settings import Share

NO_LLM = (
    "annotator={} asks a language model, and there is none: choose one, for example llm=local "
    "llm.model=NAME, or another annotator"
)
NO_PEOPLE = (
    "annotator=cascade asks people what the language model cannot be trusted with, and in their "
    "place an oracle answers from gold labels, of which this pool has none; say who answers, for "
    "example annotator@annotator.people=web (or file, terminal, label_studio), or use "
    "annotator=llm to ask nobody"
)


@dataclass(frozen=True)
class Llm:
    """A language model answers alone; texts for evaluation stay unanswered."""

    accept: Share = 0.8
    """Least probability, after calibration, of an answer that is accepted; other texts are
    skipped."""
    rule_precision: Share = 0.9
    """An answer is not accepted if the rules alone give another class at least this
    probability."""

    human = False

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """Accepted answers to training texts; the others are skipped.

        Raises:
            ConfigError: there is no language model.
            LLMError: see `LLM.ask`.
        """
        evidence = _evidence(query, "llm")
        split = route(query, evidence, Routing(self.accept, self.rule_precision))
        _report(query, split)
        n = int((query.table["purpose"] == schemas.EVALUATE).sum())
        query.facts.update(n_people=0, n_not_asked=n)
        if n:
            query.notes.append(
                f"{n} evaluation texts are unanswered, because only people's answers may measure; "
                + ("the dev split does" if evidence.n_dev else "so nothing measures the quality")
            )
        asked = split.drop_nulls("status")
        labels = [
            row["label"] if row["goes_to"] == MODEL else None for row in asked.iter_rows(named=True)
        ]
        return sheet.annotations(asked["id"], labels, evidence.model)


@dataclass(frozen=True)
class Cascade:
    """The classifier, a language model, people: each text goes to the cheapest that can be trusted.

    Texts for evaluation always go to people.

    Raises:
        ConfigError: `people` is a language model, too.
    """

    people: Annotator
    """Who answers what the language model does not: an annotator with settings of its own. Choose
    it with `annotator@annotator.people=web`."""
    sure: Share = 0.95
    """A training text is not asked if the classifier is at least so confident."""
    accept: Share = 0.8
    """Least probability, after calibration, of an answer of the language model that is accepted."""
    rule_precision: Share = 0.9
    """A text goes to people if the rules alone give another class than the language model's at
    least this probability."""
    audit: Share = 0.1
    """Share of acceptable answers whose texts people answer, too, without knowing it."""
    least_precision: Share = 0.75
    """Classes go back to people once the lower bound of their audited precision is below this."""
    guidelines: str | None = None
    """File that describes the classes, for rules by class names; by default that of the people."""

    def __post_init__(self) -> None:
        if isinstance(self.people, Llm | Cascade):
            raise ConfigError(
                "annotator.people is a language model; it must be people (web, file, terminal, "
                "label_studio) or an oracle"
            )

    @property
    def human(self) -> bool:
        """Whether people answer, or an oracle in their place."""
        return self.people.human

    @property
    def serving(self) -> Serving | None:
        """What keeps the people's page up while a command works; None if they have none."""
        serving: Serving | None = getattr(self.people, "serving", None)
        return serving

    @property
    def keeps_journal(self) -> bool:
        """Whether people's answers are written to the journal of the run."""
        return keeps_journal(self.people)

    def answer_files(self, round_dir: Path) -> list[Path]:
        """The files that hold people's answers now."""
        return self.people.answer_files(round_dir) if isinstance(self.people, ReadsFiles) else []

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:
        """The answers of people, and those of the language model that are accepted.

        Raises:
            ConfigError: there is no language model.
            LLMError: see `LLM.ask`; people are not asked then.
            AnnotationError, WaitingForAnnotations: see the annotator `people`.
        """
        evidence = _evidence(query, "cascade")
        if isinstance(self.people, Oracle) and not query.gold:
            raise AnnotationError(NO_PEOPLE)
        split = self._split(query, evidence)
        table = for_people(query.table, split)
        part = replace(query, table=table, evidence=None)
        answers = self.people.annotate(part, rng) if len(table) else _no_answers()
        returned = self._returned(evidence.known, split, answers)
        late = (pl.col("goes_to") == MODEL) & pl.col("label").is_in(returned)
        reason = pl.when(late).then(pl.lit(audit.RETURNED)).otherwise("reason")
        to = pl.when(late).then(pl.lit(NOBODY)).otherwise("goes_to")
        split = split.with_columns(reason=reason, goes_to=to)
        _report(query, split)
        query.facts.update(returned_classes=returned, n_not_asked=query.facts["n_sure"])
        accepted = split.filter(
            pl.col("goes_to") == MODEL, pl.col("label").is_in(list(query.labels.names))
        )
        model = sheet.annotations(accepted["id"], accepted["label"].to_list(), evidence.model)
        return pl.concat([answers, model])

    def _split(self, query: Query, evidence: Evidence) -> pl.DataFrame:
        """Who answers what; once people were asked, what was decided then."""
        asks_people = self.human and is_handed_out(query.round_dir)
        split = read_split(query.round_dir, query.table) if asks_people else None
        if split is not None:
            return with_present_names(split, query.renamed)
        if asks_people:  # by another annotator: they may have answered any of the texts
            query.notes.append("people were given all texts of this round before")
            split = everything_to_people(query, audit.ASKED_BEFORE)
        else:
            returned = audit.returned_classes(evidence.known, self.least_precision)
            settings = Routing(
                self.accept, self.rule_precision, self.sure, self.audit, returned, "go to people"
            )
            split = route(query, evidence, settings)
        if self.human:
            write_split(split, query.round_dir)
            if (split["goes_to"] == PEOPLE).any():
                hand_out(query.round_dir)
        return split

    def _returned(
        self, known: pl.DataFrame, split: pl.DataFrame, answers: pl.DataFrame
    ) -> list[str]:
        """The classes that go back to people, after this round's audit."""
        people = majority_labels(answers, "id").rename({"label": "people"})
        new = split.drop_nulls("status").join(people, on="id", how="left", maintain_order="left")
        new = new.with_columns(
            rule_label=pl.lit(None, pl.String), rule_probability=pl.lit(None, pl.Float32)
        )
        known = pl.concat([known, new.select(*audit.KNOWN)])
        known = known.unique("text", keep="last", maintain_order=True)
        return audit.returned_classes(known, self.least_precision)


def check_llm(annotator: Annotator, llm: LLMSettings) -> None:
    """Check that there is a language model if an annotator asks one.

    Raises:
        ConfigError: there is none.
    """
    if isinstance(annotator, Llm | Cascade) and not llm.url:
        raise ConfigError(NO_LLM.format("llm" if isinstance(annotator, Llm) else "cascade"))


def _evidence(query: Query, annotator: str) -> Evidence:
    if query.evidence is None:
        raise ConfigError(NO_LLM.format(annotator))
    return query.evidence


def _report(query: Query, split: pl.DataFrame) -> None:
    """What became of the texts, for the facts of the stage; all answers of the model."""
    answers, reasons = answers_in(split), split["reason"].value_counts()
    n = dict(reasons.iter_rows())
    query.llm_answers.append(answers)
    report: dict[str, Any] = {
        "n_llm": int((split["goes_to"] == MODEL).sum()),
        "n_people": int((split["goes_to"] == PEOPLE).sum()),
        "n_audited": n.get(audit.AUDIT, 0),
        "n_sure": n.get(audit.SURE, 0),
        "llm": spent(answers),
    }
    query.facts.update(report)


def _no_answers() -> pl.DataFrame:
    return pl.DataFrame(schema=schemas.ANSWERS)
