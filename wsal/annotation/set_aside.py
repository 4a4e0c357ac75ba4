"""Answers that no longer count, and texts that people are asked about again."""

from collections.abc import Mapping, Sequence

import polars as pl

from wsal.annotation.answers import all_answers, is_llm, named_answers, shortened
from wsal.artifacts import Artifact, Facts

EXAMPLES = 5  # answers set aside that the facts of a stage quote


def set_aside(pool: Artifact, annotations: Sequence[Artifact]) -> Facts:
    """How many answers (`n`) are to texts no longer in the pool, and `examples` of those texts."""
    without_text = all_answers(pool, annotations).filter(
        pl.col("row").is_null() & pl.col("label").is_not_null()
    )
    examples = without_text.unique("text", keep="first", maintain_order=True).head(EXAMPLES)
    return {
        "n": len(without_text),
        "examples": [
            f"{text_id} {shortened(text)!r}"
            for text_id, text in examples.select("id", "text").rows()
        ],
    }


def set_aside_message(facts: Facts) -> str:
    """The facts from `set_aside` in words; empty if no answer was set aside."""
    n, examples = facts["n"], facts["examples"]
    if not n:
        return ""
    more = ", ..." if n > len(examples) else ""
    which = f"in the pool ({', '.join(examples)}{more})"
    if n == 1:
        return f"1 answer set aside: its text is no longer {which}"
    return f"{n} answers set aside: their texts are no longer {which}"


def left_open(pool: Artifact, annotations: Sequence[Artifact]) -> pl.DataFrame:
    """The texts whose newest answer is a class that was split since: `row` and `purpose`.

    Nobody has given them a finer answer since then, or skipped them. Oldest answers first.
    """
    answers = named_answers(pool, annotations).drop_nulls("row").filter(~is_llm())
    by_class = pl.col("label").is_in(list(pool.facts["labels"])).fill_null(value=False)
    newest = answers.group_by("row", maintain_order=True).agg(
        pl.col("purpose", "is_open").last(), decided=(by_class & ~pl.col("is_open")).any()
    )
    return newest.filter(pl.col("is_open") & ~pl.col("decided")).select("row", "purpose")


def of_removed_classes(pool: Artifact, annotations: Sequence[Artifact]) -> dict[str, int]:
    """How many answers there are for each class that was removed; they no longer count."""
    removed = named_answers(pool, annotations).filter(~pl.col("is_open")).drop_nulls("former")
    counts = removed.group_by("former", maintain_order=True).len()
    return dict(counts.iter_rows())


def of_removed_message(counts: Mapping[str, int]) -> str:
    """What `of_removed_classes` counted in words; empty if there is nothing."""
    if not counts:
        return ""
    n, names = sum(counts.values()), ", ".join(counts)
    if n == 1:
        return f"1 answer does not count, as its class was removed: {names}"
    return f"{n} answers do not count, as their classes were removed: {names}"
