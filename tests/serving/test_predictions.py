"""`predict_texts` says what the table and the server say."""

import polars as pl
import pytest
from fastapi.testclient import TestClient
from helpers import Opened

from wsal.errors import ConfigError, DataError
from wsal.serving.app import make_app
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.labelling import label_table
from wsal.serving.limits import Limits
from wsal.serving.predictions import Prediction, predict_texts
from wsal.serving.sources import Source

ROWS = [
    {"title": "red kettle 2 l", "brand": None},
    {"title": "gaming laptop", "brand": "Acme"},
    {"title": None, "brand": " "},
    {"title": "a novel", "brand": None},
]


def test_labels_are_those_of_the_table_and_of_the_server(engine, tmp_path):
    made = predict_texts(engine, ROWS, top=3)
    pl.DataFrame(ROWS).write_parquet(tmp_path / "in.parquet")
    target = tmp_path / "out.parquet"
    source = Source.of(tmp_path / "in.parquet")
    label_table(Opened(engine), source, target, PredictOptions(top=3))
    with TestClient(make_app(engine, Limits())) as client:
        answer = client.post("/predict", json={"texts": ROWS, "top": 3}).json()["predictions"]
    for prediction, row, served in zip(
        made, pl.read_parquet(target).to_dicts(), answer, strict=True
    ):
        assert prediction.label == row["label"] == served["label"]
        assert prediction.abstain == row["abstain"] == served["abstain"]
        pairs = [(row[f"label{n}"], row[f"probability{n}"]) for n in ("", "_2", "_3")]
        labels, probabilities = zip(*pairs, strict=True)
        if prediction.label is not None:
            assert tuple(label for label, _ in prediction.top) == labels
            assert [p for _, p in prediction.top] == pytest.approx(probabilities, abs=1e-5)
        assert [tuple(pair.values()) for pair in served["top"]] == list(prediction.top)


def test_strings_and_mappings(engine):
    whole, fields, empty = predict_texts(
        engine, ["kettle lid | Brand", {"title": " kettle lid", "brand": "Brand"}, " "], top=9
    )
    assert whole == fields
    assert whole.top[0] == (whole.label, whole.probability)
    assert {label for label, _ in whole.top} == set(engine.exported.labels)
    assert sum(probability for _, probability in whole.top) == pytest.approx(1, abs=1e-5)
    assert empty == Prediction(None, None, abstain=True, top=())
    assert predict_texts(engine, []) == []
    assert len(predict_texts(engine, ["a novel"])[0].top) == 1


def test_what_cannot_be_predicted_says_why(engine):
    with pytest.raises(
        DataError, match=r"has the fields \['name'\]; expected \['title', 'brand'\]"
    ):
        predict_texts(engine, [{"name": "x"}])
    with pytest.raises(DataError, match="title is nan"):
        predict_texts(engine, [{"title": float("nan")}])
    with pytest.raises(ConfigError, match="top is 0; expected 1 or more"):
        predict_texts(engine, ["a novel"], top=0)
