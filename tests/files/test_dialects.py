"""However a table was written, the reader gives back its cells; and both its ways agree."""

import bz2
import csv
import gzip
import io
import lzma
import random
import zipfile

import polars as pl
import pyarrow as pa
import pytest
from helpers import by_default, mutated
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsal.errors import DataError
from wsal.files import TableOptions, delimited, lines, read_table
from wsal.files.delimited import csv_chunks
from wsal.files.lines import Offset

ROWS = [
    ("1", "Mug, red", "Küche"),
    ("2", "Café crème; 1,5 l", "Büro"),
    ("3", 'Monitor 27" 4K', "TV"),
]
HEADER = ("id", "title", "kind")
cell = st.text("ab é\"',;|\t\n木\\", max_size=6).map(
    lambda text: text.replace('\\"', "").rstrip("\\")
)
tables = st.lists(st.tuples(st.integers(0, 9).map(str), cell, cell), min_size=1, max_size=6)


def as_read(rows):
    """What the reader makes of rows: empty cells are null."""
    return [tuple(value or None for value in row) for row in rows]


def text_of(rows, delimiter, quoting, end="\n"):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([HEADER, *rows])
    return file.getvalue()


def silent(_):
    """Nobody wants to know."""


@given(
    tables,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=150, deadline=None)
def test_what_pythons_csv_and_pandas_write_is_read_back(
    tmp_path_factory, rows, delimiter, quoting, encoding, end
):
    path = tmp_path_factory.mktemp("x") / "x.csv"
    path.write_bytes(text_of(rows, delimiter, quoting, end).encode(encoding))
    options = TableOptions(delimiter=delimiter)  # cells are full of the other delimiters
    assert read_table(path, options, silent).rows() == as_read(rows)


@given(tables, st.sampled_from(["always", "necessary", "non_numeric"]), st.sampled_from(",;|\t"))
@settings(max_examples=75, deadline=None)
def test_what_polars_writes_is_read_back(tmp_path_factory, rows, style, delimiter):
    path = tmp_path_factory.mktemp("x") / "x.csv"
    frame = pl.DataFrame(rows, schema=HEADER, orient="row")
    frame.write_csv(path, separator=delimiter, quote_style=style)
    assert read_table(path, TableOptions(delimiter=delimiter)).rows() == as_read(rows)


plain_cell = st.text("ab é'\"\n\\木", max_size=6).map(
    lambda text: text.replace('\\"', "").rstrip("\\")
)


@given(
    st.lists(st.tuples(st.integers(0, 9).map(str), plain_cell, plain_cell), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["csv", "tsv", "txt"]),
)
@settings(max_examples=100, deadline=None)
def test_the_delimiter_is_detected(tmp_path_factory, rows, delimiter, kind):
    path = tmp_path_factory.mktemp("x") / f"x.{kind}"
    path.write_text(text_of(rows, delimiter, csv.QUOTE_MINIMAL), encoding="utf-8", newline="")
    assert read_table(path).rows() == as_read(rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_tells_the_delimiter_though_cells_are_full_of_others(delimiter, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(text_of(ROWS, delimiter, csv.QUOTE_MINIMAL), encoding="utf-8")
    assert read_table(path).rows() == ROWS


def test_a_header_with_more_of_another_delimiter_is_judged_by_the_rows(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,size (cm; kg; l)\n1,mug\n2,cup\n")
    assert read_table(path).rows() == [("1", "mug"), ("2", "cup")]


def test_what_excel_adds_is_no_row(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('sep=;\r\nid;title;;\r\n1;"Mug; red";;\r\n;;;\r\n2;Cup;;\r\n', newline="")
    assert read_table(path).columns == ["id", "title", "column 3", "column 4"]
    assert read_table(path).rows() == [("1", "Mug; red", None, None), ("2", "Cup", None, None)]
    path.write_text("id,title\n1,Mug,,\n")  # too many fields, all of them empty
    assert read_table(path).rows() == [("1", "Mug")]


def test_quotes_that_are_characters(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(
        'id,title,kind\n1,Monitor 27" 4K,TV\n2,"27"" and ""x""",TV\n3,"27\\" 4K",TV\n4,a "b" c,TV\n'
        '5,"ends in \\",TV\n6,24",TV\n7,"a\\"\nb",TV\n'
    )
    titles = ['Monitor 27" 4K', '27" and "x"', '27" 4K', 'a "b" c', "ends in \\", '24"', 'a"\nb']
    assert read_table(path)["title"].to_list() == titles


@pytest.mark.parametrize("around", ["", '0,"C:\\"" x",z\n'])  # the latter: no short cut
def test_rows_that_a_quote_may_have_swallowed_are_noted(around, tmp_path):
    path, told = tmp_path / "x.csv", []
    path.write_text(f'id,title,kind\n{around}1,"27 inch 4K,TV\n2,mug,Mug\n3,Screen 24",TV\n')
    assert read_table(path, note=told.append)["id"].to_list()[-1] == "1"
    line = 3 if around else 2
    assert [one.split(":")[0] for one in told] == [f"{path} line {line}"]
    path.write_text('id,title,kind\n1,"two lines,\nof text",TV\n2,"a, b\n c,\nd",TV\n')
    assert read_table(path, note=told.append).height == 2
    assert len(told) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_encodings_are_detected_and_told(encoding, kind, tmp_path):
    path, told = tmp_path / f"x.{kind}", []
    text = text_of(ROWS, ";", csv.QUOTE_MINIMAL)
    if kind == "jsonl":
        text = pl.DataFrame(ROWS, schema=HEADER, orient="row").write_ndjson()
    path.write_bytes(text.encode(encoding))
    assert read_table(path, note=told.append).rows() == ROWS
    [note] = told
    assert str(path) in note
    assert encoding in note
    assert read_table(path, TableOptions(encoding=encoding), told.append).rows() == ROWS
    assert len(told) == 1


def test_what_is_utf8_but_for_some_lines_is_not_taken_for_another_encoding(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("title\ncafé\nmüde\n".encode() + b"caf\xe9\n")
    with pytest.raises(DataError, match=r"line 4: not UTF-8: byte 0xe9 at position 4"):
        read_table(path)


@pytest.mark.parametrize(
    "content",
    ["title,kind\nКофе в зёрнах,Кофе\n".encode("cp1251"), "title\nコーヒー豆\n".encode("shift_jis"),
     "title\nΚαφές\n".encode("cp1253"), b"title\ncaf\xe9 \x81\n"],
)  # fmt: skip
def test_what_is_not_western_must_be_named(content, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"not UTF-8 \(line 2 has byte .*data\.encoding=cp1251"):
        read_table(path)


def test_a_named_encoding_is_used_and_checked(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("title\nКофе\n".encode("cp1251"))
    assert read_table(path, TableOptions(encoding="cp1251")).rows() == [("Кофе",)]
    path.write_bytes(b"title\nmug\ncaf\x81\n")
    with pytest.raises(DataError, match=r"is not cp1252: .*0x81"):
        read_table(path, TableOptions(encoding="cp1252"))


def test_lines_of_old_macs(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,title\r1,mug\r2,cup\r")
    assert read_table(path).rows() == [("1", "mug"), ("2", "cup")]


def packed(path, content):
    match path.suffix:
        case ".zip":
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("inner.csv", content)
                file.writestr("__MACOSX/._inner.csv", b"x")
        case ".zst":
            path.write_bytes(pa.compress(content, codec="zstd", asbytes=True))
        case suffix:
            pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
            path.write_bytes(pack(content))
    return path


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst", "zip"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_compressed_files_are_unpacked(suffix, encoding, tmp_path):
    content = text_of(ROWS * 999, ";", csv.QUOTE_MINIMAL).encode(encoding)
    path = packed(tmp_path / f"x.csv.{suffix}", content)
    assert read_table(path, note=silent).rows() == ROWS * 999
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="is damaged"):
        read_table(path, note=silent)
    if suffix in ("gz", "zip"):
        path.write_bytes(whole)
        renamed = path.rename(tmp_path / ("y.csv" if suffix == "gz" else "y.zip"))
        assert read_table(renamed, note=silent).height == len(ROWS) * 999


def test_a_zip_of_several_tables_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.csv.zip", "w") as file:
        file.writestr("a.csv", "a\n1\n")
        file.writestr("b.csv", "a\n1\n")
    with pytest.raises(DataError, match=r"2 files \['a\.csv', 'b\.csv'\]; expected one"):
        read_table(tmp_path / "x.csv.zip")


def both_ways(content):
    """Rows, their lines and bad lines, as read by Arrow where it can be, and never by it."""
    found = []
    for plain in (delimited._read_plain, lambda *_: None, "careful"):
        with pytest.MonkeyPatch.context() as patch:
            if plain == "careful":
                patch.setattr(delimited, "_read_plain", lambda *_: None)
                patch.setattr(delimited._ChunkReader, "read_block", lambda *_: 0)
            else:
                patch.setattr(delimited, "_read_plain", plain)
            try:
                chunks = list(csv_chunks(io.BytesIO(content), "x.csv", ",", Offset()))
            except DataError as error:
                found.append(str(error))
                continue
        rows = [row for chunk in chunks for row in chunk.table.to_pylist()]
        numbers = [int(row) for chunk in chunks for row in chunk.rows]
        found.append((rows, numbers, [bad for chunk in chunks for bad in chunk.bad]))
    return found


field = st.sampled_from(
    ["", "a", " ", '"a"', '"a,b"', '""', '"a""b"', 'a"b', '"a\nb"', '"open', 'x"', '"a"b', "é",
     "\r", '"a\\"b"', '\\"', '"\\"', "\x00", "\x1c", "\u3000"]
)  # fmt: skip


@given(
    st.lists(st.lists(field, min_size=1, max_size=3).map(",".join), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 4),
)
@example(['"a",b', 'c,"d'], "\n", 4)
@example(['a,"x\\""', 'b"'], "\n", 4)
@settings(max_examples=500, deadline=None)
def test_the_fast_ways_and_the_careful_way_agree(records, end, at_once):
    content = f"t,u{end}{end.join(records)}".encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "CHUNK_SIZE", at_once)
        first, second, third = both_ways(content)
    assert first == second == third


@pytest.mark.slow
def test_mutated_files_give_a_table_or_a_reason(tmp_path):
    chance, refused = random.Random(2), 0
    text = text_of(ROWS, ";", csv.QUOTE_MINIMAL)
    plain = pl.DataFrame(ROWS, schema=HEADER, orient="row")
    book = io.BytesIO()
    plain.write_excel(book)
    packed(tmp_path / "a.csv.zip", text.encode())
    whole = {
        "csv": text.encode(), "tsv": text.encode("utf-16"), "txt": text.encode("cp1252"),
        "csv.gz": gzip.compress(text.encode()), "csv.bz2": bz2.compress(text.encode()),
        "csv.xz": lzma.compress(text.encode()), "csv.zip": (tmp_path / "a.csv.zip").read_bytes(),
        "csv.zst": pa.compress(text.encode(), codec="zstd", asbytes=True),
        "jsonl": plain.write_ndjson().encode(), "json": plain.write_json().encode(),
        "xlsx": book.getvalue(),
    }  # fmt: skip
    n_files = by_default(600, thorough=3_000)
    for number in range(n_files):
        kind = chance.choice(list(whole))
        path = tmp_path / f"x.{kind}"
        path.write_bytes(mutated(whole[kind], chance))
        try:
            frame = read_table(path, note=silent)
        except DataError as error:
            refused += 1
            assert str(path) in str(error), number
        else:
            assert frame.height
    assert n_files / 6 < refused < n_files * 0.93
