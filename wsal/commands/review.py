"""List the answers that look wrong, worst first, with the class that seems to fit better.

A classifier trained on the other answers disagrees with them (confident learning).
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from rich.markup import escape
from rich.table import Table

from wsal import tables
from wsal.active.label_issues import find_issues
from wsal.annotation.answers import coded_answers
from wsal.annotation.evidence import RunSoFar, questions_of
from wsal.artifacts import Artifact
from wsal.errors import MissingArtifactError
from wsal.labels import LabelSet
from wsal.llm.asking import LLM, open_llm
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.llm_of_run import llm_of_run
from wsal.run.multilabel_checks import refuse_run
from wsal.run.pipeline import opened, required
from wsal.run.stage_table import STAGES
from wsal.run.vote_report import console
from wsal.same_rows import require_rows_of
from wsal.seeding import rng
from wsal.shards import read_array


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal review`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    parser.add_argument(
        "--most",
        type=int,
        default=20,
        metavar="N",
        help="list at most N answers (default: %(default)s)",
    )
    parser.add_argument(
        "--llm",
        action="store_true",
        help="ask the language model of the run (llm=...) about the texts listed, for a second "
        "opinion; no label is changed",
    )


def run(options: argparse.Namespace) -> None:
    """Print the table of answers.

    Raises:
        MissingArtifactError: nobody has answered yet, or the pool is not embedded.
        ConfigError: cleanlab is not installed; or a language model is to be asked, and the run has
            none.
        LLMError: see `LLM.ask`.
    """
    run_dir = run_folder(options.run)
    refuse_run(run_dir, "`wsal review`")
    pool = required(run_dir, "prepare")
    embeddings = required(run_dir, "embed")
    require_rows_of(pool, [embeddings])
    annotations: list[Artifact] = []
    while answered := opened(run_dir, STAGES["annotate"].writes, len(annotations) + 1):
        annotations.append(answered)
    if not annotations:
        raise MissingArtifactError(f"{run_dir} has no answers yet; run `wsal active` first")
    names = LabelSet.of_pool(pool.facts).answers
    pool_rows, gold = coded_answers(pool, annotations)
    known = gold <= (n_classes := len(pool.facts["labels"]))  # a class, or none of these
    pool_rows, gold = pool_rows[known], gold[known]
    vectors = read_array(embeddings.path / "embeddings.npy")
    answered_vectors = vectors[pool_rows].astype(np.float32)
    issues, better, quality = find_issues(answered_vectors, gold, rng(0, "review"))
    texts = tables.take(pool.path / "pool.parquet", pool_rows[issues])
    model = open_llm(llm_of_run(run_dir), run_dir) if options.llm else None
    opinions, stopped = list[str](), ""
    if model:
        asked = texts.select("id", "text").with_columns(
            row=pl.Series(pool_rows[issues]),
            predicted=pl.Series(np.where(gold[issues] < n_classes, gold[issues], better)),
        )
        opinions, stopped = _opinions(model, run_dir, len(annotations), asked[: options.most])
    title = (
        f"{len(issues)} of {len(pool_rows)} answers look wrong; with `active.review=N` the next "
        "rounds ask about N of them again"
    )
    table = Table(title=title, title_justify="left")
    opinion = [f"opinion of {escape(str(model.settings.model))}"] if model else []
    for head in ("id", "answer", "likelier", "quality", *opinion, "text"):
        table.add_column(head, justify="right" if head == "quality" else "left", overflow="fold")
    for number, issue in enumerate(issues[: options.most]):
        table.add_row(
            escape(texts["id"][number]),
            escape(names[gold[issue]]),
            escape(names[better[number]]),
            f"{quality[number]:.2f}",
            *map(escape, opinions[number : number + 1] or [""] * len(opinion)),
            escape(texts["text"][number]),
        )
    console().print(table)
    if model:
        console().print(
            "The opinion is a language model's: it changes no label, and is no measure of quality."
            + (f" {stopped}." if stopped else "")
        )


def _opinions(
    model: LLM, run_dir: Path, n_rounds: int, asked: pl.DataFrame
) -> tuple[list[str], str]:
    """What the model answers to the first texts, in words, and why not to all."""
    questions = questions_of(RunSoFar.of(run_dir, n_rounds + 1), model, asked)
    replies = model.ask(list(questions.values()), "review")
    return [
        answer.label if answer.status == "class" and answer.label else answer.status
        for answer in replies.answers
    ], replies.stopped
