"""The guesses of a query where a text may have several classes, and an oracle's answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.query import Query
from wsal.artifacts import Artifact
from wsal.labels import LabelSet
from wsal.multilabel import MARK, in_order, joined, names_in
from wsal.schemas import Schema

GUESSES_FILE = "guesses.parquet"
"""Beside query.parquet, whose column `predicted` is -1: it holds one class."""
IN_SHEET = f", several classes with {MARK} between them"
"""What the column `label` of a sheet takes, for the instruction to people."""
GUESSES: Schema = {"id": pl.String, "label": pl.String}


class Errs(Protocol):
    """An oracle, and how often it errs and skips."""

    @property
    def noise(self) -> float:
        """The share of its answers that are wrong."""
        ...

    @property
    def abstains(self) -> float:
        """The share of texts that it skips."""
        ...


def write_guesses(guesses: Mapping[str, str], folder: Path) -> None:
    """Write the predicted sets of classes, by the ids of a query."""
    table = pl.DataFrame({"id": list(guesses), "label": list(guesses.values())}, schema=GUESSES)
    tables.write(table, folder / GUESSES_FILE, GUESSES)


def read_guesses(query: Artifact) -> dict[str, str]:
    """The predicted sets of classes, by id; empty if the classes are other ones now, or unknown."""
    path = query.path / GUESSES_FILE
    if not path.exists():
        return {}
    return dict(tables.read(path, GUESSES).iter_rows())


def guesses_now(query: Artifact, labels: LabelSet) -> dict[str, str]:
    """`read_guesses` with the classes that there still are."""
    return {
        text_id: in_order(joined(name for name in names_in(guess) if name in labels), labels)
        for text_id, guess in read_guesses(query).items()
    }


def oracle_answers(query: Query, oracle: Errs, rng: np.random.Generator) -> list[str | None]:
    """Each text's gold set of classes; a wrong one lacks a class, or has one too many."""
    answers: list[str | None] = []
    for text_id in query.table["id"]:
        is_wrong, is_skipped = rng.random(2) < (oracle.noise, oracle.abstains)
        other = str(rng.choice(query.labels.names))
        gold = query.gold_sets.get(text_id)
        if gold is None or is_skipped:
            answers.append(None)
            continue
        names = set(names_in(gold))
        names ^= {other} if is_wrong else set()
        answers.append(in_order(joined(names), query.labels))
    return answers
