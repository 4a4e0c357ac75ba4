"""Names and sentences of the report."""

METRICS = {"macro_f1": "macro-F1", "accuracy": "accuracy"}
LONGEST = 240  # characters of a text that are shown


def as_sentence(words: str) -> str:
    """The words with a capital letter and a full stop, and metrics by their names.

    >>> as_sentence("lower bound of macro_f1 0.905")
    'Lower bound of macro-F1 0.905.'
    """
    for key, name in METRICS.items():
        words = words.replace(key, name)
    return f"{words[:1].upper()}{words[1:]}." if words[-1:] != "." else words


def shortened(text: str, most: int = LONGEST) -> str:
    """The text, or its beginning with an ellipsis.

    >>> shortened("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
