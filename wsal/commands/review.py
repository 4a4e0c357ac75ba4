"""`wsal review`: answers that look wrong, with the class that fits better."""

from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from wsal import tables
from wsal.active.label_issues import find_issues
from wsal.annotation.answers import gold_answers
from wsal.artifacts import Artifact
from wsal.errors import MissingArtifactError
from wsal.labels import LabelSet
from wsal.run.loop import opened
from wsal.run.pipeline import STAGES
from wsal.run.vote_report import console
from wsal.same_rows import require_rows_of
from wsal.seeding import rng


def show(run_dir: Path, most: int) -> None:
    """Print at most so many of them, worst first.

    Raises:
        MissingArtifactError: nobody has answered yet, or the pool is not embedded.
    """
    pool = Artifact.open(run_dir / STAGES["prepare"].writes)
    embeddings = Artifact.open(run_dir / STAGES["embed"].writes)
    require_rows_of(pool, [embeddings])
    given, number = [], 1
    while done := opened(run_dir, STAGES["annotate"].writes, number):
        given.append(done)
        number += 1
    if not given:
        raise MissingArtifactError(f"{run_dir} has no answers yet; run `wsal active` first")
    labels = LabelSet(tuple(pool.facts["labels"]))
    known, gold = gold_answers(pool, given)
    vectors = np.load(embeddings.path / "embeddings.npy", mmap_mode="r", allow_pickle=False)
    rows, better, quality = find_issues(vectors[known].astype(np.float32), gold, rng(0, "review"))
    texts = tables.take(pool.path / "pool.parquet", known[rows])
    title = f"{len(rows)} of {len(known)} answers look wrong; `active.review=N` asks again"
    table = Table(title=title, title_justify="left")
    for name in ("id", "answer", "likelier", "quality", "text"):
        table.add_column(name, justify="right" if name == "quality" else "left", overflow="fold")
    for number, row in enumerate(rows[:most]):
        table.add_row(
            escape(texts["id"][number]), escape(labels.names[gold[row]]),
            escape(labels.names[better[number]]), f"{quality[number]:.2f}",
            escape(texts["text"][number]),
        )  # fmt: skip
    console().print(table)
