"""Records of JSON: one object per line, or one array of objects."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from wsal.errors import DataError
from wsal.files import lines as reading
from wsal.files.lines import RECORD, BadLine, Chunk, Lines, Offset, reason_of, shown_line

ONE_PER_LINE = "expected one object per line, or one array of objects"
SPACE = re.compile(r"[ \t\r\n]*")


def _not_a_number(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number; write null for a missing value")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"the number {number[:40]} is too large")
    return value


DECODER = json.JSONDecoder(parse_constant=_not_a_number, parse_float=_finite)


def json_chunks(stream: BinaryIO, name: str, start: Offset) -> Iterator[Chunk]:
    """Chunks with one column `record`, the text of each JSON object. An array is read at once.

    Raises:
        DataError: it is a damaged array, or JSON of another shape.
    """
    lines = Lines(stream)
    first = _first_line(lines)
    if first is None:
        return
    lines.put_back([first])
    if first.lstrip().startswith(b"["):
        yield from _array_chunks(lines, name, start)
        return
    _refuse_pretty_printed(lines, name)
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
    """Collects the records of one chunk."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.objects: list[Mapping[str, Any]] = []
        self.rows: list[int] = []

    def add(self, text: str, value: Mapping[str, Any], line: int) -> None:
        """Add a record."""
        self.texts.append(text)
        self.objects.append(value)
        self.rows.append(line)

    def chunk(self, bad: list[BadLine], after: Offset) -> Chunk:
        """The chunk of all records."""
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


def _checked(text: str, value: Any) -> Mapping[str, Any]:  # noqa: ANN401  any JSON value
    if not isinstance(value, dict):
        raise ValueError(f"a JSON {type(value).__name__}; expected an object")
    if "\\u" in text:  # only escapes can produce these two
        if with_nul := [key for key in value if "\0" in key]:  # Arrow ends a name at a NUL
            raise ValueError(f"the name {with_nul[0]!r} has a NUL character; expected text")
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # raises for half a surrogate pair
    return value


def _array_chunks(lines: Lines, name: str, start: Offset) -> Iterator[Chunk]:
    """Chunks of an array; offsets are numbers of elements."""
    content = b"".join(iter(lines.next, None))
    try:
        text = content.decode("utf-8")
        elements = list(_elements(text))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} cannot be read as a JSON array: {_reason(error)}") from error
    for first in range(start.offset, len(elements), reading.CHUNK_SIZE):
        records, bad = _Records(), list[BadLine]()
        for element, value, line in elements[first : first + reading.CHUNK_SIZE]:
            try:
                records.add(element, _checked(element, value), line)
            except ValueError as error:
                bad.append(BadLine(line, _reason(error), element))
        yield records.chunk(bad, Offset(min(first + reading.CHUNK_SIZE, len(elements))))


def _elements(text: str) -> Iterator[tuple[str, Any, int]]:
    """The text of each element of an array, its value, and the line that it begins on."""
    start = _after_space(text, text.index("[") + 1)
    line, counted = 1, 0
    while not text.startswith("]", start):
        line += text.count("\n", counted, start)
        counted = start
        try:
            value, end = DECODER.raw_decode(text, start)
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from error
        yield text[start:end], value, line
        start = _after_space(text, end)
        if text.startswith(",", start):
            start = _after_space(text, start + 1)
        elif not text.startswith("]", start):
            raise json.JSONDecodeError("expected ',' or ']'", text, start)
    rest = _after_space(text, start + 1)
    if rest < len(text):
        raise json.JSONDecodeError("the array has ended, but more text follows", text, rest)


def _after_space(text: str, start: int) -> int:
    space = SPACE.match(text, start)
    return space.end() if space else start


def _refuse_pretty_printed(lines: Lines, name: str) -> None:
    """Raise if an object extends over several lines; no line is taken."""
    sample = lines.several(2)
    lines.put_back(sample)
    texts = [line.decode("utf-8", errors="replace").strip() for line in sample]
    if len(texts) == 2 and _is_cut_off(texts[0]) and not texts[1].startswith("{"):
        raise DataError(
            f"{name} line {lines.number + 1} begins a JSON object that continues on the next line; "
            f"{ONE_PER_LINE}: `jq -c . FILE > NEW` writes one per line"
        )


def _is_cut_off(text: str) -> bool:
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
            return f"the object has ended, but {after!r} follows at {where}column {error.colno}"
        return f"{error.msg} at {where}column {error.colno}"
    return reason_of(error)


def columns(objects: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A column of text for each key, in order of their first occurrence; a missing key is null.

    If a value of a key is a list or an object, the column is one of lists, each with the value's
    JSON: so it cannot be mistaken for text.
    """
    names = dict.fromkeys(name for record in objects for name in record)
    return pa.table({name: _column([record.get(name) for record in objects]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    if any(isinstance(value, list | dict) for value in values):
        texts = [None if v is None else [json.dumps(v, ensure_ascii=False)] for v in values]
        return pa.array(texts, pa.list_(pa.string()))
    return pa.array([value if isinstance(value, str) else as_text(value) for value in values],
                    pa.string())  # fmt: skip


def as_text(value: Any) -> str | None:  # noqa: ANN401  any JSON value
    """A JSON value as text; strings stay as they are, and null is None.

    >>> [as_text(value) for value in ("007", 7, 1.50, True, None)]
    ['007', '7', '1.5', 'true', None]
    """
    return value if value is None or isinstance(value, str) else json.dumps(value)
