"""Ten rules written in Python, as functions of a record and as polars expressions."""

import polars as pl

from wsal.rules.functions import column_rule, rule


def plain(number):
    """The `number`-th rule of ten, as Snorkel and wsal are both given it."""
    limit, letter = 60 + 3 * number, "bdfgklmnpr"[number]

    def function(text):
        if len(text) > limit and text.count(letter) >= 3:
            return f"c{number}"
        return None

    return function


def as_columns(number):
    """The same as an expression."""
    limit, letter = 60 + 3 * number, "bdfgklmnpr"[number]

    @column_rule
    def function(_frame):
        text = pl.col("text")
        hit = (text.str.len_chars() > limit) & (text.str.count_matches(letter, literal=True) >= 3)
        return pl.when(hit).then(pl.lit(f"c{number}"))

    return function


def _of_record(number):
    function = plain(number)

    def of_record(record):
        return function(record["text"])

    of_record.__qualname__ = of_record.__name__ = f"function_{number}"
    return rule(of_record)


for _number in range(10):
    globals()[f"function_{_number}"] = _of_record(_number)
FUNCTIONS = {f"function_{n}": globals()[f"function_{n}"] for n in range(10)}
EXPRESSIONS = {f"function_{n}": as_columns(n) for n in range(10)}
