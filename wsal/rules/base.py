"""What a rule is."""

from typing import Protocol, runtime_checkable

import polars as pl

from wsal.arrays import Vote
from wsal.errors import UnknownNameError
from wsal.labels import LabelSet


@runtime_checkable
class Rule(Protocol):
    """Votes on columns of records (Snorkel calls it a labeling function). Holds settings only."""

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """`(texts,)` int16: a class, or `ABSTAIN`.

        `records` has the columns `id`, `text` and one a field (`fields`, a struct).

        Raises:
            UnknownNameError: the rule names a class or a field that the data does not have.
        """
        ...


def column(records: pl.DataFrame, field: str | None) -> pl.Series:
    """A field of the records (null where missing), or, for None, the whole text."""
    if field is None:
        return records["text"]
    names = [f.name for f in records.schema["fields"].fields]  # type: ignore[attr-defined]
    if field not in names:
        raise UnknownNameError("field", field, names)
    return records["fields"].struct.field(field)
