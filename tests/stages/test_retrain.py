"""Weak pretraining again: when it happens, what it starts from, and what starts from it."""

import json
import shutil

import numpy as np
import pytest
from helpers import CONF
from hydra import compose, initialize_config_dir
from safetensors.numpy import load_file

from wsal import tables
from wsal.config.composed import check
from wsal.run.pipeline import run_stage
from wsal.run.short_lines import SHORT_LINES
from wsal.run.stage_lines import LINES

BEFORE = ("prepare", "vote", "aggregate", "tokenise", "pretrain", "embed")
ROUND = ("select", "annotate", "reweigh")
TINY = (
    "data=catalog_small", "encoder=tiny", "strategy=random", "retrain.distance=0.001",
    "active.query_size=40", "pretrain.epochs=20", "pretrain.lr=5e-3", "pretrain.head_first=false",
    "finetune.steps=1", "finetune.lr=1e-9", "label_model=majority", "evaluation.frame=200",
)  # fmt: skip


def run_stages(folder, names, number, *overrides):
    """Run stages of a round; the last outcome."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        parts = check(compose("config", overrides=[*TINY, *overrides])).components
    for name in names:
        outcome = run_stage(folder, name, parts, number)
    return outcome


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run in which the first round is answered."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    run_stages(folder, BEFORE, 0)
    run_stages(folder, ROUND, 1)
    return folder


@pytest.fixture
def run(begun, tmp_path):
    """A copy of it."""
    return shutil.copytree(begun, tmp_path / "run")


@pytest.fixture
def stages(run):
    """A function that runs stages of a round in it."""
    return lambda names, number, *overrides: run_stages(run, names, number, *overrides)


def weights(path):
    return load_file(path / "model.safetensors")


def same(left, right):
    return all(np.allclose(left[name], right[name], atol=1e-6) for name in left)


def weak_labels(path):
    table = tables.read(path / "weak_labels.parquet")
    return tables.probs_array(table), table["used"].to_numpy()


def replace_weak_labels(path, table):
    """As if `reweigh` had written them."""
    table.write_parquet(path / "weak_labels.parquet")


def exchanged(path):
    """The weak labels at `path` with the classes of all texts moved on by one."""
    table = tables.read(path / "weak_labels.parquet")
    probs = np.roll(tables.probs_array(table), 1, axis=1)
    return table.with_columns(probs=probs)


def test_weak_labels_that_moved_are_trained_on_as_before_rounds(stages, run):
    reweighed = run / "rounds/001/reweighed"
    before, used = weak_labels(run / "weak_labels")
    moved = before**4 / (before**4).sum(axis=1, keepdims=True)  # the same classes, but surer
    moved[:40] = np.eye(before.shape[1])[0]
    changed = moved.argmax(axis=1) != before.argmax(axis=1)
    table = tables.read(reweighed / "weak_labels.parquet")
    used_now = used.copy()
    used_now[:40] = True
    replace_weak_labels(reweighed, table.with_columns(probs=moved, used=used_now))
    retrained = stages(["retrain"], 1)
    facts = retrained.artifact.facts
    either = used | used_now
    apart = np.abs(before - weak_labels(reweighed)[0]).sum(axis=1) / 2
    expected = np.where(used & used_now, apart * changed, 1)[either].mean()
    assert facts["distance"] == pytest.approx(expected, abs=1e-6)
    assert facts["trained"]
    gold = tables.read(run / "rounds/001/annotations/annotations.parquet")["id"]
    ids = tables.read(run / "weak_labels/weak_labels.parquet")["id"]
    assert facts["n_texts"] == (used_now | ids.is_in(gold.implode()).to_numpy()).sum()
    assert facts["gain"]["on"] == "the dev split"
    metrics = [json.loads((run / p / "metrics.json").read_text()) for p in (
        "pretrained", "rounds/001/retrained"
    )]  # fmt: skip
    old, new = (m["dev"]["macro_f1"] for m in metrics)
    assert facts["gain"]["before"] == pytest.approx(old, abs=1e-4)
    assert facts["gain"]["after"] == pytest.approx(new, abs=1e-4)
    assert facts["kept"] == (new >= old)
    assert stages(["retrain"], 1).state == "up to date"


def test_a_checkpoint_that_is_worse_is_not_kept_and_not_tried_again(stages, run, monkeypatch):
    nothing = (np.empty(0, np.int64), np.empty(0, np.int64))  # else gold is trained on, too
    monkeypatch.setattr("wsal.stages.retrain.answers_to_train_on", lambda *_: nothing)
    first = weights(run / "pretrained")
    replace_weak_labels(run / "rounds/001/reweighed", exchanged(run / "weak_labels"))
    facts = stages(["retrain"], 1).artifact.facts
    assert (facts["trained"], facts["kept"], facts["checkpoint"]) == (True, False, 0)
    assert facts["gain"]["before"] > facts["gain"]["after"]
    assert not (run / "rounds/001/retrained/model.safetensors").exists()
    assert same(weights(stages(["finetune"], 1).artifact.path), first)

    reweighed = stages(ROUND, 2).artifact.path
    replace_weak_labels(reweighed, exchanged(run / "weak_labels"))
    facts = stages(["retrain"], 2).artifact.facts
    assert (facts["trained"], facts["distance"]) == (False, 0)
    stages(["finetune"], 2)

    # labels that come right again are tried again, and the same training gives the same weights
    reweighed = stages(ROUND, 3).artifact.path
    replace_weak_labels(reweighed, tables.read(run / "weak_labels/weak_labels.parquet"))
    facts = stages(["retrain"], 3).artifact.facts
    assert (facts["trained"], facts["kept"], facts["checkpoint"]) == (True, True, 3)
    assert facts["gain"]["value"] == 0
    assert same(weights(run / "rounds/003/retrained"), first)
    stages(["finetune"], 3)
    stages(ROUND, 4)
    facts = stages(["retrain"], 4, "retrain.distance=1").artifact.facts
    assert (facts["trained"], facts["checkpoint"]) == (False, 3)


def test_where_nothing_can_test_it_it_is_kept_and_rounds_start_from_it(stages, run):
    (run / "pool/dev.parquet").unlink()
    replace_weak_labels(run / "rounds/001/reweighed", exchanged(run / "weak_labels"))
    facts = stages(["retrain"], 1).artifact.facts
    assert facts["kept"]
    assert "gain" not in facts
    assert "no dev split or evaluation sample shows whether" in LINES["retrain"](facts)
    assert SHORT_LINES["retrain"](facts).endswith(", not checked")
    finetuned = weights(stages(["finetune"], 1).artifact.path)
    assert same(finetuned, weights(run / "rounds/001/retrained"))
    assert not same(finetuned, weights(run / "pretrained"))


def test_the_evaluation_sample_tests_it_where_people_answered_one(stages, run):
    sampled = "evaluation.size=40"
    stages(ROUND, 1, sampled)
    replace_weak_labels(run / "rounds/001/reweighed", exchanged(run / "weak_labels"))
    facts = stages(["retrain"], 1, sampled).artifact.facts
    assert facts["gain"]["on"] == "an evaluation sample of 40"
    assert not facts["kept"]


def test_it_can_be_turned_off_and_its_setting_makes_nothing_before_rounds_stale(stages, run):
    off = {"round": 1, "distance": None, "trained": False, "kept": False, "checkpoint": 0}
    never = stages(["retrain"], 1, "retrain.distance=null").artifact.facts
    assert never == off | {"least_distance": None}
    far = stages(["retrain"], 1, "retrain.distance=1")
    assert far.state == "made"
    assert far.artifact.facts == off | {"distance": 0.0, "least_distance": 1}
    assert stages(["pretrain"], 0, "retrain.distance=1").state == "up to date"
    assert not list((run / "rounds/001/retrained").glob("*.npy"))
    untrained = stages(["pretrain", "embed"], 0, "pretrain=none", "pretrain.epochs=0")
    assert untrained.state == "made"
    replace_weak_labels(run / "rounds/001/reweighed", exchanged(run / "weak_labels"))
    facts = stages(["retrain"], 1, "pretrain=none", "pretrain.epochs=0").artifact.facts
    assert facts == off | {"least_distance": 0.001}
