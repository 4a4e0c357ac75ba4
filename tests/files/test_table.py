"""Every kind of file gives back the text that was written into it."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.data.base import ROW, DataSource, Layout
from wsal.data.table_file import TableFile
from wsal.errors import DataError
from wsal.files import numbered_table, read_table

KINDS = ["csv", "tsv", "parquet", "jsonl", "ndjson", "xlsx"]
HARD = [
    "0042", "+1", "1e5", "3.10", "true", "2024-01-02", "NA", "null", "nan", "#N/A",
    'he said "no", twice', "two\nlines", "a\tb", "עברית ثم عربي", "café 👩‍👩‍👧 ŝ", "=1+1",
    "'", "\\n",
]  # fmt: skip


def written(frame, path):
    """The frame in a file of the kind that the suffix tells."""
    kind = path.suffix[1:]
    if kind in ("csv", "tsv"):
        frame.write_csv(path, separator="\t" if kind == "tsv" else ",")
    elif kind == "parquet":
        frame.write_parquet(path)
    elif kind == "xlsx":
        import xlsxwriter

        with xlsxwriter.Workbook(path, {"strings_to_formulas": False}) as book:
            page = book.add_worksheet()
            page.write_row(0, 0, frame.columns)
            for number, row in enumerate(frame.iter_rows(), start=1):
                for column, value in enumerate(row):
                    if value is not None:
                        page.write_string(number, column, value)
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in frame.to_dicts()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_text_stays_text(kind, tmp_path):
    ids = [f"{i:04d}" for i in range(len(HARD))]
    frame = pl.DataFrame({"id": ids, "title": HARD, "brand": [None, *HARD[1:]]})
    path = written(frame, tmp_path / f"x.{kind}")
    assert read_table(path).to_dict(as_series=False) == frame.to_dict(as_series=False)


cells = st.one_of(st.none(), st.text("aZ09,\"'\n\t;|é\u200d👍א =-+@", min_size=1, max_size=8))


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl"])
@given(values=st.lists(cells, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_any_text_survives(kind, values, tmp_path_factory):
    frame = pl.DataFrame({"id": [str(i) for i in range(len(values))], "title": values})
    frame = frame.cast(pl.String)
    path = written(frame, tmp_path_factory.mktemp("files") / f"x.{kind}")
    assert read_table(path).cast(pl.String).rows() == frame.rows()


@pytest.mark.parametrize("kind", ["csv", "xlsx", "jsonl"])
def test_the_type_of_late_rows_is_seen(kind, tmp_path):
    values = ["1"] * 2000 + ["one", "007"]
    path = written(pl.DataFrame({"title": values}), tmp_path / f"x.{kind}")
    assert read_table(path)["title"].to_list() == values


def test_a_missing_field_is_a_null_in_every_kind(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "1", "title": "mug"}\n{"id": "2", "brand": "Acme"}\n')
    assert read_table(path).rows() == [("1", "mug", None), ("2", None, "Acme")]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbfid,title\r\n1,mug\r\n")
    assert read_table(path).rows(named=True) == [{"id": "1", "title": "mug"}]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_empty_or_broken_is_refused(kind, tmp_path):
    empty, broken = tmp_path / f"empty.{kind}", tmp_path / f"broken.{kind}"
    empty.touch()
    with pytest.raises(DataError, match=r"empty\.\w+ is empty; expected a table"):
        read_table(empty)
    broken.write_bytes(b'{"a": \xff\x00 "x,\n\x89PNG' * 3)
    with pytest.raises(DataError, match="broken"):
        read_table(broken)


def test_columns_without_rows_are_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,title\n")
    with pytest.raises(DataError, match=r"has no rows.*'title'"):
        read_table(path)


def test_all_bad_lines_are_listed_with_what_is_wrong(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('id,title\n1,mug\n2,mug, blue\n\n3\n4,"mug\n' + "5\n" * 20)
    with pytest.raises(DataError) as refused:
        read_table(path)
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{path} has 23 lines that cannot be parsed:"
    assert lines[1] == "  line 3: 3 fields; the header has 2, so field 3 (' blue') has no column"
    assert lines[2] == "  line 5: 1 field; the header has 2, so column 'title' has no field"
    assert lines[3] == "  line 6: the quote at column 3 is never closed"
    assert lines[4].startswith("  line 7: 1 field")
    assert lines[11].startswith("  ... and 13 more (another delimiter: data.delimiter=")


@pytest.mark.parametrize(
    ("name", "words"), [("goods.cvs", "goods.csv"), ("goods.doc", "kind 'doc'")]
)
def test_a_missing_file_and_an_unknown_kind_name_what_is_there(name, words, tmp_path):
    (tmp_path / "goods.csv").write_text("id\n1\n")
    (tmp_path / "goods.doc").write_text("id\n1\n")
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / name)


def test_rows_are_numbered_as_their_files_number_them(tmp_path):
    text = tmp_path / "x.csv"
    text.write_text('\n\nid,title\n1,"two\nlines"\n\n2,mug\n,\n3,cup\n')
    assert list(numbered_table(text).rows) == [4, 7, 9]
    objects = tmp_path / "x.jsonl"
    objects.write_text('{"id": 1}\n\n{"id": 2}\n')
    assert list(numbered_table(objects).rows) == [1, 3]
    objects.write_text('[\n{"id": 1},\n\n{"id":\n2}, {"id": 3}]')
    assert list(numbered_table(objects).rows) == [2, 4, 5]


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_folder_is_its_files_by_name(kind, tmp_path):
    frame = pl.DataFrame({"id": ["1", "2", "3"], "title": ["a", "b", None]})
    written(frame[2:], tmp_path / f"b.{kind}")
    written(frame[:2].select("title", "id"), tmp_path / f"a.{kind}")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / f".hidden.{kind}").write_text("x")
    (tmp_path / "notes.md").write_text("x")
    found = numbered_table(tmp_path)
    assert found.frame.select("id", "title").rows() == frame.rows()
    found = TableFile(tmp_path, Layout(text=("title",), keep=("id",))).read()
    assert found["id"].to_list() == ["1", "2", "3"]


def test_a_folder_of_unlike_files_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no file of a kind that can be read"):
        read_table(tmp_path)
    (tmp_path / "a.csv").write_text("id,title\n1,mug\n")
    (tmp_path / "b.csv").write_text("id,name\n1,mug\n")
    with pytest.raises(DataError, match=r"b\.csv has a column 'name' but .*a\.csv does not"):
        read_table(tmp_path)
    (tmp_path / "c.jsonl").write_text("{}")
    with pytest.raises(DataError, match=r"several kinds: \['csv', 'jsonl'\]"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.xls", b"x", r"\.xls cannot be read; save it as \.xlsx"),
        ("x.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", r"old Excel workbook.*save it as \.xlsx"),
        ("x.csv", b"PAR1....", r"contains parquet, not csv; rename it to x\.parquet"),
        ("x.gz", b"\x1f\x8bxxxx", r"rename it, for example to x\.csv\.gz"),
        ("x.csv.gz", b"\x1f\x8bxxxxxxx", "is damaged"),
        ("x.csv.zip", b"PK\x03\x04xxxx", "is damaged"),
        ("x.csv.xz", b"\xfd7zXZ\x00xxx", "is damaged"),
        ("x.csv.bz2", b"BZhxxxxxx", "is damaged"),
        ("x.csv.zst", b"\x28\xb5\x2f\xfdxxxxx", "is damaged"),
        ("x.parquet", b"\x1f\x8bxxxx", r"compressed \(gz\); unpack it"),
        ("x.csv", b"a,a\n1,2\n", "two columns 'a'"),
    ],
)
def test_what_a_file_is_not_is_said(name, content, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_table(path)


def test_a_workbook_named_csv_is_called_one(tmp_path):
    written(pl.DataFrame({"a": ["1"]}), tmp_path / "x.xlsx").rename(tmp_path / "x.csv")
    with pytest.raises(DataError, match=r"Excel workbook, not csv; rename it to x\.xlsx"):
        read_table(tmp_path / "x.csv")


def test_a_missing_column_says_what_may_have_been_misread(tmp_path):
    (tmp_path / "x.csv").write_text("Products of May\n\nid,title\n1,mug\n")
    layout = Layout(text=("title",))
    with pytest.raises(DataError, match=r"no column 'title'.*data\.header_row=N"):
        TableFile(tmp_path / "x.csv", layout, delimiter=";").read()
    found = TableFile(tmp_path / "x.csv", layout, header_row=3).read()
    assert found.rows(named=True) == [{"title": "mug", ROW: 4}]


def test_the_content_of_a_source_is_the_files_bytes(tmp_path):
    path = tmp_path / "x.csv"
    source = TableFile(path, Layout(text=("title",)))
    path.write_text("title\nmug\n")
    before = source.content()
    path.touch()
    assert isinstance(source, DataSource)
    assert source.content() == before
    path.write_text("title\nmugs\n")
    assert source.content() != before
