"""A model with a class tree: the table, the server and the Python API name the same nodes."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from helpers import Opened

from wsal.errors import ConfigError
from wsal.serving.answers import of_probs
from wsal.serving.app import make_app
from wsal.serving.backends import open_engine
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.exported import Exported
from wsal.serving.labelling import label_table
from wsal.serving.limits import Limits
from wsal.serving.predictions import predict_texts
from wsal.serving.sources import Source

NODES = [
    {"name": "Things", "parent": None, "threshold": 0.0},
    {"name": "Kettles & Co", "parent": "Things", "threshold": 0.9},
    {"name": "Technical", "parent": "Things", "threshold": None},
    {"name": "laptop", "parent": "Technical", "threshold": 0.999},
    {"name": "Büros", "parent": None, "threshold": None},
]
ROWS = [
    {"title": "red kettle 2 l", "brand": None},
    {"title": "gaming laptop", "brand": "Acme"},
    {"title": None, "brand": " "},
    {"title": "a novel", "brand": None},
    {"title": "blue mug 15 inch", "brand": "b"},
]


@pytest.fixture(scope="module")
def engine_of_tree(folder, tmp_path_factory):
    copy = tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(folder, copy)
    limits = {n["name"]: {"threshold": n["threshold"]} for n in NODES}
    (copy / "thresholds.json").write_text(json.dumps({"classes": limits}))
    (copy / "classes.json").write_text(json.dumps({"nodes": NODES}))
    return open_engine(Exported.open(copy), "onnx")


def test_table_server_and_api_agree(engine_of_tree, tmp_path):
    made = predict_texts(engine_of_tree, ROWS, top=3)
    pl.DataFrame(ROWS).write_parquet(tmp_path / "in.parquet")
    target = tmp_path / "out.parquet"
    options = PredictOptions(top=3, prefix="m_")
    label_table(Opened(engine_of_tree), Source.of(tmp_path / "in.parquet"), target, options)
    rows = pl.read_parquet(target).to_dicts()
    with TestClient(make_app(engine_of_tree, Limits())) as client:
        served = client.post("/predict", json={"texts": ROWS, "top": 3}).json()["predictions"]
        described = client.get("/model").json()
    assert [parent["label"] for parent in described["parents"]] == ["Things", "Technical"]
    for prediction, row, answer in zip(made, rows, served, strict=True):
        for name in ("leaf", "trusted"):
            assert getattr(prediction, name) == row[f"m_{name}"] == answer[name]
        assert answer["trusted_probability"] == prediction.trusted_probability
        if prediction.label is None:
            assert (prediction.trusted, row["m_trusted_probability"], answer["path"]) == (
                None, None, []
            )  # fmt: skip
            continue
        # the class is trusted exactly if the prediction is no abstention
        assert (prediction.trusted == prediction.label) == (not prediction.abstain)
        of_nodes, top = dict(prediction.path), dict(prediction.top)
        assert list(of_nodes)[-1] == prediction.label
        below = {
            "Things": ("Kettles & Co", "laptop"),
            "Technical": ("laptop",),
            "Büros": ("Büros",),
        }
        for name, p in prediction.path:
            classes = below.get(name, (name,))
            assert p == pytest.approx(sum(top[c] for c in classes), abs=1e-5)
        if prediction.trusted is not None:
            assert row["m_trusted_probability"] == pytest.approx(
                of_nodes[prediction.trusted], abs=1e-5
            )
    named = {prediction.trusted for prediction in made}
    assert "Technical" not in named  # which is never trusted
    assert "Things" in named


def test_without_thresholds_no_node_is_trusted(engine_of_tree, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(engine_of_tree.exported.folder, copy)
    bare = [{"name": n["name"], "parent": n["parent"]} for n in NODES]
    (copy / "classes.json").write_text(json.dumps({"nodes": bare}))
    (copy / "thresholds.json").write_text('{"classes": {}}')
    (made,) = predict_texts(open_engine(Exported.open(copy), "onnx"), ["red kettle"])
    assert (made.abstain, made.trusted, made.trusted_probability) == (False, None, None)
    assert made.path


def test_a_tree_of_other_classes_is_refused(engine_of_tree, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(engine_of_tree.exported.folder, copy)
    (copy / "classes.json").write_text(json.dumps({"nodes": NODES[:-1]}))
    with pytest.raises(ConfigError, match="does not have the classes in labels"):
        Exported.open(copy)


def test_a_flat_model_says_nothing_of_trees(engine):
    with TestClient(make_app(engine, Limits())) as client:
        (answer,) = client.post("/predict", json={"texts": ["red kettle"]}).json()["predictions"]
        assert set(answer) == {"label", "probability", "abstain", "top"}
        assert "parents" not in client.get("/model").json()
    assert PredictOptions().added(engine.exported) == ["label", "probability", "abstain", "model"]


def test_the_documented_function_agrees(engine_of_tree):
    exported = engine_of_tree.exported
    page = (Path(__file__).parents[2] / "docs/how-to/class-trees.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    documented = {}
    exec(code, documented)
    probs = np.random.default_rng(0).dirichlet(np.full(3, 0.3), 500).astype(np.float32)
    nodes = json.loads((exported.folder / "classes.json").read_text())["nodes"]
    numbers, _ = exported.tree.tree.trusted(probs, exported.tree.least)
    names = [None if n < 0 else exported.tree.tree.nodes[n] for n in numbers]
    assert names == [documented["trusted"](p.tolist(), exported.labels, nodes) for p in probs]
    assert {"Things", "Kettles & Co", None} <= set(names)


def test_a_student_that_is_sure_names_the_same_node(engine_of_tree):
    exported = engine_of_tree.exported
    probs = np.random.default_rng(1).dirichlet(np.full(3, 0.1), 300).astype(np.float32)
    whole = of_probs(probs, 1, exported)
    by_student = whole.copy()
    exported.tree.add_classes(by_student, whole["classes"][:, 0], whole["probs"][:, 0])
    sure = ~exported.abstains(whole["classes"][:, 0], whole["probs"][:, 0])
    assert 0 < sure.sum() < 300
    assert (by_student[sure] == whole[sure]).all()
