"""Every line of a table is part of a record, told as bad, or blank; whatever was done to it."""

import csv
import io
import json
import random

import pytest
from helpers import mutated
from hypothesis import given
from hypothesis import strategies as st

from wsal.errors import DataError
from wsal.files import lines as reader
from wsal.files.delimited import csv_chunks
from wsal.files.lines import RECORD, Offset
from wsal.files.objects import json_chunks

MUTATED = 9_000
CSV = 'title,brand\nred kettle,Acme\n"a ""novel"", long","B\nC"\n\n木,ü\n'
JSON = '{"title": "red kettle"}\n{"title": "\\ud83d\\ude00", "n": [1, {"a": 2}]}\n\n{"t": 1}\n'


def rows_of(content, separator=","):
    """Rows, bad lines, and the last place."""
    chunks = list(csv_chunks(io.BytesIO(content), "x.csv", separator, Offset()))
    rows = [tuple(row.values()) for one in chunks for row in one.table.to_pylist()]
    return rows, [bad for one in chunks for bad in one.bad], chunks[-1].after if chunks else None


def records_of(content):
    chunks = list(json_chunks(io.BytesIO(content), "x.jsonl", Offset()))
    records = [text for one in chunks for text in one.table[RECORD].to_pylist()]
    return records, [bad for one in chunks for bad in one.bad], chunks[-1].after if chunks else None


def test_quotes_marks_and_line_ends():
    whole = [("red kettle", "Acme"), ('a "novel", long', "B\nC"), ("木", "ü")]
    for content in (CSV, "\ufeff" + CSV, "\n\n" + CSV, CSV.removesuffix("\n")):
        assert rows_of(content.encode())[:2] == (whole, [])
    windows = CSV.replace("\n", "\r\n").encode()
    assert rows_of(windows)[0] == [whole[0], ('a "novel", long', "B\r\nC"), whole[2]]
    assert rows_of(b"title\tbrand\na,b\tc\n", "\t")[0] == [("a,b", "c")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"a", "1 field; the header has 2, so column 'brand' has no field"),
        (b"a,b,c", "3 fields; the header has 2, so field 3 ('c') has no column"),
        (b"caf\xe9,b", "not UTF-8: byte 0xe9 at position 4"),
        (b'a,"b', "the quote at column 3 is never closed"),
        (b'"a"b,c', "closed at column 3, and 'b' follows; expected ','"),
        (b'a,"27"" b', "the quote at column 3 is never closed"),
        (b"a\rb,c", "is not followed by"),
    ],
)
def test_a_bad_line_costs_itself_alone(line, reason):
    rows, (bad,), _ = rows_of(b"title,brand\n1,2\n" + line + b"\n3,4\n")
    assert rows == [("1", "2"), ("3", "4")]
    assert (bad.line, bad.raw.encode("utf-8")) == (3, line.replace(b"\xe9", b"\\xe9"))
    assert reason in bad.reason


def test_a_quote_closed_where_nothing_ends_is_told_with_both_places():
    _, bad, _ = rows_of(b'title,brand\nx,"27 inch\ny,"24 inch\n')
    assert bad[0].line == 2
    assert "the quote at column 3 is closed at line 3, column 3, and '2' follows" in bad[0].reason


def test_a_record_of_several_lines_with_a_field_too_many_is_kept_whole():
    rows, (bad,), _ = rows_of(b'title,brand\n1,"2\n3",4\n5,6\n')
    assert rows == [("5", "6")]
    assert (bad.line, bad.raw) == (2, '1,"2\n3",4')


def test_a_quote_that_is_never_closed_costs_its_line_and_no_other():
    rest = b"".join(b"%d,x\n" % i for i in range(500))
    rows, bad, after = rows_of(b'title,brand\n"oops,x\n' + rest)
    assert [int(row[0]) for row in rows] == list(range(500))
    assert [one.line for one in bad] == [2]
    assert "the quote at column 1 is never closed" in bad[0].reason
    assert after.line == 502


def test_what_is_no_table_is_refused():
    for content, said in [
        ("title\n".encode("utf-16"), "is UTF-16"),
        (b"\n \n", "is empty"),
        (b"a,b,a\n1,2,3\n", "two columns 'a'"),
        (b"a,b\0c\n1,2\n", "name of column 2 has a NUL.*UTF-16"),
        (b"\0a,\0b\n1,2\n", "name of column 1 has a NUL"),
        (b"\xe9,b\n1,2\n", "line 1 is the header"),
    ]:
        with pytest.raises(DataError, match=said):
            rows_of(content)
    with pytest.raises(DataError, match="is UTF-16"):
        records_of(JSON.encode("utf-16"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "a JSON list; expected an object"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": "\\ud83d"}', "half of a surrogate pair"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1', "Expecting ',' delimiter"),
        (b'{"a": "\xff"}', "not UTF-8"),
    ],
)
def test_a_line_that_is_no_json_object_costs_itself_alone(line, reason):
    records, (bad,), _ = records_of(JSON.encode() + line + b"\n" + b'{"t": 2}')
    assert [json.loads(one).get("t") for one in records] == [None, None, 1, 2]
    assert bad.line == 5
    assert reason in bad.reason


# a quote after a backslash is ambiguous in a record of several lines
first = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: text.replace("\\", ""))


@given(st.lists(st.tuples(first, st.text('a,"\r\n'))))
def test_what_python_writes_is_read_back(rows):
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("title", "brand"), *rows])
    kept = [row for row in rows if "".join(row).strip()]  # a blank row is none
    expected = [tuple(cell or None for cell in row) for row in kept]
    assert rows_of(file.getvalue().encode())[:2] == (expected, [])


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_reading_goes_on_where_it_stopped(monkeypatch, at_once):
    monkeypatch.setattr(reader, "CHUNK_SIZE", at_once)
    for chunks, content in (
        (csv_chunks, CSV + 'bad\n"x\ny",z\n'), (csv_chunks, "\ufeff" + CSV),
        (json_chunks, JSON + "bad\n{}"), (json_chunks, "\ufeff" + JSON + "bad\n{}"),
    ):  # fmt: skip
        args = ("x", ",") if chunks is csv_chunks else ("x",)
        whole = list(chunks(io.BytesIO(content.encode()), *args, Offset()))
        assert len(whole) >= 2
        for number, one in enumerate(whole):
            rest = list(chunks(io.BytesIO(content.encode()), *args, one.after))
            assert [(c.table, c.bad, c.after, list(c.rows)) for c in rest] == [
                (c.table, c.bad, c.after, list(c.rows)) for c in whole[number + 1 :]
            ]


def n_lines(content):
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


@pytest.mark.slow
def test_of_thousands_of_mutated_tables_no_line_is_lost():
    """From the first record on, a line is in a record, in a bad one, or has nothing in it."""
    chance, refused = random.Random(0), 0
    for _ in range(MUTATED):
        content = mutated(CSV.encode() * chance.randint(1, 3), chance)
        try:
            chunks = list(csv_chunks(io.BytesIO(content), "x.csv", ",", Offset()))
        except DataError:
            refused += 1
            continue
        covered = set()
        for chunk in chunks:
            rows = zip(chunk.rows, chunk.table.to_pylist(), strict=True)
            for line, row in rows:
                ends = sum((value or "").count("\n") for value in row.values())
                covered |= set(range(line, line + ends + 1))
            for one in chunk.bad:
                covered |= set(range(one.line, one.line + one.raw.count("\n") + 1))
        assert chunks[-1].after.line == n_lines(content)
        bad = [one.line for chunk in chunks for one in chunk.bad]
        assert len(set(bad)) == len(bad)
        for number, line in enumerate(io.BytesIO(content), start=1):
            if number > min(covered, default=number):
                assert number in covered or not line.strip(b'\xef\xbb\xbf \t\r\n,;|"'), content
    assert refused < MUTATED / 4


@pytest.mark.slow
def test_of_thousands_of_mutated_json_lines_none_is_lost():
    chance, refused = random.Random(1), 0
    for _ in range(MUTATED):
        content = mutated(JSON.encode() * chance.randint(1, 3), chance)
        try:
            records, bad, after = records_of(content)
        except DataError as error:
            assert "UTF-16" in str(error) or "json" in str(error)
            refused += 1
            continue
        blank = sum(not one.removeprefix(b"\xef\xbb\xbf").strip() for one in io.BytesIO(content))
        assert len(records) + len(bad) + blank >= n_lines(content) >= len(records) + len(bad)
        assert after is None or after.line == n_lines(content)
    assert refused < MUTATED / 8
