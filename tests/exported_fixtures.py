"""An exported folder of a tiny random model, as `wsal export` lays it out."""

import json

import pytest
from helpers import tiny_classifier, with_head

from wsal.serving.backends import open_engine
from wsal.serving.exported import Exported

TEXTS = ["red kettle 2 l", "gaming laptop 15 inch", "a novel", "kettle lid | Brand", "blue mug"]
LABELS = ["Kettles & Co", "laptop", "Büros"]


@pytest.fixture(scope="session")
def folder(built_once):
    """Two fields, three classes; the second is hardly ever named, the third never."""
    return built_once("exported", export)


def export(out, labels=LABELS, *, with_embedding=False):
    from wsal.export.onnx import write_onnx

    classifier = with_head(tiny_classifier(TEXTS), 30)
    reading = {"text_fields": ["title", "brand"], "separator": " | ", "max_length": 32}
    classifier.model.config.wsal = {**reading, "pad_id": 0, "digest": "0123456789ab"}
    classifier.model.config.id2label = dict(enumerate(labels))
    classifier.model.config.label2id = {name: i for i, name in enumerate(labels)}
    classifier.save(out)
    (out / "onnx").mkdir()
    write_onnx(classifier, out / "onnx" / "model.onnx", with_embedding=with_embedding)
    (out / "labels.json").write_text(json.dumps(list(labels)))
    limits = {labels[1]: {"threshold": 0.999, "shared": True}, labels[2]: {"threshold": None}}
    (out / "thresholds.json").write_text(json.dumps({"classes": limits}))
    (out / "README.md").write_text("# a card\n")
    (out / "manifest.json").write_text("{}\n")


@pytest.fixture(scope="session")
def engine(folder):
    return open_engine(Exported.open(folder), "onnx")
