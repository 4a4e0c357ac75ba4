"""Passes over parts, partitions and shards give what one pass over the whole table gives."""

import filecmp
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import polars as pl
import pytest
import slow_prepare
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_prepare import prepare_slowly

from wsal import tables
from wsal.data import keys
from wsal.data.base import ROW, Layout, SourcePart
from wsal.data.frames import TableFrame
from wsal.data.in_memory import prepared_of
from wsal.data.reading import Sizes
from wsal.errors import DataError
from wsal.stages.prepare import write_pool

TEXTS = ["red mug", "Red Mug", "red, mug", "blue mug", "BLUE mug", "tv", "c++", "pan", "Pan!",
         None, " ", "r\u00e9d &amp; mug", "x" * 300]  # fmt: skip
SMALL = Sizes(rows_of_part=3, rows_of_run=5, partitions=4)
NAMES = ("pool", "dev", "test", "gold")
LAYOUTS = [
    Layout(text=("title",), label="kind", split="part"),
    Layout(text=("title",), label="kind", test_share=0.3, dev_share=0.2),
    Layout(text=("title", "brand"), keep=("brand", "part"), labels=("a", "b", "c")),
    Layout(text=("title", "brand"), label="kind", labels=("c", "b", "a"), id="id"),
]
rows_of_a_source = st.lists(
    st.tuples(
        st.sampled_from(TEXTS),
        st.sampled_from(["Acme", None, ""]),
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from(["train", "dev", "test", None]),
    ),
    min_size=1,
    max_size=25,
)


def table(rows):
    columns = dict.fromkeys(("title", "brand", "kind", "part"), pl.String)
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_columns(id=pl.int_range(len(frame)).cast(pl.String))


@dataclass(frozen=True)
class InParts:
    """A table that is read some rows at a time, from several files."""

    frame: pl.DataFrame
    layout: Layout
    rows_of_file: int = 4

    def read(self):
        raise AssertionError("the rows are read in parts")

    def content(self):
        return {}

    def parts(self):
        for first in range(0, len(self.frame), self.rows_of_file):
            rows = self.frame[first : first + self.rows_of_file]
            numbers = pl.int_range(1, len(rows) + 1, eager=True)
            yield SourcePart(rows.with_columns(numbers.alias(ROW)), f"{first:03}.csv")


def prepared_files(folder, source, shard_rows, sizes):
    """The tables of the pool in `folder`, or the message of the error."""
    folder.mkdir()
    try:
        facts = write_pool(folder, source, 1, shard_rows, sizes)
        facts.pop("rows_of_files")  # depends on the parts
        return facts
    except DataError as error:
        return str(error)


@given(rows_of_a_source, st.sampled_from(LAYOUTS), st.booleans())
@settings(max_examples=100, deadline=None)
def test_files_are_those_of_one_pass_in_memory(rows, layout, all_alike):
    """With `all_alike`, many texts have the same digest, as few do among 10^8 texts."""

    def of_few(text, digest_size):
        few = all_alike and digest_size == 6
        return blake2b(text[:1] if few else text, digest_size=digest_size)

    frame = table(rows)
    with (
        TemporaryDirectory() as folder,
        patch.object(keys, "blake2b", of_few),
        patch.object(slow_prepare, "blake2b", of_few),
    ):
        slow = Path(folder, "slow")
        slow.mkdir()
        try:
            expected = prepare_slowly(frame, layout, 1, slow)
        except DataError as error:
            expected = str(error)
        whole = prepared_files(Path(folder, "whole"), TableFrame(frame, layout), 99, Sizes())
        parts = prepared_files(Path(folder, "parts"), InParts(frame, layout), 99, SMALL)
        if isinstance(expected, str) or isinstance(parts, str):
            if not tables.shard_files(slow / "pool.parquet")[0].exists():
                expected = whole  # no text is left for the pool
            assert expected == whole == parts
            return
        assert whole == parts
        assert tuple(whole["labels"]) == expected.names
        for name in NAMES:
            files = [Path(folder, kind, f"{name}.parquet") for kind in ("slow", "whole", "parts")]
            assert len({file.exists() for file in files}) == 1
            if files[0].exists():
                assert filecmp.cmp(files[0], files[1], shallow=False)
                assert filecmp.cmp(files[0], files[2], shallow=False)


@given(rows_of_a_source, st.sampled_from(LAYOUTS), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_shards_hold_the_rows_of_one_file(rows, layout, shard_rows):
    frame = table(rows)
    with TemporaryDirectory() as folder:
        whole = prepared_files(Path(folder, "whole"), TableFrame(frame, layout), 99, Sizes())
        parts = prepared_files(Path(folder, "parts"), InParts(frame, layout), shard_rows, SMALL)
        if isinstance(whole, str):
            assert parts == whole
            return
        shards = parts.pop("rows_of_shards", [parts["n_pool"]])
        assert parts == whole
        assert shards == tables.rows_of_shards(Path(folder, "parts/pool.parquet"))
        assert all(n == shard_rows for n in shards[:-1]) and shards[-1] <= shard_rows
        for name in NAMES:
            single, several = (Path(folder, kind, f"{name}.parquet") for kind in ("whole", "parts"))
            assert tables.shard_files(single)[0].exists() == tables.shard_files(several)[0].exists()
            assert name == "pool" or several.exists() == single.exists()
            if single.exists():
                assert tables.read(single).equals(tables.read(several))
        assert not any(Path(folder, "parts/checkpoints").iterdir())


def test_the_python_interface_has_the_same_rows(tmp_path):
    frame, layout = (
        table([(f"mug {i % 30}", None, "ab"[i % 2], None) for i in range(40)]),
        LAYOUTS[1],
    )
    facts = prepared_files(tmp_path / "files", TableFrame(frame, layout), 99, Sizes())
    made = prepared_of(InParts(frame, layout), 1, SMALL)
    assert made.labels.names == tuple(facts["labels"])
    for name in ("pool", "test", "dev"):
        columns = ["id", "text", "n_copies", "fields"]
        expected = tables.read(tmp_path / "files" / f"{name}.parquet")
        assert getattr(made, name).select(columns).equals(expected.select(columns))


def test_an_id_that_occurs_twice_is_named_with_its_rows_and_files():
    frame = table([(f"mug {i}", None, "ab"[i % 2], None) for i in range(20)])
    ids = [str(i) for i in range(20)]
    ids[17], ids[6], ids[19] = ids[3], " 5", ids[4]
    frame, layout = frame.with_columns(id=pl.Series(ids)), replace(LAYOUTS[3], labels=("a", "b"))
    with pytest.raises(DataError, match=r"id '3' occurs twice in column 'id', row 4 of 000.csv and "
                       r"row 2 of 016.csv; ids must"):  # fmt: skip
        prepared_of(InParts(frame, layout), 0, SMALL)
    with pytest.raises(DataError, match=r"id '3' occurs twice in column 'id', rows 4 and 18; ids"):
        prepared_of(TableFrame(frame, layout), 0)


def test_an_error_in_a_row_names_its_file():
    frame = table([(f"mug {i}", None, "ab"[i % 2], "tset" if i == 9 else "dev") for i in range(20)])
    with pytest.raises(DataError, match=r"^008.csv: row 2 has split 'tset'; did you mean 'test'"):
        prepared_of(InParts(frame, LAYOUTS[0]), 0)


def test_there_are_no_more_classes_than_can_be_numbered():
    frame = pl.DataFrame({"title": [str(i) for i in range(2**15)]}).with_columns(kind="title")
    with pytest.raises(DataError, match=r"more than 32,767 different labels, such as '32767'"):
        prepared_of(TableFrame(frame, Layout(text=("title",), label="kind")), 0)
