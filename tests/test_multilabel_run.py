"""A run in which a text may have several classes, from the data to the predictions."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from helpers import run_here

import wsal
from wsal.annotation.multilabel_answers import answered_sets
from wsal.artifacts import Artifact
from wsal.errors import ConfigError
from wsal.inspection.run_view import RunView
from wsal.multilabel import names_in
from wsal.report.page import make_report

CLASSES = ("Bread", "Cheese", "Fish", "Vegan")
SETTINGS = (
    "run", "--config-dir", "mine", "experiment=smoke", "name=shop", "data=parquet",
    "data.path=shop.parquet", "data.layout.text=[title]", "data.layout.label=tags",
    "data.layout.multilabel=true", "rules=shop", "active.rounds=1", "active.query_size=15",
    "evaluation.size=15", "pretrain.epochs=1", "export=onnx",
)  # fmt: skip


def write_shop(folder, n=300):
    """Titles with words of each of their classes; rules know half of the words."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(n):
        own = sorted(rng.choice(CLASSES, rng.choice([0, 1, 2, 3]), replace=False).tolist())
        words = [f"{name.lower()}{rng.integers(4)}" for name in own]
        noise = [f"w{rng.integers(90)}" for _ in range(3)]
        rows.append((" ".join([*words, *noise, f"n{number}"]), own))
    table = pl.DataFrame(rows, {"title": pl.String, "tags": pl.List(pl.String)}, orient="row")
    table.write_parquet(folder / "shop.parquet")
    (folder / "mine/rules").mkdir(parents=True)
    rules = (
        f"{name.lower()}:\n  _target_: wsal.rules.patterns.Keyword\n  label: {name}\n"
        f"  words: [{name.lower()}0, {name.lower()}1]\n"
        for name in CLASSES
    )
    (folder / "mine/rules/shop.yaml").write_text("".join(rules))
    return table


@pytest.fixture(scope="module")
def shop(built_once):
    def fill(folder):
        write_shop(folder)
        done = run_here(folder, *SETTINGS)
        assert not done.returncode, done.stdout + done.stderr

    return built_once("multilabel_shop", fill)


def facts(shop, place):
    return json.loads((shop / "runs/shop" / place / "manifest.json").read_text())["facts"]


def test_gold_answers_and_weak_labels_are_the_sets_of_the_source(shop):
    tags = dict(pl.read_parquet(shop / "shop.parquet").iter_rows())
    run = shop / "runs/shop"
    pool = Artifact.open(run / "pool")
    texts = dict(pl.read_parquet(run / "pool/pool.parquet").select("id", "text").iter_rows())
    for text_id, classes in pl.read_parquet(run / "pool/gold.parquet").iter_rows():
        assert [pool.facts["labels"][c] for c in classes] == tags[texts[text_id]]
    answers = pl.read_parquet(run / "rounds/001/annotations/annotations.parquet")
    for text, label in answers.select("text", "label").iter_rows():
        assert names_in(label) == tags[text]
    assert answers["label"].str.contains("|", literal=True).any()
    assert (answers["label"] == "none of these").any()
    annotations = [Artifact.open(run / "rounds/001/annotations")]
    rows, gold = answered_sets(pool, annotations)
    n_train = (answers["purpose"] == "train").sum()
    assert len(rows) == n_train == facts(shop, "rounds/001/finetuned")["n_gold"]
    pool_texts = pl.read_parquet(run / "pool/pool.parquet")["text"].to_list()
    for row, classes in zip(rows, gold, strict=True):
        assert [CLASSES[c] for c in np.flatnonzero(classes)] == tags[pool_texts[row]]
    weak = pl.read_parquet(run / "weak_labels/weak_labels.parquet")
    probs, votes = weak["probs"].to_numpy(), pl.read_parquet(run / "votes/votes.parquet")
    for c, name in enumerate(CLASSES):
        said_yes = (votes[name.lower()] >= 0).to_numpy()
        assert probs[said_yes, c].min() > probs[~said_yes, c].max()
    assert (probs.sum(axis=1) > 1.2).any()


def test_rules_are_judged_by_sets_and_do_not_conflict(shop):
    rules = pl.read_parquet(shop / "runs/shop/votes/rules.parquet")
    assert rules["accuracy"].to_list() == [1.0] * 4 and (rules["n_gold"] > 0).all()
    assert facts(shop, "votes")["conflict"] == 0.0
    assert pl.read_parquet(shop / "runs/shop/votes/conflicts.parquet").is_empty()


def test_evaluation_texts_decide_whether_gold_helps_the_rules(shop):
    checked = facts(shop, "rounds/001/reweighed")["checked"]
    assert "log loss" in checked and checked.endswith("evaluation texts")


def test_rounds_are_measured_with_intervals(shop):
    assessed = facts(shop, "rounds/001/assessed")
    assert assessed["n_evaluation"] == 15 and len(assessed["rounds"]) == 2
    for name in ("micro_f1", "macro_f1", "example_f1", "map", "accuracy"):
        newest = assessed["rounds"][-1][name]
        assert 0 <= newest["low"] <= newest["value"] <= newest["high"] <= 1


def test_every_way_to_predict_names_the_classes_above_their_thresholds(shop, tmp_path):
    folder = shop / "runs/shop/exported"
    limits = json.loads((folder / "thresholds.json").read_text())["classes"]
    assert json.loads((folder / "config.json").read_text())["problem_type"] == (
        "multi_label_classification"
    )
    texts = ["bread0 cheese1 w3", "fish2 w5", "w1 w2"]
    onnx, torch = (wsal.load(folder, backend) for backend in ("onnx", "torch"))
    predictions = onnx.predict([*texts, ""], top=4)
    assert predictions[3].label is None and predictions[3].abstain
    for one, other in zip(predictions, torch.predict(texts, top=4), strict=False):
        assert one.label == other.label
        named = {label for label, p in one.top if p >= limits[label]["threshold"] - 1e-6}
        assert set(names_in(one.label)) == named == {label for label, _ in one.labels}
    pl.DataFrame({"title": texts}).write_csv(tmp_path / "in.csv")
    done = run_here(tmp_path, "predict", str(folder), "in.csv", "out.csv", "--backend", "onnx")
    assert not done.returncode, done.stderr
    table = pl.read_csv(tmp_path / "out.csv")
    assert table["label"].to_list() == [p.label for p in predictions[:3]]
    for text, prediction in zip(table["probability"], predictions[:3], strict=False):
        assert json.loads(text) == dict(prediction.labels)
    alone = [sys.executable, "predict_onnx.py", *texts]
    done = subprocess.run(alone, cwd=folder, capture_output=True, text=True, check=True)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == table["label"].to_list()


def test_the_model_card_and_the_summary_say_that_all_classes_are_wanted(shop):
    card = (shop / "runs/shop/exported/README.md").read_text()
    assert 'pipeline("text-classification", ".", top_k=None)' in card and "multi-label" in card
    assert "F1 of texts" in card and "| average precision |" in card
    assert "plots/" not in card and "predicts one of them" not in card
    done = run_here(shop, "compare", "shop")
    assert not done.returncode and "top_k=None" in done.stdout
    assert "No page is written" in done.stdout and not (shop / "compare.html").exists()


def test_all_metrics_of_sets_can_be_forecast(shop):
    for metric in ("map", "micro_f1", "accuracy"):
        done = run_here(shop, "forecast", "shop", "--metric", metric)
        assert not done.returncode, done.stderr
    assert "exactly right" in done.stdout


def test_what_compares_single_classes_is_refused_and_the_report_says_so(shop, tmp_path):
    given = ("strategy=badge", "active.review=3", "label_model=triplets", "adapt=mlm")
    write_shop(tmp_path, 40)
    done = run_here(tmp_path, *SETTINGS, *given)
    assert done.returncode and not (tmp_path / "runs/shop/pool").exists()
    for name in ("Badge", "active.review", "label_model", "adapt"):
        assert name in done.stdout + done.stderr
    for command in (("review", "shop"), ("rules", "suggest", "shop")):
        refused = run_here(shop, *command)
        assert refused.returncode and "one class per text" in refused.stdout + refused.stderr
    with pytest.raises(ConfigError, match="one class per text"):
        _ = RunView(shop / "runs/shop").pool
    html = make_report(RunView(shop / "runs/shop")).html()
    assert "After each round" in html and "are left out" in html
