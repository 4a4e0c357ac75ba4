"""Annotated records multiplied: each gets a few rewritten copies that keep its label."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.amplify import operations
from wsal.amplify.lexicon import Lexicon
from wsal.amplify.operations import Record
from wsal.arrays import Classes, Rows, Weights
from wsal.seeding import rng as stream
from wsal.settings import AmplifySettings

OPERATIONS = {
    "attribute_swap": operations.attribute_swap,
    "unit_rewrite": operations.unit_rewrite,
    "code_mask": operations.code_mask,
    "segment_permute": operations.segment_permute,
    "field_dropout": operations.field_dropout,
}


@dataclass(frozen=True)
class Amplified:
    """The copies, and where each comes from."""

    texts: list[str]
    parent: Rows  # (copies,): row of the record it was made from
    operation: list[str]
    weight: Weights  # (copies,): sums to `settings.weight` over a record's copies


def rewrite(
    records: pl.DataFrame,
    classes: Classes,
    lexicon: Lexicon,
    settings: AmplifySettings,
    rng: np.random.Generator,
    real: Collection[str] = (),
) -> Amplified:
    """Up to `settings.copies` copies of each record, none equal to a real text or to another.

    A record's copies depend on `rng`, its id, text and fields only. Of equal copies of several
    records the one with the smallest id is kept, or none if they are of different classes.

    Args:
        records: annotated records with columns `id`, `text` and `fields` (a struct of strings).
        classes: `(records,)`, their gold classes.
        lexicon: from `mine`.
        settings: how many copies, and how.
        rng: one number is drawn from it, whatever the records.
        real: further texts that no copy may be equal to, such as the pool's.
    """
    seed = int(rng.integers(2**31))
    fields = records["fields"].struct.unnest().rows()
    rows = zip(records["id"], records["text"], fields, classes.tolist(), strict=True)
    made = pl.DataFrame(
        [
            (text, parent, operation, key, label)
            for parent, (key, original, parts, label) in enumerate(rows)
            for text, operation in _copies(
                Record(original, label, parts), lexicon, settings, stream(seed, key)
            )
        ],
        schema={
            "text": pl.String, "parent": pl.Int64, "operation": pl.String, "id": pl.String,
            "label": pl.Int64,
        },
        orient="row",
    )  # fmt: skip
    taken = pl.Series([*records["text"], *real], dtype=pl.String).implode()
    kept = made.filter(
        ~pl.col("text").is_in(taken),
        pl.col("label").n_unique().over("text") == 1,
        pl.col("id") == pl.col("id").min().over("text"),
    ).with_columns(weight=settings.weight / pl.len().over("parent"))
    return Amplified(
        kept["text"].to_list(),
        kept["parent"].to_numpy(),
        kept["operation"].to_list(),
        kept["weight"].to_numpy(),
    )


def _copies(
    record: Record, lexicon: Lexicon, settings: AmplifySettings, rng: np.random.Generator
) -> Iterator[tuple[str, str]]:
    """Different rewritings, each operation in turn as long as any finds something new."""
    made: dict[str, str] = {}
    for _ in range(settings.copies):
        for name in rng.permutation(settings.operations):
            text = OPERATIONS[name](record, lexicon, rng)
            if text and text != record.text and len(made) < settings.copies:
                made.setdefault(text, str(name))
        if not made or len(made) == settings.copies:
            break
    yield from made.items()
