"""Every line of a table is part of a record, told as bad, or blank; whatever was done to it."""

import csv
import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsal.errors import DataError
from wsal.serving import lines as reader
from wsal.serving.lines import RECORD, Place, csv_chunks, json_chunks

CSV = 'title,brand\nred kettle,Acme\n"a ""novel"", long","B\nC"\n\n木,ü\n'
JSON = '{"title": "red kettle"}\n{"title": "\\ud83d\\ude00", "n": [1, {"a": 2}]}\n\n{"t": 1}\n'
ODD = [b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe",
       b"{", b"}", b"\\ud83d", b"NaN", b"[" * 3000, "é".encode(), b"\t", b"1e999"]  # fmt: skip


def rows_of(content, separator=","):
    """Rows, bad lines, and the last place."""
    chunks = list(csv_chunks(io.BytesIO(content), "x.csv", separator, Place()))
    rows = [tuple(row.values()) for one in chunks for row in one.table.to_pylist()]
    return rows, [bad for one in chunks for bad in one.bad], chunks[-1].after if chunks else None


def records_of(content):
    chunks = list(json_chunks(io.BytesIO(content), "x.jsonl", Place()))
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
        (b"a", "1 fields; the header has 2"),
        (b"a,b,c", "3 fields; the header has 2"),
        (b"caf\xe9,b", "not UTF-8: byte 0xe9 at position 4"),
        (b'a,"b', "unexpected end of data"),
        (b'"a"b,c', "',' expected after '\"'"),
    ],
)
def test_a_bad_line_costs_itself_alone(line, reason):
    rows, (bad,), _ = rows_of(b"title,brand\n1,2\n" + line + b"\n3,4\n")
    assert rows == [("1", "2"), ("3", "4")]
    assert (bad.line, bad.raw.encode("utf-8")) == (3, line.replace(b"\xe9", b"\\xe9"))
    assert reason in bad.reason


def test_a_record_of_several_lines_with_a_field_too_many_is_kept_whole():
    rows, (bad,), _ = rows_of(b'title,brand\n1,"2\n3",4\n5,6\n')
    assert rows == [("5", "6")]
    assert (bad.line, bad.raw) == (2, '1,"2\n3",4')


def test_a_quote_that_is_never_closed_costs_its_line_and_no_other():
    rest = b"".join(b"%d,x\n" % i for i in range(500))
    rows, bad, after = rows_of(b'title,brand\n"oops,x\n' + rest)
    assert [int(row[0]) for row in rows] == list(range(500))
    assert [one.line for one in bad] == [2]
    assert "not closed within 100 lines" in bad[0].reason
    assert after.line == 502


def test_what_is_no_table_is_refused():
    for content, said in [
        ("title\n".encode("utf-16"), "is UTF-16"),
        (b"\n \n", "is empty"),
        (b"a,b,a\n1,2,3\n", "two columns 'a'"),
        (b"\xe9,b\n1,2\n", "line 1 is the header"),
    ]:
        with pytest.raises(DataError, match=said):
            rows_of(content)
    with pytest.raises(DataError, match="is UTF-16"):
        records_of(JSON.encode("utf-16"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "a json list; expected an object"),
        (b'{"a": NaN}', "NaN is no number of json"),
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


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text('a,"\r\n'))))
def test_what_python_writes_is_read_back(rows):
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("title", "brand"), *rows])
    assert rows_of(file.getvalue().encode())[:2] == (rows, [])


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_reading_goes_on_where_it_stopped(monkeypatch, at_once):
    monkeypatch.setattr(reader, "AT_ONCE", at_once)
    for chunks, content in ((csv_chunks, CSV + 'bad\n"x\ny",z\n'), (json_chunks, JSON + "bad\n{}")):
        args = ("x", ",") if chunks is csv_chunks else ("x",)
        whole = list(chunks(io.BytesIO(content.encode()), *args, Place()))
        assert len(whole) >= 2
        for number, one in enumerate(whole):
            stream = io.BytesIO(content.encode())
            if chunks is json_chunks:
                stream.seek(one.after.offset)  # a csv reader looks at the header first
            rest = list(chunks(stream, *args, one.after))
            assert [(c.table, c.bad, c.after) for c in rest] == [
                (c.table, c.bad, c.after) for c in whole[number + 1 :]
            ]


def mutated(content, chance):
    """The bytes with one to four changes."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        a, b = sorted(chance.choices(range(len(found) + 1), k=2))
        match chance.randrange(5):
            case 0 if a < len(found):
                found[a] = chance.randrange(256)
            case 1:
                found[a:a] = chance.choice(ODD)
            case 2:
                del found[a : min(b, a + 8)]
            case 3:
                found[b:b] = found[a:b]
            case 4 if a:
                del found[a:]
    return bytes(found)


def n_lines(content):
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


@pytest.mark.slow
def test_of_9000_mutated_tables_no_line_is_lost():
    chance, refused = random.Random(0), 0
    for _ in range(9_000):
        content = mutated(CSV.encode() * chance.randint(1, 3), chance)
        try:
            rows, bad, after = rows_of(content)
        except DataError:
            refused += 1
            continue
        if after is None:
            continue
        header = next(csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline="")), [])
        spanned = sum(1 + sum(value.count("\n") for value in row) for row in rows)
        spanned += sum(1 + one.raw.count("\n") for one in bad)
        left = after.line - spanned  # the header, and blank lines
        assert after.line == n_lines(content)
        blank = sum(not one.strip(b"\r\n") for one in content.split(b"\n"))
        assert 1 <= left <= blank + 1 + sum(name.count("\n") for name in header)
        assert len({one.line for one in bad}) == len(bad)
    assert refused < 2_000


@pytest.mark.slow
def test_of_9000_mutated_json_lines_none_is_lost():
    chance = random.Random(1)
    for _ in range(9_000):
        content = mutated(JSON.encode() * chance.randint(1, 3), chance)
        try:
            records, bad, after = records_of(content)
        except DataError as error:
            assert "UTF-16" in str(error)
            continue
        blank = sum(not one.removeprefix(b"\xef\xbb\xbf").strip() for one in io.BytesIO(content))
        assert len(records) + len(bad) + blank >= n_lines(content) >= len(records) + len(bad)
        assert after is None or after.line == n_lines(content)
