"""Parse one record of csv that may extend over several lines or have escaped quotes."""

import csv
from collections.abc import Sequence

from wsal.files.lines import Lines

MAX_LINES = 100  # of one record; if it would have more, a quote was never closed
UNFINISHED = "unexpected end of data"  # the message of Python's csv for a quote that is not closed


def read_record(first: bytes, lines: Lines, delimiter: str, n: int | None) -> tuple[list[str], str]:
    r"""The fields of the record that begins with this line, and its text.

    Further lines are taken while a quote is open. A quote within an unquoted field is an ordinary
    character (`27" screen`), and so is a quote after a backslash if the record cannot be parsed
    otherwise (`"27\" screen"`). (So a field that ends in a backslash is ambiguous if the record
    continues on the next line.)

    Args:
        first: the line.
        lines: the lines after it.
        delimiter: between two fields.
        n: how many fields the header has; None for the header itself.

    Raises:
        ValueError: the line cannot be parsed, or is not UTF-8; no other line has been taken then.
    """
    text, taken, number = first.decode("utf-8"), list[bytes](), lines.number
    try:
        while (row := _fields(text, delimiter, n, number)) is None:
            more = lines.next() if len(taken) < MAX_LINES - 1 else None
            if more is None:
                raise ValueError(quote_problem(text, delimiter, number))
            taken.append(more)
            text += more.decode("utf-8")
    except ValueError:
        lines.put_back(taken)
        raise
    return row, text


def _fields(text: str, delimiter: str, n: int | None, number: int) -> list[str] | None:
    """The fields of a record; None if it continues on the next line."""
    variants = [text, text.replace('\\"', '""')] if '\\"' in text else [text]
    wrong: list[str] | None = None
    unfinished = False
    for variant in variants:
        try:
            row = next(csv.reader([variant], delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            unfinished = unfinished or str(error) == UNFINISHED
            continue
        if n is None or has_n_fields(row, n):
            return row
        wrong = wrong or row
    if wrong is None and not unfinished:
        raise ValueError(quote_problem(text, delimiter, number))
    return None if unfinished else wrong


def has_n_fields(row: list[str], n: int) -> bool:
    """Whether the row has `n` fields or is blank; surplus empty fields at its end are removed."""
    if len(row) > n and not any(row[n:]):
        del row[n:]
    return len(row) == n or not "".join(row).strip()


def may_swallow(text: str, delimiter: str, n: int) -> bool:
    r"""Whether each line of a record has `n` fields if quotes are ordinary characters.

    Then its quote may never have been closed: the quote that seems to close it may belong to a
    later row, and the rows in between are lost in the field.

    >>> may_swallow('1,"27 inch,TV\n2,mug,Mug\n3,Screen 24",TV\n', ",", 3)
    True
    """
    lines = text.splitlines()
    counts = {line.count(delimiter) + 1 for line in lines}
    return len(lines) > 1 and n > 1 and counts == {n}


def quote_problem(text: str, delimiter: str, number: int) -> str:
    r"""What is wrong with the quotes of a text that cannot be parsed; it begins on line `number`.

    >>> quote_problem('a,"27 inch\n', ",", 12)
    'the quote at column 3 is never closed'
    >>> quote_problem('a,"b\n"c,d\n', ",", 12)[:55]
    'the quote at column 3 is closed at line 13, column 1, a'
    """

    def position(index: int) -> str:
        line = text.count("\n", 0, index)
        column = f"column {index - text.rfind(chr(10), 0, index)}"
        return f"line {number + line}, {column}" if line else column

    start = 0
    while start < len(text):
        if text[start] != '"':  # an unquoted field: quotes in it are ordinary characters
            ends = [text.find(delimiter, start), text.find("\n", start)]
            start = min((end for end in ends if end >= 0), default=len(text)) + 1
            continue
        closed = _closing(text, start)
        if closed < 0:
            return f"the quote at {position(start)} is never closed"
        after = text[closed + 1 : closed + 2]
        if after not in ("", delimiter, "\r", "\n"):
            return (
                f"the quote at {position(start)} is closed at {position(closed)}, and "
                f"{after!r} follows; expected {delimiter!r} or the end of the line"
            )
        start = closed + 2
    return "it contains a carriage return (\\r) that is not followed by \\n"


def _closing(text: str, opened: int) -> int:
    """The index of the quote that closes the one at index `opened`; -1 if there is none."""
    index = text.find('"', opened + 1)
    while text.startswith('""', index) and index >= 0:
        index = text.find('"', index + 2)
    return index


def field_count_problem(row: Sequence[str], header: Sequence[str]) -> str:
    """What is wrong with a record that has too many or too few fields.

    >>> field_count_problem(["a1", "Beans", " ground", "Pet"], ["id", "title", "kind"])
    "4 fields; the header has 3, so field 4 ('Pet') has no column"
    """
    counts = f"{len(row)} field{'s' * (len(row) != 1)}; the header has {len(header)}"
    if len(row) > len(header):
        return f"{counts}, so field {len(header) + 1} ({row[len(header)][:40]!r}) has no column"
    return f"{counts}, so column {header[len(row)]!r} has no field"
