"""List the answers that look wrong, worst first, with the class that seems to fit better.

A classifier trained on the other answers disagrees with them (confident learning).
"""

import argparse

import numpy as np
from rich.markup import escape
from rich.table import Table

from wsal import tables
from wsal.active.label_issues import find_issues
from wsal.annotation.answers import gold_answers
from wsal.artifacts import Artifact
from wsal.errors import MissingArtifactError
from wsal.labels import LabelSet
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.pipeline import opened
from wsal.run.stage_table import STAGES
from wsal.run.vote_report import console
from wsal.same_rows import require_rows_of
from wsal.seeding import rng


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


def run(options: argparse.Namespace) -> None:
    """Print the table of answers.

    Raises:
        MissingArtifactError: nobody has answered yet, or the pool is not embedded.
        ConfigError: cleanlab is not installed.
    """
    run_dir = run_folder(options.run)
    pool = Artifact.open(run_dir / STAGES["prepare"].writes)
    embeddings = Artifact.open(run_dir / STAGES["embed"].writes)
    require_rows_of(pool, [embeddings])
    annotations: list[Artifact] = []
    while answered := opened(run_dir, STAGES["annotate"].writes, len(annotations) + 1):
        annotations.append(answered)
    if not annotations:
        raise MissingArtifactError(f"{run_dir} has no answers yet; run `wsal active` first")
    names = LabelSet(tuple(pool.facts["labels"])).names
    pool_rows, gold = gold_answers(pool, annotations)
    vectors = np.load(embeddings.path / "embeddings.npy", mmap_mode="r", allow_pickle=False)
    answered_vectors = vectors[pool_rows].astype(np.float32)
    issues, better, quality = find_issues(answered_vectors, gold, rng(0, "review"))
    texts = tables.take(pool.path / "pool.parquet", pool_rows[issues])
    title = (
        f"{len(issues)} of {len(pool_rows)} answers look wrong; with `active.review=N` the next "
        "rounds ask about N of them again"
    )
    table = Table(title=title, title_justify="left")
    for head in ("id", "answer", "likelier", "quality", "text"):
        table.add_column(head, justify="right" if head == "quality" else "left", overflow="fold")
    for number, issue in enumerate(issues[: options.most]):
        table.add_row(
            escape(texts["id"][number]),
            escape(names[gold[issue]]),
            escape(names[better[number]]),
            f"{quality[number]:.2f}",
            escape(texts["text"][number]),
        )
    console().print(table)
