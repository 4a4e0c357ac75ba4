"""What a server keeps: summaries by time, and uncertain texts, for itself and others."""

import stat
import threading

import numpy as np
import polars as pl
import pytest
from exported_fixtures import TEXTS
from fastapi.testclient import TestClient

from wsal.data.base import Layout
from wsal.data.table_file import TableFile
from wsal.serving import recorder as module
from wsal.serving.app import make_app
from wsal.serving.harvest import Harvest
from wsal.serving.limits import Limits
from wsal.serving.recorder import Recorder
from wsal.serving.summaries import Summary, total


def add(harvest, exported, texts, probs):
    rows = [[text, None] for text in texts]
    harvest.add(exported, rows, texts, np.zeros(len(texts), int), np.array(probs))


@pytest.fixture
def harvest(tmp_path):
    made = Harvest(tmp_path / "h", most=5)
    made.prepare()
    return made


def test_the_least_sure_texts_are_kept_each_once(harvest, engine):
    exported = engine.exported
    add(harvest, exported, [f"t{n}" for n in range(9)], [n / 10 for n in range(9)])
    add(harvest, exported, ["t1", "sure", ""], [0.1, 0.95, 0.0])
    table = harvest.table()
    assert table["title"].to_list() == [f"t{n}" for n in range(5)]
    assert table["times"].to_list() == [1, 2, 1, 1, 1]
    assert table["id"].is_unique().all()
    assert set(table["model"]) == {exported.digest}


def test_texts_on_which_the_model_abstains_come_first(harvest, engine):
    exported = engine.exported
    rows, texts = [["a", None], ["b", "x"]], ["a", "b | x"]
    harvest.add(exported, rows, texts, np.array([0, 1]), np.array([0.2, 0.97]))
    table = harvest.table()
    assert table["title"].to_list() == ["b", "a"]  # below the threshold of its class, though sure
    assert table["brand"].to_list() == ["x", None]


def test_only_the_owner_can_read_them(harvest, engine):
    add(harvest, engine.exported, ["secret"], [0.1])
    for path in (harvest.folder, *harvest.folder.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_several_servers_share_a_folder(tmp_path, engine):
    def serve(number):
        own = Harvest(tmp_path / "h", most=1_000)
        own.prepare()
        for start in range(10):
            add(own, engine.exported, [f"{number} {start}", f"both {start}"], [0.3, 0.4])

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = Harvest(tmp_path / "h").table()
    assert len(table) == 50
    assert table.filter(pl.col("title").str.starts_with("both"))["times"].to_list() == [4] * 10


def test_removed_texts_are_those_that_were_written(harvest, engine):
    add(harvest, engine.exported, ["a", "b", "c"], [0.1, 0.2, 0.3])
    table, ids = harvest.table_and_ids(2)
    add(harvest, engine.exported, ["meanwhile"], [0.0])  # while the table is written
    harvest.remove(ids)
    assert table["title"].to_list() == ["a", "b"]
    assert harvest.table()["title"].to_list() == ["meanwhile", "c"]


def serve_texts(engine, recorder, texts):
    with TestClient(make_app(engine, Limits(), None, recorder)) as client:
        answer = client.post("/predict", json={"texts": texts})
        assert answer.status_code == 200
        return answer.json()["predictions"]


def test_a_server_keeps_summaries_and_uncertain_texts(engine, tmp_path):
    exported, sums = engine.exported, tmp_path / "sums"
    for texts in (TEXTS, [{"title": "a novel", "brand": "Brand"}, "a novel", ""]):
        recorder = Recorder(exported, sums, 24, Harvest(tmp_path / "h"))
        predictions = serve_texts(engine, recorder, texts)
        assert len(predictions) == len(texts)
    files = sorted(sums.iterdir())
    assert len(files) == 2  # each server has its own
    both = total([Summary.read(file) for file in files])
    assert (both.n_texts, both.n_left_out) == (len(TEXTS) + 2, 0)
    table = Harvest(tmp_path / "h").table()
    assert len(table) == len(TEXTS) + 1
    assert set(table["model_label"]) <= set(exported.labels)


def test_the_table_of_harvested_texts_is_a_source(harvest, engine, tmp_path):
    add(harvest, engine.exported, ['mug, "red"', "=1+1", "кружка"], [0.1, 0.2, 0.3])
    harvest.table().write_csv(tmp_path / "u.csv")
    layout = Layout(text=engine.exported.fields, id="id", labels=tuple(engine.exported.labels))
    rows = TableFile(tmp_path / "u.csv", layout).read()
    assert rows["title"].to_list() == ['mug, "red"', "=1+1", "кружка"]
    assert rows["id"].is_unique().all()


def test_a_new_period_has_a_new_file_and_old_ones_go(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 2)
    made = Recorder(engine.exported, tmp_path, 1, None)
    probs = np.full((1, 3), 1 / 3, np.float32)
    for number in range(3):
        made.add([[f"text {number}", None]], probs)
        made.begin = ""  # as if an hour had passed
        made._record()
        made._write()
    files = list(tmp_path.iterdir())
    assert len(files) == 2
    assert {Summary.read(file).n_texts for file in files} == {1}


def test_a_server_answers_though_nothing_can_be_kept(engine, tmp_path, capsys):
    sums = tmp_path / "sums"
    recorder = Recorder(engine.exported, sums, 24, None)
    recorder.path = None
    with TestClient(make_app(engine, Limits(), None, recorder)) as client:
        sums.rmdir()
        assert client.post("/predict", json={"text": "red"}).status_code == 200
    assert "not recorded any more" in capsys.readouterr().err


def test_too_many_texts_are_left_out_and_counted(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    made = Recorder(engine.exported, tmp_path, 24, None)
    probs = np.full((2, 3), 1 / 3, np.float32)
    made.add([["a", None], ["b", None]], probs)
    made.add([["c", None], ["d", None]], probs)
    made._record()
    made._write()
    (file,) = tmp_path.iterdir()
    assert (Summary.read(file).n_texts, Summary.read(file).n_left_out) == (2, 2)
