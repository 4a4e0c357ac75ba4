"""Records of json: one object a line, or one array of objects."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from wsal.errors import DataError
from wsal.files import lines as reading
from wsal.files.lines import RECORD, BadLine, Chunk, Lines, Offset, reason_of, shown_line

ONE_A_LINE = "expected one object a line, or one array of objects"
SPACE = re.compile(r"[ \t\r\n]*")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of json; write null for a missing value")


def _finite(number: str) -> float:
    if math.isinf(found := float(number)):
        raise ValueError(f"the number {number[:40]} is too large")
    return found


DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


def json_chunks(stream: BinaryIO, name: str, start: Offset) -> Iterator[Chunk]:
    """Chunks of one column `record`: the text of each json object. An array is read whole.

    Raises:
        DataError: it is an array that is damaged, or json of another shape.
    """
    lines = Lines(stream)
    first = _first_line(lines)
    if first is None:
        return
    lines.put_back([first])
    if first.lstrip().startswith(b"["):
        yield from _array_chunks(lines, name, start)
        return
    _refuse_pretty(lines, name)
    lines.skip_to(start)
    records, bad = _Records(), list[BadLine]()
    while (line := lines.next()) is not None:
        if not line.strip():
            continue
        try:
            records.add(*_record(line), lines.number)
        except (ValueError, RecursionError) as error:
            bad.append(BadLine(lines.number, _reason(error), shown_line(line)))
        if len(records.texts) + len(bad) >= reading.CHUNK_SIZE:
            yield records.chunk(bad, lines.position())
            records, bad = _Records(), []
    if records.texts or bad:
        yield records.chunk(bad, lines.position())


class _Records:
    """The records of one chunk."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.objects: list[Mapping[str, Any]] = []
        self.rows: list[int] = []

    def add(self, text: str, found: Mapping[str, Any], line: int) -> None:
        """Take one more."""
        self.texts.append(text)
        self.objects.append(found)
        self.rows.append(line)

    def chunk(self, bad: list[BadLine], after: Offset) -> Chunk:
        """All of them."""
        table = pa.table({RECORD: pa.array(self.texts, pa.string())})
        return Chunk(table, bad, after, rows=self.rows, objects=self.objects)


def _first_line(lines: Lines) -> bytes | None:
    while (line := lines.next()) is not None:
        if line.strip():
            return line
    return None


def _record(line: bytes) -> tuple[str, Mapping[str, Any]]:
    text = line.decode("utf-8").strip()
    return text, _checked(text, DECODER.decode(text))


def _checked(text: str, found: Any) -> Mapping[str, Any]:  # noqa: ANN401  what json holds
    if not isinstance(found, dict):
        raise ValueError(f"a json {type(found).__name__}; expected an object")
    if "\\u" in text:
        if odd := [key for key in found if "\0" in key]:  # Arrow ends a name there
            raise ValueError(f"the name {odd[0]!r} has a NUL character; expected text")
        json.dumps(found, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is none
    return found


def _array_chunks(lines: Lines, name: str, start: Offset) -> Iterator[Chunk]:
    """Places are numbers of elements."""
    content = b"".join(iter(lines.next, None))
    try:
        text = content.decode("utf-8")
        elements = list(_elements(text))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} cannot be read as a json array: {_reason(error)}") from error
    for first in range(start.offset, len(elements), reading.CHUNK_SIZE):
        records, bad = _Records(), list[BadLine]()
        for element, found, line in elements[first : first + reading.CHUNK_SIZE]:
            try:
                records.add(element, _checked(element, found), line)
            except ValueError as error:
                bad.append(BadLine(line, _reason(error), element))
        yield records.chunk(bad, Offset(min(first + reading.CHUNK_SIZE, len(elements))))


def _elements(text: str) -> Iterator[tuple[str, Any, int]]:
    """The text of each element of an array, its value, and the line it begins in."""
    at, line, counted = text.index("[") + 1, 1, 0
    at = _after_space(text, at)
    while not text.startswith("]", at):
        line, counted = line + text.count("\n", counted, at), at
        try:
            found, end = DECODER.raw_decode(text, at)
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from error
        yield text[at:end], found, line
        at = _after_space(text, end)
        if text.startswith(",", at):
            at = _after_space(text, at + 1)
        elif not text.startswith("]", at):
            raise json.JSONDecodeError("expected ',' or ']'", text, at)
    if (rest := _after_space(text, at + 1)) < len(text):
        raise json.JSONDecodeError("the array has ended, and more follows", text, rest)


def _after_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _refuse_pretty(lines: Lines, name: str) -> None:
    """Refuse json that is laid out over several lines; `lines` stay where they are."""
    sample = lines.several(2)
    lines.put_back(sample)
    texts = [line.decode("utf-8", errors="replace").strip() for line in sample]
    if len(texts) == 2 and _breaks_off(texts[0]) and not texts[1].startswith("{"):
        raise DataError(
            f"{name} line {lines.number + 1} begins a json object that goes on in the next line; "
            f"{ONE_A_LINE}: `jq -c . FILE > NEW` writes one a line"
        )


def _breaks_off(text: str) -> bool:
    try:
        DECODER.decode(text)
    except json.JSONDecodeError as error:
        return text.startswith("{") and error.pos >= len(text)
    except (ValueError, RecursionError):
        return False
    return False


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        where = f"line {error.lineno}, " if error.lineno > 1 else ""
        if error.msg == "Extra data":
            after = error.doc[error.pos : error.pos + 1]
            return f"the object has ended, and {after!r} follows at {where}column {error.colno}"
        return f"{error.msg} at {where}column {error.colno}"
    return reason_of(error)


def columns(objects: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A column of text for each key, in the order they come; a missing key is null.

    A key that has a list or an object somewhere becomes a column of lists, of which the values'
    json is the text: so that nobody takes it for text.
    """
    names = dict.fromkeys(name for one in objects for name in one)
    return pa.table({name: _column([one.get(name) for one in objects]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    if any(isinstance(value, list | dict) for value in values):
        texts = [None if v is None else [json.dumps(v, ensure_ascii=False)] for v in values]
        return pa.array(texts, pa.list_(pa.string()))
    return pa.array([value if isinstance(value, str) else as_text(value) for value in values],
                    pa.string())  # fmt: skip


def as_text(value: Any) -> str | None:  # noqa: ANN401  what json holds
    """A value of json as text; text stays as it is, null is None.

    >>> [as_text(value) for value in ("007", 7, 1.50, True, None)]
    ['007', '7', '1.5', 'true', None]
    """
    return value if value is None or isinstance(value, str) else json.dumps(value)
