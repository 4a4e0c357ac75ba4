"""Get the texts of a round labelled, where a text may have several classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from wsal import schemas, tables
from wsal.annotation.annotators import Annotator
from wsal.annotation.answers import read_query, renamed_classes, rows_of
from wsal.annotation.handed_out import answer_digests, hand_out
from wsal.annotation.multilabel_answers import gold_of_asked
from wsal.annotation.multilabel_query import read_guesses
from wsal.annotation.query import Query
from wsal.annotation.split import forget_split
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
    **_: Any,  # noqa: ANN401
) -> Facts:
    """query.parquet -> annotations.parquet, once every text asked is answered or skipped.

    An answer's `label` has the names of all classes of the text; see `wsal.multilabel`.
    """
    number, round_dir = query.facts["round"], query.path.parent
    table = read_query(pool, query)
    rows = rows_of(pool, table["text"])
    earlier = [tables.read(q.path / "query.parquet", schemas.QUERY) for q in earlier_queries]
    empty = pl.DataFrame(schema={"id": pl.String, "text": pl.String})
    asked = Query(
        table=table,
        labels=LabelSet.of_pool(pool.facts),
        gold={},
        multilabel=True,
        gold_sets={} if annotator.human else gold_of_asked(pool, table["id"], rows),
        guesses=read_guesses(query),
        round_dir=round_dir,
        renamed=renamed_classes(pool),
        gone=frozenset(table["id"].filter(rows.is_null())),
        earlier=pl.concat([empty, *(part.select("id", "text") for part in earlier)]),
    )
    if annotator.human:
        forget_split(round_dir)
        hand_out(round_dir)
    files = answer_digests(annotator, round_dir)  # of before reading: a later edit is read again
    answers = annotator.annotate(asked, rng(seed, "annotate", number))
    about = table.select("id", "text", "purpose")
    answers = answers.join(about, on="id", maintain_order="left")
    if number == 1 and answers["label"].null_count() == len(answers):
        raise AnnotationError(
            "no text of the first round has an answer to learn from: all were skipped, or have "
            "left the pool; answer at least one, and run the same command again"
        )
    tables.write(answers, out / "annotations.parquet", schemas.ANNOTATIONS)
    n_skipped = answers["label"].null_count()
    still_there = table.filter(~pl.col("id").is_in(list(asked.gone)))
    return {
        "round": number,
        "n_labels": len(answers) - n_skipped,
        "n_skipped": n_skipped,
        "n_unseen": len(still_there.join(answers, on="id", how="anti")),
        "human": annotator.human,
        "answers_in": files,
        "notes": asked.notes,
    }
