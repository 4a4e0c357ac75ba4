"""Every kind of file gives back the text that was written into it."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.data.base import DataSource, Layout
from wsal.data.files import TableFile
from wsal.errors import DataError
from wsal.files import READERS, read_table

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


def test_every_kind_that_can_be_read_is_tested():
    assert sorted(READERS) == sorted(f".{kind}" for kind in KINDS)


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


def latin(kind):
    return {"csv": b"id,title\n1,mug\n2,caf\xe9\n", "tsv": b"id\ttitle\n1\tmug\n2\tcaf\xe9\n",
            "jsonl": b'{"id":"0"}\n{"id":"1"}\n{"id":"caf\xe9"}\n'}[kind]  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_what_is_not_utf8_is_said_with_its_line(kind, tmp_path):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(latin(kind))
    with pytest.raises(DataError, match=r"not UTF-8: line 3 has byte 0xe9 .*iconv"):
        read_table(path)


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


def test_a_ragged_row_is_refused_with_its_place(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,title\n1,mug\n2,mug, blue\n")
    with pytest.raises(DataError, match=r"x\.csv"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "words"), [("goods.cvs", "goods.csv"), ("goods.doc", "kind '.doc'")]
)
def test_a_missing_file_and_an_unknown_kind_name_what_is_there(name, words, tmp_path):
    (tmp_path / "goods.csv").write_text("id\n1\n")
    (tmp_path / "goods.doc").write_text("id\n1\n")
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / name)


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
