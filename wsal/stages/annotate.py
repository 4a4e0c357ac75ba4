"""Have a round's query answered."""

from pathlib import Path

from wsal import tables
from wsal.active.annotators import Annotator, Query
from wsal.artifacts import Artifact, Facts
from wsal.errors import AnnotationError
from wsal.labels import LabelSet
from wsal.seeding import rng


def annotate(
    out: Path, *, pool: Artifact, query: Artifact, annotator: Annotator, seed: int
) -> Facts:
    """query.parquet -> annotations.parquet, once every text asked is answered or skipped."""
    number = query.facts["round"]
    gold = tables.read(pool.path / "gold.parquet", tables.GOLD)
    asked = Query(
        table=tables.read(query.path / "query.parquet", tables.QUERY),
        labels=LabelSet(tuple(pool.facts["labels"])),
        gold=dict(gold.iter_rows()),
        round_dir=query.path.parent,
    )
    answers = annotator.annotate(asked, rng(seed, "annotate", number))
    if number == 1 and answers["label"].null_count() == len(answers):
        raise AnnotationError(
            "every text of the first round was skipped, so there is nothing to learn from; "
            "answer at least one, and run the same command again"
        )
    answers = answers.join(asked.table.select("id", "purpose"), on="id", maintain_order="left")
    tables.write(answers, out / "annotations.parquet", tables.ANNOTATIONS)
    n_skipped = answers["label"].null_count()
    n_unseen = len(asked.table) - len(answers)  # the round was ended before anybody decided them
    counts = {"n_labels": len(answers) - n_skipped, "n_skipped": n_skipped, "n_unseen": n_unseen}
    return {"round": number, **counts}
