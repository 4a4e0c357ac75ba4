"""Hugging Face datasets from local folders: saved ones, and data files."""

import pytest

from wsal.data.base import DataSource, Layout
from wsal.data.hub import HubDataset
from wsal.data.records import to_records
from wsal.errors import DataError

LAYOUT = Layout(text=("text",), label="label", split="split")
ROWS = {"text": ["red mug", "blue mug", "tv"], "label": [1, -1, 0]}

pytestmark = pytest.mark.slow  # importing datasets takes seconds


@pytest.fixture(scope="module")
def datasets():
    return pytest.importorskip("datasets")


@pytest.fixture
def split(datasets):
    """Three rows with a ClassLabel, of which one is not labelled."""
    classes = datasets.ClassLabel(names=["tv", "mug"])
    features = datasets.Features({"text": datasets.Value("string"), "label": classes})
    return datasets.Dataset.from_dict(ROWS, features=features)


def read(path, layout=LAYOUT):
    source = HubDataset(str(path), layout)
    assert isinstance(source, DataSource)
    return to_records(source.read(), layout).select("text", "label", "split").rows()


def test_a_saved_dataset_gives_class_names_and_is_all_train(split, tmp_path):
    split.save_to_disk(tmp_path / "saved")
    expected = [("red mug", "mug", "pool"), ("blue mug", None, "pool"), ("tv", "tv", "pool")]
    assert read(tmp_path / "saved") == expected


def test_a_saved_dict_gives_each_row_its_split(datasets, split, tmp_path):
    parts = {"train": split.select([0]), "validation": split.select([2]), "test": split.select([1])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    expected = [("red mug", "mug", "pool"), ("tv", "tv", "dev"), ("blue mug", None, "test")]
    assert sorted(read(tmp_path / "saved")) == sorted(expected)


def test_splits_of_different_columns_are_put_together(datasets, split, tmp_path):
    parts = {"train": split.remove_columns("label"), "test": split}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    found = read(tmp_path / "saved")
    assert [label for _, label, part in found if part == "pool"] == [None] * 3
    assert [label for _, label, part in found if part == "test"] == ["mug", None, "tv"]


def test_a_folder_of_data_files(datasets, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "train.csv").write_text("text,label\nred mug,mug\n")
    (tmp_path / "files" / "test.csv").write_text("text,label\ntv,tv\n")
    assert read(tmp_path / "files") == [("red mug", "mug", "pool"), ("tv", "tv", "test")]


def test_content_follows_the_rows_or_the_revision(split, tmp_path):
    source = HubDataset(str(tmp_path / "saved"), LAYOUT)
    split.save_to_disk(tmp_path / "saved")
    before = source.content()
    split.select([0, 1]).save_to_disk(tmp_path / "saved")
    assert source.content() != before
    pinned = [HubDataset("org/name", LAYOUT, revision=r).content() for r in ("a", "b")]
    assert pinned[0] != pinned[1]


def test_what_cannot_be_loaded_or_has_no_rows_is_refused(split, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match=r"nothing.* cannot be loaded.*expected a dataset's name"):
        HubDataset(str(tmp_path / "nothing"), LAYOUT).read()
    split.select([]).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="no rows"):
        HubDataset(str(tmp_path / "saved"), LAYOUT).read()
