"""Messages about an oracle that has too few gold labels to answer from."""

from collections.abc import Sequence

INSTEAD = "use annotator=file (or web, terminal, label_studio) to have people answer"


def no_gold(columns: Sequence[str] = ()) -> str:
    """The pool has no gold labels; `columns` are those that the layout names for them."""
    column = "name the column with gold labels (data.layout.label=COLUMN)"
    if columns:
        column = f"name another column than {', '.join(columns)} (data.layout.label)"
    return (
        "annotator=oracle answers from gold labels, and this pool has none; "
        f"{INSTEAD}, {column}, or ask nothing (active.rounds=0)"
    )


def no_gold_of_asked(n_asked: int, n_gold: int, n_pool: int) -> str:
    """None of the texts asked has a gold label.

    >>> no_gold_of_asked(10, 28, 370).split(";")[0]
    'annotator=oracle answers from gold labels: 28 of the 370 texts of the pool have one, but \
none of the 10 texts asked'
    """
    return f"{_counted(n_gold, n_pool)}, but none of the {n_asked:,} texts asked; {_more()}"


def too_little_gold(n_asked: int, n_gold: int, n_pool: int) -> str | None:
    """Why an oracle cannot answer the first round; None if it probably can.

    It cannot if fewer than one of `n_asked` texts is expected to have a gold label.

    >>> too_little_gold(10, 37, 370) is None
    True
    """
    if n_asked * n_gold >= n_pool:
        return None
    expected = n_asked * n_gold / n_pool
    return (
        f"{_counted(n_gold, n_pool)}, so that on average it could answer only {expected:.1f} of "
        f"the {n_asked:,} texts of the first round; {_more()}"
    )


def _counted(n_gold: int, n_pool: int) -> str:
    have = "has" if n_gold == 1 else "have"
    return (
        f"annotator=oracle answers from gold labels: {n_gold:,} of the {n_pool:,} texts of the "
        f"pool {have} one"
    )


def _more() -> str:
    return (
        f"{INSTEAD}, ask about more texts in a round (active.query_size), or leave texts without "
        "gold out of the data"
    )
