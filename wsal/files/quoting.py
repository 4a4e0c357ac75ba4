"""One record of csv, read with care: over several lines, with escaped quotes, or refused."""

import csv
from collections.abc import Sequence

from wsal.files.lines import Lines

MOST_LINES = 100  # of one quoted record; where more follow, its quote was never closed
UNFINISHED = "unexpected end of data"  # what Python's csv says of a quote that is still open


def record(first: bytes, lines: Lines, delimiter: str, n: int | None) -> tuple[list[str], str]:
    r"""The fields of the record that begins with this line, and its text; of several if quoted.

    `n` is how many fields the header has. A quote within an unquoted field is a character
    (`27" screen`). A quote after a backslash is one, too, where the record is none otherwise
    (`"27\" screen"`); so a field that ends in a backslash is ambiguous if the record goes on in
    the next line.

    Raises:
        ValueError: the line is no record, or no UTF-8; no other line was taken then.
    """
    text, taken, number = first.decode("utf-8"), list[bytes](), lines.number
    try:
        while (row := _fields(text, delimiter, n, number)) is None:
            more = lines.next() if len(taken) < MOST_LINES - 1 else None
            if more is None:
                raise ValueError(trouble(text, delimiter, number))
            taken.append(more)
            text += more.decode("utf-8")
    except ValueError:
        lines.give_back(taken)
        raise
    return row, text


def _fields(text: str, delimiter: str, n: int | None, number: int) -> list[str] | None:
    """The fields of a record; None if it goes on in the next line."""
    readings = [text, text.replace('\\"', '""')] if '\\"' in text else [text]
    wrong: list[str] | None = None
    unfinished = False
    for reading in readings:
        try:
            row = next(csv.reader([reading], delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            unfinished = unfinished or str(error) == UNFINISHED
            continue
        if n is None or fits(row, n):
            return row
        wrong = wrong or row
    if wrong is None and not unfinished:
        raise ValueError(trouble(text, delimiter, number))
    return None if unfinished else wrong


def fits(row: list[str], n: int) -> bool:
    """Whether it has `n` fields, or is blank; empty ones at its end that are too many are cut."""
    if len(row) > n and not any(row[n:]):
        del row[n:]
    return len(row) == n or not "".join(row).strip()


def may_swallow(text: str, delimiter: str, n: int) -> bool:
    r"""Whether each line of a record would be one itself, if its quotes were characters.

    Then a quote that is never closed may have met one in a later row, and the rows between them
    are taken for its text.

    >>> may_swallow('1,"27 inch,TV\n2,mug,Mug\n3,Screen 24",TV\n', ",", 3)
    True
    """
    lines = text.splitlines()
    counts = {line.count(delimiter) + 1 for line in lines}
    return len(lines) > 1 and n > 1 and counts == {n}


def trouble(text: str, delimiter: str, number: int) -> str:
    r"""What is wrong with the quotes of a text that is no record; it begins in line `number`.

    >>> trouble('a,"27 inch\n', ",", 12)
    'the quote at column 3 is never closed'
    >>> trouble('a,"b\n"c,d\n', ",", 12)[:55]
    'the quote at column 3 is closed at line 13, column 1, a'
    """

    def place(at: int) -> str:
        line = text.count("\n", 0, at)
        column = f"column {at - text.rfind(chr(10), 0, at)}"
        return f"line {number + line}, {column}" if line else column

    opened, start = -1, 0
    while start < len(text):
        if text[start] != '"':  # an unquoted field: no quote in it opens anything
            ends = [at for at in (text.find(delimiter, start), text.find("\n", start)) if at >= 0]
            start = min(ends, default=len(text)) + 1
            continue
        opened, closed = start, _closing(text, start)
        if closed < 0:
            return f"the quote at {place(opened)} is never closed"
        after = text[closed + 1 : closed + 2]
        if after not in ("", delimiter, "\r", "\n"):
            return (
                f"the quote at {place(opened)} is closed at {place(closed)}, and "
                f"{after!r} follows; expected {delimiter!r} or a line's end"
            )
        start = closed + 2
    return "a line end (\\r) that is not followed by \\n stands in it"


def _closing(text: str, opened: int) -> int:
    """Where the quote that opens here is closed; -1 if nowhere."""
    at = text.find('"', opened + 1)
    while text.startswith('""', at) and at >= 0:
        at = text.find('"', at + 2)
    return at


def number_of_fields(row: Sequence[str], header: Sequence[str]) -> str:
    """What is wrong with a record of too many or too few fields.

    >>> number_of_fields(["a1", "Beans", " ground", "Pet"], ["id", "title", "kind"])
    "4 fields; the header has 3, so field 4 ('Pet') has no column"
    """
    found = f"{len(row)} field{'s' * (len(row) != 1)}; the header has {len(header)}"
    if len(row) > len(header):
        return f"{found}, so field {len(header) + 1} ({row[len(header)][:40]!r}) has no column"
    return f"{found}, so column {header[len(row)]!r} has no field"
