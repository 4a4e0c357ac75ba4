"""Rounds on a pool without a gold split: what is measured is never trained on."""

import json
import shutil
import sys

import fork_server
import polars as pl
import pytest

from wsal.data.catalog import Catalog
from wsal.text import clean

TINY = ("encoder=tiny", "pretrain.epochs=2", "pretrain.lr=2e-3", "finetune.steps=6", "report=false")
DATA = (
    "tracker=none", "rules=catalog", "data=csv", "data.path=shop.csv",
    "data.layout.text=[title,brand]",
    "data.layout.label=category",
    "data.layout.test_share=0", "name=shop", "export=hf",
)  # fmt: skip
ASKED = ("active.rounds=2", "active.query_size=10", "active.max_candidates=60")


def write_titles(folder):
    rows = Catalog(n=400).read().unique("title", maintain_order=True)
    rows.select("title", "brand", "category").write_csv(folder / "shop.csv")


@pytest.fixture(scope="session")
def before_rounds(built_once):
    """A folder with 400 titles with gold in the pool, and a run up to its first round."""

    def fill(folder):
        write_titles(folder)
        code = "import sys\nfrom wsal.cli import main\n"
        for stage in ("prepare", "vote", "aggregate", "tokenise", "pretrain", "embed"):
            code += f"sys.argv = ['wsal', *{[*DATA, *TINY, *ASKED]}]; main({stage!r})\n"
        line = [sys.executable, "-c", code]
        fork_server.run(line, cwd=folder, check=True, capture_output=True)

    return built_once("loop_before_rounds", fill)


@pytest.fixture
def shop(wsal, before_rounds, tmp_path):
    """A function that runs wsal there: there is no test split."""
    shutil.copytree(before_rounds, tmp_path, dirs_exist_ok=True)

    def run(command, *more):
        return wsal(command, *DATA, *TINY, *ASKED, *more).stdout

    return run


def table(tmp_path, number, noun):
    return pl.read_parquet(tmp_path / "runs/shop/rounds" / f"{number:03d}" / noun)


def n_frame(tmp_path):
    """How many texts may be asked for evaluation."""
    return facts(tmp_path, "pool")["n_pool"] // 5


def facts(tmp_path, place):
    return json.loads((tmp_path / "runs/shop" / place / "manifest.json").read_text())["facts"]


@pytest.mark.slow
def test_an_evaluation_sample_is_asked_topped_up_and_never_trained_on(shop, tmp_path):
    shop("run", "evaluation.size=30", "evaluation.top_up=10", "finetune.steps=40")
    ids = pl.read_parquet(tmp_path / "runs/shop/pool/pool.parquet")["id"]
    frame = set(table(tmp_path, 1, "query/frame.parquet")["id"])
    assert len(frame) == len(ids) // 5
    seen, gold = set(), set()
    for number, n_evaluation in ((1, 30), (2, 10)):
        answers = table(tmp_path, number, "annotations/annotations.parquet")
        measured = set(answers.filter(pl.col("purpose") == "evaluate")["id"])
        trained = set(answers.filter(pl.col("purpose") == "train")["id"])
        assert len(measured) == n_evaluation
        assert measured <= frame
        assert len(trained) == 10
        assert not trained & frame
        assert not (measured | trained) & seen
        seen |= measured | trained
        gold |= trained
        finetuned = facts(tmp_path, f"rounds/{number:03d}/finetuned")
        assert finetuned["n_gold"] == 10 * number
        weak = table(tmp_path, number, "reweighed/weak_labels.parquet").filter("used")
        assert finetuned["n_replayed"] == len(set(weak["id"]) - gold)  # every weak text but those
    told = facts(tmp_path, "rounds/002/assessed")
    assert told["n_evaluation"] == 40
    assert told["measured_on"] == "an evaluation sample of 40"
    assert [one["n_gold"] for one in told["rounds"]] == [0, 10, 20]
    for one in told["rounds"]:
        assert 0 <= one["accuracy"]["low"] <= one["accuracy"]["value"] <= one["accuracy"]["high"]
    summary = json.loads((tmp_path / "runs/shop/summary.json").read_text())
    assert summary["rounds"][2]["accuracy"] == told["rounds"][2]["accuracy"]["value"]
    assert summary["rounds"][2]["annotator_seconds"] == 60 * 5


@pytest.mark.slow
def test_more_rounds_go_on_where_the_last_ended_and_a_stop_rule_ends_them(shop):
    first = shop("run", "active.rounds=1")
    assert "stops after" not in first
    then = shop("run", "active.rounds=3", "stop.hours=0.02", "active.price_per_hour=36")
    assert then.count("up to date") == 12  # six stages before rounds, six of round 1
    assert "round 2 finetune" in then
    assert "stops after round 2: hours of annotators 0.028 (stop at 0.02)" in then
    assert "round 3" not in then


@pytest.mark.slow
def test_forecast_says_what_is_missing_and_what_is_needed(shop, wsal, tmp_path):
    shop("run", "active.rounds=1", "evaluation.size=0")
    blind = wsal("forecast", "shop", check=False)
    assert blind.returncode == 1
    assert f"evaluation.size={n_frame(tmp_path)} (" in blind.stderr
    shop("run", "evaluation.size=30", "active.price_per_hour=36")
    said = wsal("forecast", "shop", "--target", "0.99", "--metric", "accuracy").stdout
    assert "accuracy 0.99 needs" in said
    assert "forecast (80%)" in said


@pytest.mark.slow
def test_the_test_split_is_reported_and_decides_nothing(shop, wsal, tmp_path):
    """Not when to stop, and not what is forecast: dev does, or an evaluation sample."""
    shutil.rmtree(tmp_path / "runs")
    tested = "data.layout.test_share=0.2"
    refused = wsal("run", *DATA, *TINY, *ASKED, tested, "stop.target=0.9", check=False)
    assert refused.returncode == 1
    size = f"evaluation.size={n_frame(tmp_path)} ("
    for words in ("stop.target=0.9", size, "data.layout.dev_share=0.1"):
        assert words in refused.stderr
    assert (tmp_path / "runs/shop/pool").exists()
    assert not (tmp_path / "runs/shop/votes").exists()  # nothing was done that would be in vain

    said = shop("run", tested, "active.rounds=1")
    assert "do not know the quality: there is neither an evaluation sample nor a dev" in said
    told = facts(tmp_path, "rounds/001/assessed")
    assert (told["measured_on"], told["rounds"], told["next_gain"]) == (None, [], {})
    on_test = facts(tmp_path, "rounds/001/finetuned")["test"]
    summary = json.loads((tmp_path / "runs/shop/summary.json").read_text())
    assert summary["rounds"][1]["macro_f1"] == on_test["macro_f1"]
    blind = wsal("forecast", "shop", check=False)
    assert blind.returncode == 1
    assert "the test split is kept for the end" in blind.stderr

    more = (tested, "data.layout.dev_share=0.2", "stop.metric=accuracy", "stop.target=0.01")
    assert "stops after round 1: lower bound of accuracy" in shop("run", *more)
    told = facts(tmp_path, "rounds/001/assessed")
    both = facts(tmp_path, "rounds/001/finetuned")
    assert told["measured_on"] == "the dev split"
    assert told["rounds"][1]["macro_f1"]["value"] == pytest.approx(both["dev"]["macro_f1"])
    summary = json.loads((tmp_path / "runs/shop/summary.json").read_text())
    assert summary["rounds"][1]["macro_f1"] == both["test"]["macro_f1"] != both["dev"]["macro_f1"]


@pytest.mark.slow
def test_skipped_evaluation_texts_are_counted_and_told(shop, tmp_path):
    said = shop("run", "evaluation.size=40", "annotator.abstains=0.3", "active.rounds=1")
    told = facts(tmp_path, "rounds/001/assessed")
    answers = table(tmp_path, 1, "annotations/annotations.parquet")
    asked = answers.filter(pl.col("purpose") == "evaluate")
    n_skipped = asked["label"].null_count()
    assert 0 < n_skipped < 40
    assert (told["n_evaluation"], told["n_evaluation_skipped"]) == (40 - n_skipped, n_skipped)
    assert f"on an evaluation sample of {40 - n_skipped} ({n_skipped} more skipped" in said
    assert facts(tmp_path, "rounds/001/annotations")["n_unseen"] == 0


@pytest.mark.slow
def test_copies_are_tested_and_the_verdict_is_told(shop, tmp_path):
    shop("run", "amplify=default", "evaluation.size=30", "active.rounds=1")
    told = facts(tmp_path, "rounds/001/finetuned")["amplified"]
    assert told["on"] == "an evaluation sample of 30"
    assert told["n_copies"] > 0
    assert told["used"] == (told["low"] > -0.002)


@pytest.mark.slow
def test_copies_without_anything_to_test_them_on_are_refused(shop, wsal, tmp_path):
    done = wsal("run", *DATA, *TINY, *ASKED, "amplify=default", check=False)
    assert done.returncode == 1
    size = f"evaluation.size={n_frame(tmp_path)}"
    assert f"use {size} from the first round on, or amplify=none" in done.stderr
    assert "finetune " not in done.stdout  # it was refused before it was trained


@pytest.mark.slow
def test_answers_of_people_keep_their_frame_and_strata_when_rules_change(shop, tmp_path):
    settings = ("annotator=file", "evaluation.size=20", "active.rounds=1")
    assert "wait for an answer" in shop("run", *settings)
    path = tmp_path / "runs/shop/rounds/001/query.csv"
    pool = pl.read_parquet(tmp_path / "runs/shop/pool/pool.parquet")
    names = json.loads((tmp_path / "runs/shop/pool/labels.json").read_text())
    gold = pl.read_parquet(tmp_path / "runs/shop/pool/gold.parquet")
    known = {one: names[label] for one, label in gold.iter_rows()}
    sheet = pl.read_csv(path, schema_overrides={"id": pl.String})
    sheet.with_columns(label=sheet["id"].replace_strict(known)).write_csv(path)
    first = shop("run", *settings)
    assert "on an evaluation sample of 20" in first
    frame = table(tmp_path, 1, "query/frame.parquet")
    again = shop("run", *settings, "~rules.phone_series", "~rules.brand_food")
    assert "kept" in again
    assert "on an evaluation sample of 20" in again
    assert table(tmp_path, 1, "query/frame.parquet").equals(frame)
    assert set(frame["id"]) <= set(pool["id"])
    shop_file = tmp_path / "shop.csv"
    rows = pl.read_csv(shop_file).sort("brand", "title")
    asked = table(tmp_path, 1, "annotations/annotations.parquet")
    gone = asked.filter(pl.col("purpose") == "train")["text"][0]
    composed = pl.concat_str("title", "brand", separator=" | ", ignore_nulls=True)
    left = rows.filter(clean(rows.select(composed.alias("t"))["t"]) != gone)
    assert len(left) < len(rows)
    new = pl.DataFrame({"title": ["a new thing"], "brand": ["x"], "category": rows["category"][0]})
    pl.concat([new.select(rows.columns), left]).write_csv(shop_file)
    sorted_ = shop("run", *settings)
    assert "on an evaluation sample of 20" in sorted_
    assert "1 answer set aside: its text is no longer in the pool (t" in sorted_
    assert facts(tmp_path, "rounds/001/finetuned")["n_gold"] == 9
    kept = table(tmp_path, 1, "annotations/annotations.parquet")
    assert kept.equals(asked)  # nothing of what people did is thrown away
    more = [f"another new thing {n}" for n in range(100)]
    added = pl.DataFrame({"title": more, "brand": "x", "category": rows["category"][0]})
    pl.concat([added.select(rows.columns), left]).write_csv(shop_file)
    grown = " ".join(shop("run", *settings).split())
    n = len(pool)
    assert f"of 20 (drawn when the pool had {n} texts; the estimate does not cover" in grown


@pytest.mark.slow
def test_answers_that_look_wrong_are_asked_again_and_count_once(shop, tmp_path):
    shop("run", "annotator.noise=0.3", "active.query_size=60", "active.review=5")
    before = table(tmp_path, 1, "annotations/annotations.parquet")
    query = table(tmp_path, 2, "query/query.parquet")
    again = query.filter(pl.col("reason") == "asked again")
    assert 1 <= len(again) <= 5
    assert set(again["text"]) <= set(before["text"])
    assert not set(query["id"]) & set(before["id"])
    others = query.filter(pl.col("reason") != "asked again")
    assert not set(others["text"]) & set(before["text"])
    assert facts(tmp_path, "rounds/002/finetuned")["n_gold"] == 60 + 60
