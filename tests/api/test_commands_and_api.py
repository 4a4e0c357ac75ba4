"""A run by commands and a loop through the API do the same."""

import json

import numpy as np
import polars as pl
import pytest

import wsal as library
from wsal.config.composed import rules_in
from wsal.data.catalog import Catalog
from wsal.presets import CONF_DIR

SMOKE = (
    "experiment=smoke", "name=t", "active.rounds=2", "active.query_size=20",
    "encoder.precision=fp32",
)  # fmt: skip
PRETRAIN = {"epochs": 2, "lr": 2e-3}
FINETUNE = {"steps": 12, "lr": 2e-3}


def loop_through_api(evaluation, retrain, **data):
    """Two rounds with the answers of an oracle: what was asked, and the loop."""
    source = Catalog(n=400, **data)
    layout = source.layout
    rows = source.read()
    pool = library.Pool(
        rows, text=layout.text, label=layout.label, id=layout.id, keep=layout.keep,
        split=layout.split, test_share=layout.test_share, dev_share=layout.dev_share,
    )  # fmt: skip
    rules, _ = rules_in(CONF_DIR / "rules" / "catalog.yaml")
    weak = library.LabelModel("auto").fit(library.vote(rules, pool))
    classifier = library.Classifier("tiny", precision="fp32").pretrain(pool, weak, **PRETRAIN)
    loop = library.ActiveLoop(
        pool, classifier, weak, finetune_settings=FINETUNE,
        active_settings={"max_candidates": 200}, evaluation_settings=evaluation,
        retrain_settings=retrain,
    )  # fmt: skip
    gold = dict(pool.records.select("id", "label").iter_rows())
    queries = []
    for _ in range(2):
        query = loop.ask(20)
        queries.append(query.ids)
        loop.tell({text_id: pool.labels[gold[text_id]] for text_id in query.ids})
    return queries, loop


@pytest.mark.slow
@pytest.mark.parametrize(
    ("evaluation", "retrain", "formats"),
    [({}, {"distance": 0.0}, "hf"), ({"size": 20}, {}, "default")],
    ids=["with a test split, trained on weak labels anew", "sampled"],
)
def test_queries_and_predictions_are_equal(wsal, tmp_path, evaluation, retrain, formats):
    changes = [f"evaluation.{name}={value}" for name, value in evaluation.items()]
    changes += [f"retrain.{name}={value}" for name, value in retrain.items()]
    wsal("run", *SMOKE, *changes, f"export={formats}")
    run = tmp_path / "runs" / "t"
    queries, loop = loop_through_api(evaluation, retrain)
    trained = [(a / "metrics.json").exists() for a in sorted(run.glob("rounds/*/retrained"))]
    assert any(trained) == bool(retrain)
    for number, ids in enumerate(queries, start=1):
        asked = pl.read_parquet(run / f"rounds/{number:03d}/query/query.parquet")
        assert ids == asked["id"].to_list()
    for number, folder in enumerate(["pretrained", "rounds/001/finetuned", "rounds/002/finetuned"]):
        by_command = np.load(run / folder / "test_probs.npy")
        np.testing.assert_array_equal(loop._measured.split_probs["test"][number], by_command)
    assessed = json.loads((run / "rounds/002/assessed/assessment.json").read_text())
    facts = loop.quality().facts
    for name in ("rounds", "gain", "next_gain", "measured_on", "agreement", "changed"):
        assert facts[name] == assessed[name], name
    loop.export(tmp_path / "exported", formats, n_parity_texts=16)  # as experiment=smoke has it
    names = ("model.safetensors", "thresholds.json", "parity.json", "labels.json")
    for name in names:
        assert (tmp_path / "exported" / name).read_bytes() == (run / "exported" / name).read_bytes()
