"""Try a rule on a few texts while writing it."""

from collections.abc import Sequence

import polars as pl

from wsal.labels import LabelSet
from wsal.rules.base import Rule


def vote(rule: Rule, *texts: str, labels: Sequence[str], **fields: str | None) -> list[int]:
    """The rule's vote on each text: a position in `labels`, or -1 if it abstains.

    `fields` are the same for all texts. For an example, see `wsal.rules.patterns.Keyword`.
    """
    values = fields or {"title": None}
    columns = [pl.Series(n, [v] * len(texts), dtype=pl.String) for n, v in values.items()]
    records = pl.DataFrame(
        {
            "id": [str(i) for i in range(len(texts))],
            "text": texts,
            "fields": pl.DataFrame(columns).to_struct(),
        }
    )
    return [int(vote) for vote in rule.vote(records, LabelSet(tuple(labels)))]
