"""The label that most answers give a text."""

import polars as pl

from wsal.labels import Parents, finest


def majority_labels(
    answers: pl.DataFrame, text: str, parents: Parents | None = None
) -> pl.DataFrame:
    """The label that most answers give each text; of labels that tie, the newest.

    An answer that stands for several classes counts for nothing where the text has a finer one
    inside it.

    Args:
        answers: oldest first, with the columns `label` (null: skipped, which counts for nothing)
            and `text`.
        text: the name of the column that tells texts apart.
        parents: the classes that each name of several classes stands for.

    Returns:
        The columns `text` and `label`, in the order in which texts were first answered.
    """
    labelled = answers.drop_nulls("label").with_row_index("place")
    finest = _finest_only(labelled, text, parents or {})
    counts = finest.group_by(text, "label").agg(n=pl.len(), last=pl.col("place").max())
    first = labelled.group_by(text).agg(first=pl.col("place").min())
    best = counts.sort("n", "last").group_by(text).agg(pl.col("label").last())
    return best.join(first, on=text).sort("first").select(text, "label")


def _finest_only(labelled: pl.DataFrame, text: str, parents: Parents) -> pl.DataFrame:
    """The answers without those that stand for several classes where there is one inside them."""
    if not parents or not labelled["label"].is_in(list(parents)).any():
        return labelled
    labels_of = labelled.group_by(text).agg(pl.col("label").unique().alias("own"))
    kept = labels_of.with_columns(
        own=pl.col("own").map_elements(
            lambda own: sorted(finest(own, parents)), return_dtype=pl.List(pl.String)
        )
    )
    return labelled.join(kept.explode("own").rename({"own": "label"}), on=[text, "label"])
