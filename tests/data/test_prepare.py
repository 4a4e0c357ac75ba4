"""From a file to the pool, whatever the file is like; and what is said where that fails."""

import gzip

import polars as pl
import pytest

from wsal.building import build
from wsal.data.base import Layout
from wsal.data.table_file import TableFile
from wsal.errors import ConfigError, DataError
from wsal.stages.prepare import prepare

ROWS = [(f"a{i}", f"{kind} number {i}", kind) for i in range(20) for kind in ("mug", "pan")]
LAYOUT = Layout(text=("title",), label="kind", test_share=0.0)
TARGET = "wsal.data.table_file.TableFile"


def pool(folder, path, layout=LAYOUT, **options):
    """The pool that is prepared from a file."""
    out = folder / f"out {path.name}"
    out.mkdir()
    prepare(out, data=TableFile(path, layout, **options), seed=0, shard_rows=1000)
    return pl.read_parquet(out / "pool.parquet")


def test_all_dialects_make_the_same_pool(tmp_path):
    frame = pl.DataFrame(ROWS, schema=["id", "title", "kind"], orient="row")
    expected = None
    for name, content in [
        ("a.csv", frame.write_csv().encode()),
        ("b.csv", b"sep=;\r\n" + frame.write_csv(separator=";").replace("\n", "\r\n\r\n").encode()),
        ("c.txt", frame.write_csv(separator="\t").encode("utf-16")),
        ("d.csv.gz", gzip.compress(frame.write_csv(quote_style="always").encode())),
        ("e.json", frame.write_json().encode()),
    ]:  # fmt: skip
        (tmp_path / name).write_bytes(content)
        found = pool(tmp_path, tmp_path / name)
        assert found.height == len(ROWS)
        expected = found if expected is None else expected
        assert found.equals(expected), name


def test_rows_are_named_by_their_lines(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('id,title,kind\n1,"a\nb",mug\n\n2,b,pan\n,c,mug\n , d,pan\n')
    with pytest.raises(DataError, match=r"rows 6, 7 have no 'id'; every row needs an id"):
        pool(tmp_path, path, Layout(text=("title",), label="kind", id="id"))
    path = tmp_path / "y.csv"
    path.write_text('id,title,kind\n1,"a\nb",mug\n\n2,b,pan\n\n1,c,mug\n')
    with pytest.raises(DataError, match=r"id '1' occurs twice in column 'id', rows 2 and 7"):
        pool(tmp_path, path, Layout(text=("title",), label="kind", id="id"))
    path = tmp_path / "z.csv"
    path.write_text("title,kind,part\na,mug,train\n\nb,pan,tset\nc,pan,evl\n")
    with pytest.raises(DataError, match=r"row 4 has split 'tset'.*also unknown: 'evl'"):
        pool(tmp_path, path, Layout(text=("title",), label="kind", split="part"))


def test_all_labels_that_are_no_class_are_listed(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("title,kind\na,mug\nb,pann\nc,pann\nd,cup\n")
    layout = Layout(text=("title",), label="kind", labels=("mug", "pan"))
    with pytest.raises(DataError, match=r"'pann' .*did you mean 'pan'.*1 other label.*'cup'"):
        pool(tmp_path, path, layout)


@pytest.mark.parametrize("split", ["part", None])
def test_where_no_row_is_left_for_the_pool_the_cause_is_named(split, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("title,kind,part\na,mug,test\nb,pan,dev\n")
    layout = Layout(text=("title",), label="kind", split=split, test_share=1.0)
    words = (
        "column 'part' .*write 'train'" if split else r"lower data\.layout\.test_share.*now 1\.0"
    )
    with pytest.raises(DataError, match=words):
        pool(tmp_path, path, layout)


@pytest.mark.parametrize("nested", [[["a"], ["b"]], [{"a": 1}, {"a": 2}], [b"a", b"b"]])
def test_columns_that_are_no_text_are_refused(nested, tmp_path):
    pl.DataFrame({"title": nested, "kind": ["mug", "pan"]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(
        DataError, match=r"column 'title' holds (lists|objects|bytes).*expected text"
    ):
        pool(tmp_path, tmp_path / "x.parquet")


def test_options_are_checked_and_taken(tmp_path):
    node = {"_target_": TARGET, "path": str(tmp_path / "x.csv"), "layout": {"text": ["title"]}}
    (tmp_path / "x.csv").write_text("Products\ntitle;kind\nmug, red;x\n")
    for name, value, words in [
        ("delimiter", "ab", "expected comma, semicolon"), ("delimiter", '"', "expected comma"),
        ("encoding", "utf-99", "expected an encoding"), ("header_row", 0, "greater than or equal"),
        ("sheet", ["a"], "valid string"),
    ]:  # fmt: skip
        with pytest.raises(ConfigError, match=rf"data\.{name} is .*{words}"):
            build({**node, name: value}, "data")
    source = build({**node, "delimiter": "tab", "header_row": 2, "sheet": 2024}, "data")
    assert (source.delimiter, source.sheet) == ("tab", "2024")
    assert source == build({**node, "delimiter": "tab", "header_row": 2, "sheet": "2024"}, "data")
    for delimiter in (";", "semicolon", None):
        found = build({**node, "delimiter": delimiter, "header_row": 2}, "data").read()
        assert found["title"].to_list() == ["mug, red"]
    with pytest.raises(DataError, match=r"line 3: 2 fields.*data\.delimiter=.*data\.header_row=N"):
        build(node, "data").read()
