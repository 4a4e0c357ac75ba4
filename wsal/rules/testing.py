"""Try a rule on a few texts, as one does when writing it."""

from collections.abc import Sequence

import polars as pl

from wsal.labels import LabelSet
from wsal.rules.base import Rule


def vote(rule: Rule, *texts: str, labels: Sequence[str], **fields: str | None) -> list[int]:
    """What the rule says of each text; `fields` are the same for all of them."""
    names = fields or {"title": None}
    records = pl.DataFrame({"id": [str(i) for i in range(len(texts))], "text": texts})
    columns = [pl.Series(n, [v] * len(texts), dtype=pl.String) for n, v in names.items()]
    records = records.with_columns(pl.DataFrame(columns).to_struct("fields"))
    return [int(v) for v in rule.vote(records, LabelSet(tuple(labels)))]
