"""The folder of an acceptance: laid out like a run, so that people answer as they do for a run.

Its pool has the texts that may be asked, and each step is a round with a query and annotations.
Answers given on the page or in the terminal are in its journal.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.annotators import Annotator
from wsal.annotation.answers import read_annotations
from wsal.annotation.handed_out import hand_out
from wsal.annotation.majority import majority_labels
from wsal.annotation.query import Query
from wsal.arrays import Rows
from wsal.artifacts import Artifact, create
from wsal.digests import MANIFEST, digest_of
from wsal.errors import ConfigError
from wsal.json_files import read_json_object, write_json
from wsal.labels import Parents
from wsal.rounds.acceptance_batch import PREDICTED, Batch, Group
from wsal.seeding import rng

PLAN, CONFIG = "plan.json", "config.json"
REASON = "drawn at random"


def keep_plan(folder: Path, plan: Mapping[str, Any]) -> None:
    """Write down what is judged, or check that it is what was judged before.

    Raises:
        ConfigError: the folder holds something else, or an acceptance with another plan: a
            guarantee does not hold for a goal that is chosen after labels were seen.
    """
    path = folder / PLAN
    if not path.exists() and folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"{folder} holds other files; give a new folder with --folder")
    if not (folder / PREDICTED).exists():  # nothing was asked yet
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, dict(plan))
        return
    before = read_json_object(path, "give a new folder with --folder")
    if other := [name for name, value in plan.items() if before.get(name) != value]:
        then, now = before.get(other[0]), plan[other[0]]
        changed = {
            "model": "with another model",
            "batch": "with another batch, or its file has changed since",
        }.get(other[0], f"with {other[0]} {then!r}, and this command has {now!r}")
        raise ConfigError(
            f"{folder} was begun {changed}; use the same again, or start over with another --folder"
        )


def lay_out(folder: Path, batch: Batch, groups: Sequence[Group], n_labels: int) -> Artifact:
    """The pool of the texts that may be asked, with all that the page needs beside it."""
    rows = [g.rows[order[:n_labels]] for g in groups for order in g.parts.orders]
    frame = pl.DataFrame({"row": np.unique(np.concatenate([np.empty(0, np.int64), *rows]))})
    frame = frame.with_columns(text=batch.texts.gather(frame["row"]))
    frame = frame.unique("text", keep="first", maintain_order=True).select(
        id="t" + pl.col("row").cast(pl.String),
        text="text",
        n_copies=pl.lit(1, pl.Int32),
        fields=pl.struct(text=pl.lit(None, pl.String)),
    )
    names, parents = list(batch.labels.names), batch.labels.parents
    inputs = {"texts": digest_of([frame["text"].to_list(), names])}
    with create(folder / "pool", {}, inputs) as (work, facts):
        tables.write(frame, work / "pool.parquet", schemas.records_schema(["text"]))
        sizes = {"n_pool": len(frame), "n_dev": 0, "n_test": 0}
        facts |= {"labels": names, **sizes, **({"parents": parents} if parents else {})}
    pool = Artifact(folder / "pool")
    of_pool = {"pool": pool.digest}
    with create(folder / "votes", {}, of_pool) as (work, facts):
        tables.write(frame.select("id"), work / "votes.parquet", schemas.votes_schema([]))
    with create(folder / "embeddings", {}, of_pool) as (work, facts):
        np.save(work / "embeddings.npy", np.zeros((len(frame), 1), np.float16))
    write_json(folder / CONFIG, {"rules": {}})  # that is all that the page reads of it
    return pool


def write_query(folder: Path, number: int, batch: Batch, rows: Rows, pool: Artifact) -> None:
    """The texts of a step as the query of round `number`, unless that is there already.

    Nobody is shown what the model predicts for them.
    """
    held = tables.read(pool.path / "pool.parquet").select("id", "text").with_row_index("place")
    asked = pl.DataFrame({"text": batch.texts.gather(rows), "row": rows})
    asked = asked.unique("text", keep="first", maintain_order=True)
    table = asked.join(held, "text", "left", maintain_order="left").select(
        "id",
        "text",
        rank=pl.int_range(pl.len()).cast(pl.Int32),
        score=pl.lit(0.0, pl.Float32),
        reason=pl.lit(REASON),
        predicted=pl.Series(batch.predicted[asked["row"].to_numpy()], dtype=pl.Int16),
        confidence=pl.Series(batch.confidence[asked["row"].to_numpy()], dtype=pl.Float32),
        purpose=pl.lit(schemas.EVALUATE),
    )
    path = _round(folder, number) / "query"
    with create(path, {}, {"pool": pool.digest}) as (work, facts):
        tables.write(table, work / "query.parquet", schemas.QUERY)
        facts |= {"round": number, "labels": list(batch.labels.names)}


def ask(
    folder: Path, number: int, batch: Batch, annotator: Annotator, gold: Mapping[str, int]
) -> int:
    """Have the query of a round answered; returns how many of its texts got no answer.

    Raises:
        WaitingForAnnotations: people can answer now, and some answers are missing.
    """
    folder_of_round = _round(folder, number)
    table = tables.read(folder_of_round / "query" / "query.parquet", schemas.QUERY)
    earlier = [
        tables.read(_round(folder, n) / "query" / "query.parquet").select("id", "text")
        for n in range(1, number)
    ]
    by_id = {i: gold[text] for i, text in table.select("id", "text").iter_rows() if text in gold}
    query = Query(
        table, batch.labels, by_id, folder_of_round,
        earlier=pl.concat([pl.DataFrame(schema={"id": pl.String, "text": pl.String}), *earlier]),
    )  # fmt: skip
    if annotator.human:
        hand_out(folder_of_round)
    answers = annotator.annotate(query, rng(0, "accept", number))
    answers = answers.join(table.select("id", "text", "purpose"), "id", maintain_order="left")
    with create(folder_of_round / "annotations", {}, {}) as (work, facts):
        tables.write(answers, work / "annotations.parquet", schemas.ANNOTATIONS)
        facts |= {"round": number, "human": annotator.human}
    return len(table) - len(answers)


def rounds_so_far(folder: Path) -> tuple[int, bool]:
    """How many steps were asked, and whether the last one waits for answers."""
    done = sorted(folder.glob(f"rounds/*/query/{MANIFEST}"))
    if not done:
        return 0, False
    last = done[-1].parents[1]
    return int(last.name), not (last / "annotations" / MANIFEST).exists()


def answers_so_far(folder: Path) -> pl.DataFrame:
    """All answers, columns of schemas.ANNOTATIONS, oldest first."""
    paths = sorted(folder.glob(f"rounds/*/annotations/{MANIFEST}"))
    parts = [read_annotations(path.with_name("annotations.parquet")) for path in paths]
    return pl.concat([pl.DataFrame(schema=schemas.ANNOTATIONS), *parts])


def by_text(answers: pl.DataFrame, parents: Parents | None = None) -> dict[str, str | None]:
    """The answer to each text, the most frequent one, then the newest; None: skipped.

    `parents` are those of the class tree: a finer answer takes precedence over a parent.
    """
    labels = dict(majority_labels(answers, "text", parents).iter_rows())
    return {text: labels.get(text) for text in answers["text"].unique(maintain_order=True)}


def _round(folder: Path, number: int) -> Path:
    return folder / "rounds" / f"{number:03d}"
