"""Let rules vote on the rows of a table as they are: for engines that pass a batch at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from wsal.arrays import ABSTAIN
from wsal.data.base import Layout
from wsal.data.frames import frame_of
from wsal.data.records import to_records
from wsal.labels import LabelSet
from wsal.rounds.rule_embedding import embed_for_rules
from wsal.rules.base import Rule
from wsal.rules.voting import collect_votes


def vote_table(
    rules: Mapping[str, Rule],
    table: Any,  # noqa: ANN401  whatever holds rows
    *,
    text: str | Sequence[str] = "text",
    labels: Sequence[str],
    keep: Sequence[str] = (),
    separator: str = " | ",
) -> pl.DataFrame:
    """The votes of each rule on each row: a row for each row of the table, in its order.

    Unlike `wsal.vote`, it merges no equal texts and splits nothing, so that a table can be voted on
    in batches of any size, on any machine. A rule that learns from all texts, as `NameSimilarity`
    does, sees only those of the table.

    Args:
        rules: by name.
        table: a polars or pandas frame, a `datasets.Dataset`, or a list of strings.
        text: the columns that make up the text, in this order.
        labels: the classes.
        keep: further columns that rules read.
        separator: put between two columns in the text.

    Returns:
        A column for each rule: the name of a class, or null where the rule abstains or the row has
        no text.

    Raises:
        DataError: a column is missing or is not text.
        RuleError: a rule names an unknown class or field, or cannot vote.

    >>> from wsal.rules.patterns import Keyword
    >>> rules = {"mug": Keyword("Mugs", ["mug"])}
    >>> vote_table(rules, ["red mug", "blue cup", "a mug"], labels=["Mugs", "Cups"]).rows()
    [('Mugs',), (None,), ('Mugs',)]
    """
    columns = (text,) if isinstance(text, str) else tuple(text)
    layout = Layout(text=columns, keep=tuple(keep), separator=separator)
    rows = table if isinstance(table, pl.DataFrame) else frame_of(table)  # frame_of needs rows
    records = to_records(rows, layout)
    known = records.select("id", pl.col("text").fill_null(""), "fields")
    votes = collect_votes(rules, known, LabelSet(tuple(labels)), embed_for_rules)
    votes[records["text"].is_null().to_numpy()] = ABSTAIN
    names = pl.Series([*labels, None], dtype=pl.String)  # -1, to abstain, is the last one
    return pl.DataFrame(
        {rule: names.gather(votes[:, number] % len(names)) for number, rule in enumerate(rules)},
        schema=dict.fromkeys(rules, pl.String),
    )
