"""`wsal harvest`: served texts as a table for the next round."""

import stat

import numpy as np
import pytest
from helpers import run_here

from wsal.files import read_table
from wsal.serving.harvest import Harvest


@pytest.fixture
def here(tmp_path, engine):
    harvest = Harvest(tmp_path / "served")
    harvest.prepare()
    rows = [[f"text {n}", "Brand" if n else None] for n in range(6)]
    texts = [f"text {n}" for n in range(6)]
    harvest.add(engine.exported, rows, texts, np.zeros(6, int), np.linspace(0.2, 0.8, 6))
    return tmp_path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "xlsx"])
def test_the_table_has_ids_fields_and_predictions(here, kind):
    done = run_here(here, "harvest", "served", "--out", f"u.{kind}", "--most", "4")
    assert done.returncode == 0, done.stderr
    assert "wsal append RUN" in done.stdout
    table = read_table(here / f"u.{kind}")
    assert table["title"].to_list() == [f"text {n}" for n in range(4)]
    assert {"id", "title", "brand", "model_label", "model", "times"} <= set(table.columns)
    assert not stat.S_IMODE((here / f"u.{kind}").stat().st_mode) & 0o077


def test_the_column_of_ids_has_the_name_that_the_run_uses(here):
    done = run_here(here, "harvest", "served", "--out", "u.csv", "--id", "sku")
    assert "ids are in the column 'sku'" in done.stdout, done.stderr
    table = read_table(here / "u.csv")
    assert table["sku"].str.starts_with("served-").all() and "id" not in table.columns


def test_written_texts_can_be_removed(here):
    run_here(here, "harvest", "served", "--out", "a.csv", "--most", "4", "--remove")
    done = run_here(here, "harvest", "served", "--out", "b.csv", "--remove")
    assert done.returncode == 0, done.stderr
    assert read_table(here / "b.csv")["title"].to_list() == ["text 4", "text 5"]
    done = run_here(here, "harvest", "served", "--out", "c.csv")
    assert "holds no text" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing", "--out", "u.csv"), "expected the folder of `wsal serve --harvest`"),
        (("served", "--out", "u.doc"), "cannot be written"),
        (("served", "--out", "u.csv", "--most", "0"), "--most is 0"),
        (("served", "--out", "u.csv", "--id", "times"), "a field 'times', which is an added"),
    ],
)
def test_what_is_not_valid_is_refused(here, arguments, message):
    done = run_here(here, "harvest", *arguments)
    assert done.returncode
    assert message in done.stderr


def test_a_file_is_not_overwritten_by_mistake(here):
    (here / "u.csv").write_text("mine")
    done = run_here(here, "harvest", "served", "--out", "u.csv")
    assert (done.returncode != 0, (here / "u.csv").read_text()) == (True, "mine")
    assert run_here(here, "harvest", "served", "--out", "u.csv", "--force").returncode == 0
