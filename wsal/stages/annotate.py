"""Get the texts of a round labelled, by people or an oracle."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from wsal import tables
from wsal.annotation.annotators import Annotator
from wsal.annotation.answers import read_query, renamed_classes, rows_of
from wsal.annotation.handed_out import answer_digests
from wsal.annotation.query import Query
from wsal.artifacts import Artifact, Facts
from wsal.errors import AnnotationError
from wsal.labels import LabelSet
from wsal.seeding import rng


def annotate(
    out: Path,
    *,
    pool: Artifact,
    query: Artifact,
    earlier_queries: Sequence[Artifact],
    annotator: Annotator,
    seed: int,
) -> Facts:
    """query.parquet -> annotations.parquet, once every text asked is answered or skipped.

    The query may be older than the pool: texts that left it since are not waited for.
    """
    number, round_dir = query.facts["round"], query.path.parent
    table = read_query(pool, query)
    rows = rows_of(pool, table["text"])
    asked = Query(
        table=table,
        labels=LabelSet(tuple(pool.facts["labels"])),
        gold=_gold(pool, table["id"], rows),
        round_dir=round_dir,
        renamed=renamed_classes(pool),
        gone=frozenset(table["id"].filter(rows.is_null())),
        earlier=pl.concat(
            [
                pl.DataFrame(schema={"id": pl.String, "text": pl.String}),
                *(_asked(earlier) for earlier in earlier_queries),
            ]
        ),
    )
    files = answer_digests(annotator, round_dir)  # of before reading: a later edit is read again
    answers = annotator.annotate(asked, rng(seed, "annotate", number))
    if number == 1 and answers["label"].null_count() == len(answers):
        if len(asked.gone) == len(table):
            raise AnnotationError(
                "every text of the first query has left the pool; to choose others, delete the "
                f"folder {round_dir}"
            )
        raise AnnotationError(
            "every text of the first round was skipped, so there is nothing to learn from; "
            "answer at least one, and run the same command again"
        )
    about = table.select("id", "text", "purpose")
    answers = answers.join(about, on="id", maintain_order="left")
    tables.write(answers, out / "annotations.parquet", tables.ANNOTATIONS)
    n_skipped = answers["label"].null_count()
    still_there = table.filter(~pl.col("id").is_in(list(asked.gone)))
    n_unseen = len(still_there.join(answers, on="id", how="anti"))  # the round was ended early
    counts = {"n_labels": len(answers) - n_skipped, "n_skipped": n_skipped, "n_unseen": n_unseen}
    return {
        "round": number, **counts, "human": annotator.human, "answers_in": files,
        "notes": asked.notes,
    }  # fmt: skip


def _asked(query: Artifact) -> pl.DataFrame:
    return tables.read(query.path / "query.parquet", tables.QUERY).select("id", "text")


def _gold(pool: Artifact, ids: pl.Series, rows: pl.Series) -> dict[str, int]:
    """The gold labels of the texts asked, by the ids that they have in the query."""
    gold = tables.read(pool.path / "gold.parquet", tables.GOLD)
    held = pl.read_parquet(pool.path / "pool.parquet", columns=["id"]).with_row_index("row")
    places = pl.DataFrame({"asked": ids, "row": rows.cast(pl.UInt32)}).drop_nulls("row")
    known = places.join(held, on="row", how="inner").join(gold, on="id", how="inner")
    found: dict[str, int] = dict(known.select("asked", "label").iter_rows())
    return found
