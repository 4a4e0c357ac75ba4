"""Tables in memory give the same records as the same rows in a csv."""

import polars as pl
import pytest

from wsal.data.base import DataSource, Layout
from wsal.data.frames import TableFrame, frame_of
from wsal.data.table_file import TableFile
from wsal.errors import DataError
from wsal.stages.prepare import prepare

LAYOUT = Layout(text=("title", "size"), label="kind", id="id", split="split", keep=("price",))
ROWS = pl.DataFrame(
    {
        "id": [7, 8, 9, 10, 11],
        "title": ["caf\u00c3\u00a9 &amp; tea", "Red  mug", "red mug,", "", "pan"],
        "size": [2, None, None, 3, 4],
        "kind": ["tea", "mug", None, "mug", "pan"],
        "split": ["train", "test", "train", None, "valid"],
        "price": [1.5, None, 2.0, 3.25, 4.0],
    }
)


def prepared(folder, source):
    """The tables that `prepare` writes, by name; and its facts."""
    assert isinstance(source, DataSource)
    folder.mkdir()
    facts = prepare(folder, data=source, seed=0, shard_rows=1000)
    facts.pop("rows_of_files")  # names rows by their numbers, which a file counts from its header
    return {path.name: pl.read_parquet(path).rows() for path in folder.glob("*.parquet")}, facts


@pytest.fixture
def expected(tmp_path):
    """What a csv of the rows gives."""
    ROWS.write_csv(tmp_path / "rows.csv")
    return prepared(tmp_path / "csv", TableFile(tmp_path / "rows.csv", LAYOUT))


def test_a_polars_frame_gives_the_records_of_a_csv(expected, tmp_path):
    assert prepared(tmp_path / "out", TableFrame(frame_of(ROWS), LAYOUT)) == expected


@pytest.mark.slow  # importing pandas and datasets takes seconds
def test_pandas_and_datasets_give_the_records_of_a_csv(expected, tmp_path):
    pandas = pytest.importorskip("pandas")
    datasets = pytest.importorskip("datasets")
    frame = pandas.DataFrame(ROWS.to_dict(as_series=False), index=list("abcde"))
    assert frame["size"].dtype == float  # pandas made floats of integers
    assert prepared(tmp_path / "pandas", TableFrame(frame_of(frame), LAYOUT)) == expected
    dataset = datasets.Dataset.from_dict(ROWS.to_dict(as_series=False))
    assert prepared(tmp_path / "dataset", TableFrame(frame_of(dataset), LAYOUT)) == expected


@pytest.mark.slow
def test_class_names_splits_and_selected_rows_of_datasets():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["tv", "mug"])}
    )
    rows = datasets.Dataset.from_dict(
        {"text": ["red mug", "tea", "tv"], "label": [1, -1, 0]}, features=features
    )
    assert frame_of(rows.select([2, 1])).rows() == [("tv", "tv"), ("tea", None)]
    splits = datasets.DatasetDict({"train": rows, "test": rows.select([0])})
    assert frame_of(splits)["split"].to_list() == ["train"] * 3 + ["test"]


def test_a_list_of_texts_is_a_pool_without_gold(tmp_path):
    layout = Layout(text=("text",), labels=("mug", "pan"))
    tables, facts = prepared(tmp_path / "out", TableFrame(frame_of(["mug", "pan", "Mug"]), layout))
    assert [row[1] for row in tables["pool.parquet"]] == ["mug", "pan"]
    assert (facts["n_duplicates"], facts["n_pool"]) == (1, 2)


def test_the_digest_changes_with_the_cells_of_the_layout_only():
    digests = [
        TableFrame(frame, LAYOUT).content()["frame"]
        for frame in (
            ROWS,
            ROWS.clone(),
            ROWS.with_columns(more=pl.lit("x")),
            ROWS.with_columns(price=pl.lit(1)),
        )
    ]
    assert digests[0] == digests[1] == digests[2] != digests[3]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": ["a"]}, "found a builtins.dict; expected a polars or pandas DataFrame"),
        (["a", 3], "value 2 of the list is a int: 3; expected a string"),
        ([], "no rows, only columns"),
        (pl.LazyFrame({"a": [1]}), "LazyFrame; expected"),
    ],
)
def test_other_values_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        frame_of(values)


@pytest.mark.slow
def test_pandas_columns_of_several_types_are_refused():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match=r"cannot be converted.*one type each"):
        frame_of(pandas.DataFrame({"a": [1, "b", [2]]}))
