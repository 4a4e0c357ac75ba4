"""What is exported gives what the classifier gives, and refuses to be written if it does not."""

import json

import numpy as np
import onnx
import polars as pl
import pytest
import torch
from transformers import pipeline

from wsal.classifier.inference import predict
from wsal.errors import ConfigError, DataError, ParityError
from wsal.export.parity import check_parity
from wsal.export.prediction import label_table
from wsal.export.to_onnx import to_onnx

TEXTS = ["red kettle 2 l", "gaming laptop 15 inch", "a novel", "kettle lid | Brand"] * 5


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    """A tiny classifier whose head is sure of itself, and its ONNX file."""
    classifier = tiny(TEXTS)
    with torch.no_grad():
        classifier.model.classifier.weight *= 30
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    to_onnx(classifier, path)
    return classifier, path


@pytest.mark.slow
def test_onnx_gives_the_logits_of_torch_for_any_batch_and_length(exported):
    found = check_parity(*exported, TEXTS, tolerance=1e-4)
    assert found["n_texts"] == len(TEXTS) + 10
    assert found["n_other_labels"] == 0


@pytest.mark.slow
def test_a_model_that_differs_is_refused(exported, tmp_path):
    classifier, path = exported
    model = onnx.load(path)
    (head,) = (t for t in model.graph.initializer if t.name == "model.classifier.weight")
    values = onnx.numpy_helper.to_array(head) * np.float32(1.1)
    head.CopyFrom(onnx.numpy_helper.from_array(values, head.name))
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ParityError, match="differs from torch by up to"):
        check_parity(classifier, tmp_path / "other.onnx", TEXTS, tolerance=1e-3)


@pytest.mark.slow
def test_the_folder_loads_in_a_pipeline_and_labels_tables(exported, tmp_path):
    classifier, _ = exported
    reading = {"text_fields": ["title", "brand"], "separator": " | ", "max_length": 32}
    classifier.model.config.wsal = reading
    classifier.save(tmp_path / "model")
    classify = pipeline("text-classification", str(tmp_path / "model"))
    probs, _ = predict(classifier, TEXTS, "test")
    said = [one["label"] for one in classify(TEXTS, truncation=True)]
    assert said == [classifier.model.config.id2label[int(c)] for c in probs.argmax(axis=1)]
    rows = pl.DataFrame(
        {
            "brand": ["Brand", None, None],
            "title": ["kettle&nbsp;lid", "a novel", None],
            "n": [1, 2, 3],
        }
    )
    for kind in ("csv", "parquet", "jsonl"):
        source, target = tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
        getattr(
            rows, {"csv": "write_csv", "parquet": "write_parquet", "jsonl": "write_ndjson"}[kind]
        )(source)
        assert label_table(tmp_path / "model", source, target) == 3
        read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}[kind](
            target
        )
        assert read["label"].to_list() == [said[3], said[2], None]  # composed and cleaned alike
        assert read.columns == [*rows.columns, "label", "probability"]
    with pytest.raises(DataError, match="no column 'brand'"):
        rows.drop("brand").write_csv(tmp_path / "bad.csv")
        label_table(tmp_path / "model", tmp_path / "bad.csv", tmp_path / "x.csv")
    with pytest.raises(ConfigError, match="no exported model"):
        label_table(tmp_path, tmp_path / "in.csv", tmp_path / "x.csv")
    with pytest.raises(ConfigError, match="cannot be written"):
        label_table(tmp_path / "model", tmp_path / "in.csv", tmp_path / "x.doc")
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert config["wsal"] == reading
