"""Rewritten copies of annotated records that keep their labels."""

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
    """The copies, and the record that each comes from."""

    texts: list[str]
    parent: Rows  # (copies,): row of the record
    operation: list[str]  # (copies,): name in OPERATIONS
    weight: Weights  # (copies,): sums to `settings.weight` over a record's copies


def rewrite(
    records: pl.DataFrame,
    classes: Classes,
    lexicon: Lexicon,
    settings: AmplifySettings,
    rng: np.random.Generator,
    real: Collection[str] = (),
) -> Amplified:
    """Up to `settings.copies` copies of each record, none equal to a real text or another copy.

    The copies of a record depend only on `rng` and the record's id, text, fields and class. If
    several records have the same copy, it is kept for the one with the smallest id, or dropped if
    their classes differ.

    Args:
        records: annotated records with columns `id`, `text` and `fields` (a struct of strings).
        classes: `(records,)`, their gold classes.
        lexicon: from `build_lexicon`.
        settings: how many copies, and which operations.
        rng: one number is drawn from it, whatever the records are.
        real: further texts that no copy may equal, such as those of the pool.
    """
    seed = int(rng.integers(2**31))
    fields = records["fields"].struct.unnest().rows()
    rows = zip(records["id"], records["text"], fields, classes.tolist(), strict=True)
    copies = pl.DataFrame(
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
    kept = copies.filter(
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
    """Different texts and their operations, which take turns while one of them finds a new text."""
    copies: dict[str, str] = {}
    for _ in range(settings.copies):
        for name in rng.permutation(settings.operations):
            text = OPERATIONS[name](record, lexicon, rng)
            if text and text != record.text and len(copies) < settings.copies:
                copies.setdefault(text, str(name))
        if not copies or len(copies) == settings.copies:
            break
    yield from copies.items()
