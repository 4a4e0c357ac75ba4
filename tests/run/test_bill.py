"""A run with a language model and people ends with a bill, and measures with its answers."""

import json
import random

import polars as pl
import pytest
from helpers import run_here
from llm.fake_server import FakeServer

from wsal.active.money import Bill
from wsal.data.catalog import Catalog
from wsal.web.panel import quality

SETTINGS = (
    "tracker=none", "rules=catalog", "data=csv", "data.path=shop.csv",
    "data.layout.text=[title,brand]",
    "data.layout.label=category", "data.layout.test_share=0", "name=shop", "export=hf",
    "encoder=tiny", "pretrain.epochs=1", "finetune.steps=3", "active.rounds=2",
    "active.query_size=15", "active.max_candidates=60", "evaluation.size=20", "llm=local",
    "llm.model=fake", "llm.texts=120", "llm.price.input=2", "llm.price.output=8",
    "annotator=cascade", "annotator.audit=0.5", "annotator.sure=1",
)  # fmt: skip


@pytest.mark.slow
def test_a_cascade_ends_with_a_bill(tmp_path):
    rows = Catalog(n=500).read().unique("title", maintain_order=True)
    rows.select("title", "brand", "category").write_csv(tmp_path / "shop.csv")
    gold = dict(rows.select("title", "category").iter_rows())

    def answer(text):
        right = random.Random(text).random() < 0.9
        return (gold.get(text.split(" | ")[0]), 95) if right else (rows["category"][0], 80)

    with FakeServer(answer) as server:
        url = f"llm.url={server.url}"
        done = run_here(tmp_path, "run", *SETTINGS, url, "active.price_per_hour=30")
        assert not done.returncode, done.stderr
        n_replied = len(server.replied)
    run = tmp_path / "runs/shop"
    facts = json.loads((run / "rounds/002/assessed/manifest.json").read_text())["facts"]
    annotations = [
        pl.read_parquet(run / f"rounds/00{n}/annotations/annotations.parquet") for n in (1, 2)
    ]
    by_model = pl.concat(annotations).filter(pl.col("annotator") == "llm:fake")
    assert facts["llm"]["labels"][0] == 0 and facts["llm"]["labels"][-1] == len(by_model) > 0
    assert facts["n_answers"] == sum(map(len, annotations)) - len(by_model)
    assert facts["seconds"] == 5.0 * facts["n_answers"]  # the language model's took no time
    assert facts["llm"]["calls"] == n_replied
    assert facts["llm"]["audited"] > 0
    assert "with a language model's answers to" in facts["measured_on"]

    summary = json.loads((run / "summary.json").read_text())
    bill = Bill.read(summary["bill"])
    price = (facts["llm"]["input_tokens"] * 2 + facts["llm"]["output_tokens"] * 8) / 1e6
    assert bill.llm == pytest.approx(price)
    assert bill.total == pytest.approx(facts["seconds"] / 120 + price, abs=0.006)
    costs = [r["cost_so_far"] for r in summary["rounds"][1:]]
    assert costs == sorted(costs) and costs[-1] == bill.total
    for line in bill.sentences():
        assert line in done.stdout
    query = pl.read_parquet(run / "rounds/001/query/query.parquet")
    asked = pl.read_parquet(run / "llm_votes/answers.parquet")
    measured = query.filter(pl.col("purpose") == "evaluate")["text"]
    assert measured.is_in(asked["text"].to_list()).sum() >= 10  # labelled first in their strata

    page = quality(run)
    assert page["bill"] == bill.sentences()
    assert any("counts as" in sentence for sentence in page["forecast"])

    said = run_here(tmp_path, "forecast", "shop", "--metric", "accuracy", "--target", "0.9").stdout
    assert "a label of the language model counts as" in said
    assert "together: " in said
    free = run_here(tmp_path, "forecast", "shop", "--metric", "accuracy", "--target", "0.01")
    assert "accuracy 0.01 is reached" in free.stdout
