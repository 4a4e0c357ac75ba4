"""A sample of a table with known rows: its number of rows, and that rows are read as they are."""

import gzip

import numpy as np
import polars as pl
import pytest
from helpers import by_default

from wsal.errors import DataError
from wsal.planning import cells
from wsal.planning.cells import text_columns
from wsal.planning.draws import figure
from wsal.planning.sampling import read_sample

N_TIMES = by_default(30, thorough=300)


@pytest.fixture(autouse=True)
def small_cells(monkeypatch):
    monkeypatch.setattr(cells, "CELL_ROWS", 7)
    monkeypatch.setattr(cells, "CELL_BYTES", 2_000)


def table(n, seed=0):
    """Rows whose lengths differ: the second half of the table has far longer texts."""
    random = np.random.default_rng(seed)
    lengths = random.geometric(0.1, n) * np.where(np.arange(n) < n / 2, 1, 8)
    titles = [f"row {i} " + "é" * length for i, length in enumerate(lengths)]
    return pl.DataFrame({"id": range(n), "title": titles, "brand": ["a,b"] * n})


WRITERS = {
    "csv": lambda frame, path: frame.write_csv(path),
    "jsonl": lambda frame, path: frame.write_ndjson(path),
    "parquet": lambda frame, path: frame.write_parquet(path, row_group_size=100),
    "csv.gz": lambda frame, path: path.write_bytes(gzip.compress(frame.write_csv().encode())),
}


def folder_of(path, frame, suffix, n_files):
    path.mkdir()
    for number in range(n_files):
        part = frame[number::n_files]
        WRITERS[suffix](part, path / f"part-{number}.{suffix}")
    return path


@pytest.mark.parametrize("suffix", WRITERS)
def test_all_rows_of_a_small_table(tmp_path, suffix):
    frame = table(150)
    path = folder_of(tmp_path / "in", frame, suffix, 3)
    sample = read_sample(path, ["title", "brand"], 10**6, np.random.default_rng(0))
    read = pl.concat(sample.blocks).sort("title")
    assert read.equals(frame.select("title", "brand").sort("title"))
    assert (sample.share, sample.n_rows[0], sample.is_exact) == (1.0, 150, True)
    assert sample.n_bytes == sum(file.stat().st_size for file in path.iterdir())


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_interval_covers_the_number_of_rows(tmp_path, suffix):
    frame = table(3_000)
    path = folder_of(tmp_path / "in", frame, suffix, 12)
    known = set(frame["title"])
    covered, means = 0, []
    for seed in range(N_TIMES):
        sample = read_sample(path, ["title"], 500, np.random.default_rng(seed))
        rows = pl.concat(sample.blocks)["title"]
        assert 100 < len(rows) < 2_000
        assert set(rows) <= known
        assert rows.is_unique().all()
        interval = figure(sample.n_rows)
        covered += interval.low <= len(frame) <= interval.high
        means.append(interval.value)
    assert covered >= 0.85 * N_TIMES
    assert abs(np.mean(means) / len(frame) - 1) < 0.1
    assert (suffix == "parquet") == sample.is_exact


def test_every_line_is_in_one_cell(tmp_path, monkeypatch):
    frame = table(60)
    for cell_bytes in (1, 13, 100, 10**6):
        monkeypatch.setattr(cells, "CELL_BYTES", cell_bytes)
        for suffix in ("csv", "jsonl"):
            path = tmp_path / f"{cell_bytes}.{suffix}"
            WRITERS[suffix](frame, path)
            sample = read_sample(path, ["title"], 10**9, np.random.default_rng(0))
            read = pl.concat(sample.blocks)["title"].sort()
            assert read.equals(frame["title"].sort())


def test_files_that_cannot_be_entered_in_the_middle(tmp_path):
    texts = ["Kaffeebohnen für Büros", "Tee"] * 200
    (tmp_path / "a.csv").write_bytes("\n".join(["title", *texts]).encode("utf-16"))
    (tmp_path / "b.json").write_text(str([{"title": text} for text in texts]).replace("'", '"'))
    for name in ("a.csv", "b.json"):
        sample = read_sample(tmp_path / name, ["title"], 5, np.random.default_rng(0))
        assert (sample.n_rows[0], sample.is_exact) == (400, True)


def test_bad_lines_are_counted(tmp_path):
    lines = [f'{{"title": "{i}"}}' if i % 10 else "{" for i in range(1, 1001)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    sample = read_sample(tmp_path / "a.jsonl", ["title"], 10**6, np.random.default_rng(0))
    assert sample.n_bad == 100
    assert sample.n_rows[0] == 900
    (tmp_path / "b.jsonl").write_text("{\n" * 10)
    with pytest.raises(DataError, match="no row of the sample can be read"):
        read_sample(tmp_path / "b.jsonl", ["title"], 5, np.random.default_rng(0))


def test_which_columns_have_the_text(tmp_path):
    for name, columns in (("a", "id,title"), ("b", "name"), ("c", "id,name")):
        (tmp_path / f"{name}.csv").write_text(f"{columns}\n1,2\n".replace("name\n1,2", "name\n1"))
    assert text_columns(tmp_path / "a.csv", ()) == ["title"]
    assert text_columns(tmp_path / "b.csv", ()) == ["name"]
    assert text_columns(tmp_path / "c.csv", ["name", "id"]) == ["name", "id"]
    with pytest.raises(DataError, match="has the columns id, name; name those with the text"):
        text_columns(tmp_path / "c.csv", ())
    with pytest.raises(DataError, match="no column 'titel'; did you mean 'title'"):
        text_columns(tmp_path / "a.csv", ["titel"])
