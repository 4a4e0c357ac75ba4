"""Have people check a random sample of a new batch, and release the part that is good enough.

People label a few texts at a time, without seeing the predictions. As soon as it is certain enough,
the batch is released: all of it, or the most confident part with the precision that you ask for.
The other rows are written to a file, the most uncertain first. To continue after a break, run the
same command again.

  wsal accept runs/shop/exported june.csv --precision 0.95
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsal.annotation.annotators import Annotator, File, Oracle
from wsal.annotation.terminal import Terminal
from wsal.arrays import Rows
from wsal.artifacts import Artifact
from wsal.errors import ConfigError
from wsal.evaluation.parts import Goal, next_texts
from wsal.files.places import local_path, place_digest
from wsal.rounds.acceptance_batch import PREDICTED, Batch, Group, groups_of, is_right
from wsal.rounds.acceptance_folder import (
    answers_so_far,
    ask,
    by_text,
    keep_plan,
    lay_out,
    rounds_so_far,
    write_query,
)
from wsal.rounds.acceptance_result import Outcome, predicted_batch, write_result
from wsal.run.accept_lines import show_result, show_step
from wsal.run.loop import locked
from wsal.serving.backends import BACKENDS, Model
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.multilabel import refuse_sets
from wsal.serving.sources import Source
from wsal.serving.target import TARGETS

SHEETS = ("csv", "xlsx")
WAYS = ("web", "terminal", *SHEETS, "oracle")
PER_STEP = {"web": (5, 50), "terminal": (5, 50), "oracle": (5, 50), "csv": (25, 100),
            "xlsx": (25, 100)}  # fmt: skip
"""The fewest and the most texts of a step: sheets go to and fro, so they are longer."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal accept`."""
    option = parser.add_argument
    option("model", type=Path, help="an exported folder, such as runs/NAME/exported")
    option("batch", type=local_path, help="the new batch: a table that `wsal predict` can read")
    option(
        "--precision",
        type=float,
        default=0.95,
        metavar="SHARE",
        help="the least share of right predictions in the released part (default: 0.95)",
    )
    option(
        "--error",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="the largest probability of releasing a part with less (default: 0.05)",
    )
    option(
        "--labels",
        type=int,
        default=500,
        metavar="N",
        help="the most texts to ask people about (default: 500)",
    )
    option(
        "--above",
        type=float,
        default=0.0,
        metavar="P",
        help="judge only predictions with at least this probability (default: all)",
    )
    option("--by-class", action="store_true", help="judge each predicted class by itself")
    option(
        "--annotator",
        choices=WAYS,
        default="web",
        help="how people answer: on a page, in the terminal or in a sheet (default: web); oracle: "
        "take the answers from the column that --gold names, to try it out",
    )
    option("--gold", metavar="COLUMN", help="column of the batch with the right classes")
    option("--folder", type=Path, help="folder for answers and results (default: BATCH.acceptance)")
    option("--guidelines", metavar="FILE", help="a YAML file: class -> what belongs in it")
    option(
        "--port", type=int, default=8765, help="port of the page; 0: any free one (default: 8765)"
    )
    option("--no-browser", action="store_true", help="do not open a browser")
    option("--fields", help="columns to read, separated by commas (default: those of the model)")
    option("--prefix", default="", help="put this before the names of the added columns")
    option("--backend", default="auto", help=f"{', '.join(BACKENDS)} (default: the fastest)")
    option("--seed", type=int, default=0, help="seed of the order of the texts (default: 0)")


@dataclass(frozen=True)
class _Acceptance:
    """What a command works on."""

    folder: Path
    batch: Batch
    groups: list[Group]
    goal: Goal
    way: str
    n_labels: int
    about: dict[str, Any]


def run(options: argparse.Namespace) -> None:
    """Ask until it is certain what can be released, then write the result.

    Raises:
        ConfigError: an option is not valid, or the folder holds another acceptance.
        WaitingForAnnotations: a sheet waits for answers.
    """
    goal = _goal(options)
    annotator = _annotator(options)
    model = Model.of(options.model, options.backend)
    refuse_sets(model.exported, "`wsal accept`")
    source = Source.of(options.batch)
    folder = options.folder or options.batch.with_name(f"{options.batch.name}.acceptance")
    fields = options.fields.split(",") if options.fields else None
    predict = PredictOptions(fields, 1, options.prefix)
    plan = {
        "model": model.exported.digest,
        "batch": place_digest(source.path),
        **asdict(goal),
        "above": options.above,
        "by_class": options.by_class,
        "fields": fields,
        "prefix": options.prefix,
        "seed": options.seed,
    }
    keep_plan(folder, plan)
    with locked(folder):
        batch = predicted_batch(model, source, folder / PREDICTED, predict)
        gold = batch.gold(options.gold) if options.gold else {}
        groups = groups_of(batch, options.above, by_class=options.by_class, seed=options.seed)
        about = {"model": model.exported.digest, "batch": str(options.batch), **_shown(plan)}
        acceptance = _Acceptance(
            folder, batch, groups, goal, options.annotator, options.labels, about
        )
        lay_out(folder, batch, groups, options.labels)
        with _page(annotator, folder):
            is_over = _go_on(acceptance, annotator, gold)
        show_result(folder, _written(acceptance, _kind(options.batch), is_over=is_over))


def _go_on(work: _Acceptance, annotator: Annotator, gold: dict[str, int]) -> bool:
    """Ask step by step; returns whether no further label is worth it, or none is left."""
    pool = Artifact(work.folder / "pool")
    while True:
        number, waits = rounds_so_far(work.folder)
        if not waits:
            rows = _next(work)
            if not len(rows):
                return True
            number += 1
            write_query(work.folder, number, work.batch, rows, pool)
        n_open = ask(work.folder, number, work.batch, annotator, gold)
        answers = answers_so_far(work.folder)
        given = by_text(answers, work.batch.labels.parents)
        show_step(Outcome.of(work.batch, work.groups, given, work.goal), len(answers))
        if n_open and annotator.human:
            return False


def _next(work: _Acceptance) -> Rows:
    """The rows to ask about in the next step."""
    answers = by_text(answers_so_far(work.folder), work.batch.labels.parents)
    right = is_right(work.batch, answers)
    fewest, most = PER_STEP[work.way]
    chosen: list[Rows] = []
    for group in work.groups:
        left = work.n_labels - len(answers) - sum(map(len, chosen))
        rows, _ = next_texts(group.parts, right[group.rows], work.goal, fewest, most, left)
        chosen.append(group.rows[rows])
        if sum(map(len, chosen)) >= most:
            break
    return np.concatenate([np.empty(0, np.int64), *chosen])[:most]


def _written(work: _Acceptance, kind: str, *, is_over: bool) -> dict[str, Any]:
    answers = answers_so_far(work.folder)
    given = by_text(answers, work.batch.labels.parents)
    outcome = Outcome.of(work.batch, work.groups, given, work.goal)
    about = {**work.about, "finished": is_over, "most_labels": work.n_labels}
    return write_result(work.folder, work.batch, outcome, answers, given, work.goal, kind, about)


def _goal(options: argparse.Namespace) -> Goal:
    for name in ("precision", "error"):
        value = getattr(options, name)
        if not 0 < value < 1:
            raise ConfigError(f"--{name} is {value:g}; expected a number between 0 and 1")
    if not 0 <= options.above <= 1:
        raise ConfigError(f"--above is {options.above:g}; expected a number between 0 and 1")
    if options.labels < 1:
        raise ConfigError(f"--labels is {options.labels}; expected 1 or more")
    return Goal(options.precision, options.error)


def _annotator(options: argparse.Namespace) -> Annotator:
    """Who answers, by the options."""
    if (options.annotator == "oracle") != bool(options.gold):
        raise ConfigError("--annotator oracle and --gold COLUMN go together: give both or neither")
    if options.annotator == "oracle":
        return Oracle()
    if options.annotator == "terminal":
        return Terminal(guidelines=options.guidelines)
    if options.annotator in SHEETS:
        return File(format=options.annotator)
    from wsal.web.annotator import Web  # noqa: PLC0415

    browser = not options.no_browser
    return Web(port=options.port, browser=browser, guidelines=options.guidelines)


@contextmanager
def _page(annotator: Annotator, folder: Path) -> Iterator[None]:
    """Keep the page up meanwhile, if people answer there."""
    serving = getattr(annotator, "serving", None)
    with serving(folder, 0) if serving else nullcontext():
        yield


def _kind(batch: Path) -> str:
    """The kind of the output: that of the batch, or Parquet where it is a folder or compressed."""
    kind = batch.suffix.lower().removeprefix(".")
    return kind if kind in TARGETS and not batch.is_dir() else "parquet"


def _shown(plan: dict[str, Any]) -> dict[str, Any]:
    return {name: plan[name] for name in ("above", "by_class", "seed")}
