"""`wsal rules suggest --llm`: what is sent, what comes back, what it costs, and what can fail."""

import json

import numpy as np
import polars as pl
import pytest
from helpers import run_here
from llm.fake_server import FakeServer
from omegaconf import OmegaConf

from wsal import artifacts
from wsal.artifacts import Artifact

ROWS = [
    *[{"title": f"arabica beans {n} kg", "brand": f"SECRET{n}"} for n in range(30)],
    *[{"title": f"green sencha {n} g", "brand": f"SECRET{n}"} for n in range(30)],
]
DATA = (
    "data=csv", "data.path=shop.csv", "data.layout.text=[title,brand]",
    "data.layout.labels=[Coffee,Tea]", "name=shop",
)  # fmt: skip
RULES = """
kilo: {_target_: wsal.rules.patterns.Regex, label: Coffee, pattern: kg}
gram: {_target_: wsal.rules.patterns.Regex, label: Tea, pattern: '\\d g\\b'}
"""
WRITTEN = {
    "rules": [
        {"class": "Coffee", "words": ["beans"], "unless": [], "pattern": None},
        {"class": "Tea", "words": ["sencha", "oolong"], "unless": [], "pattern": None},
    ]
}


@pytest.fixture
def shop(tmp_path):
    """A folder with a table, and a function that prepares a run of it."""
    pl.DataFrame(ROWS).write_csv(tmp_path / "shop.csv")
    (tmp_path / "mine" / "rules").mkdir(parents=True)
    (tmp_path / "mine" / "rules" / "shop.yaml").write_text(RULES)

    def wsal(*words):
        return run_here(tmp_path, *words)

    def prepare(server, *more, stages=("prepare",)):
        llm = () if server is None else ("llm=local", f"llm.url={server.url}", "llm.model=fake")
        for stage in stages:
            done = wsal(stage, "--config-dir", str(tmp_path / "mine"), *DATA, *llm, *more)
            assert done.returncode == 0, done.stderr
        return wsal

    return prepare


def writer(reply=None):
    return FakeServer(lambda _: (None, 0), says=lambda _: json.dumps(reply or WRITTEN))


def test_class_names_alone_suffice_and_a_rerun_is_free(shop):
    with writer() as server:
        wsal = shop(server, "rules=none", "llm.fields=[title]", "llm.price={input: 1, output: 2}")
        done = wsal("rules", "suggest", "shop", "--llm")
        assert done.returncode == 0, done.stderr
        ((prompt, body),) = server.requests
    nodes = OmegaConf.to_container(OmegaConf.create(done.stdout))
    assert nodes["coffee_llm"]["words"] == ["beans"]
    assert nodes["tea_llm"]["words"] == ["sencha"]
    for line in (
        "precision is unknown: an estimate needs 30 gold labels, and 0 are known",
        "in: arabica beans", "Tea: 'oolong'", "1 call, 0 of them answered from the cache",
    ):  # fmt: skip
        assert line in done.stdout
    assert "cost 0.0000" not in done.stdout
    assert "arabica beans" in prompt
    assert "SECRET" not in json.dumps(body)
    assert json.loads(prompt.splitlines()[-1]) == [{"class": "Coffee"}, {"class": "Tea"}]
    again = wsal("rules", "suggest", "shop", "--llm")  # the server is gone
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[:-1] == done.stdout.splitlines()[:-1]
    assert "1 call, 1 of them answered from the cache; 0 tokens sent" in again.stdout
    assert done.stdout.startswith(wsal("rules", "suggest", "shop").stdout)


def test_weak_labels_give_examples_and_other_rules_evidence(shop):
    with writer() as server:
        stages = ("prepare", "vote", "ask", "aggregate")
        wsal = shop(server, "rules=shop", "llm.texts=0", "label_model=majority", stages=stages)
        done = wsal("rules", "suggest", "shop", "--llm", "--gold", "0")
        assert done.returncode == 0, done.stderr
        ((prompt, _),) = server.requests
    coffee, tea = json.loads(prompt.splitlines()[-1])
    assert all("arabica" in text for text in coffee["texts"])
    assert all("sencha" in text for text in tea["texts"])
    assert len(coffee["texts"]) == len(tea["texts"]) == 5
    assert "Coffee: 'beans' (kilo has these votes)" in done.stdout
    assert "# No rule can be proposed." in done.stdout


def test_the_classifier_gives_examples_once_it_is_trained(shop, tmp_path):
    with writer() as server:
        wsal = shop(server, "rules=none")
        run = tmp_path / "runs" / "shop"
        pool = Artifact.open(run / "pool")
        texts = pl.read_parquet(pool.path / "pool.parquet")["text"]
        with artifacts.create(run / "embeddings", {}, {"pool": pool.digest}) as (work, _):
            is_tea = texts.str.contains("beans 7 ").to_numpy()  # it is wrong, but sure
            np.save(work / "probs.npy", np.stack([~is_tea, is_tea], axis=1).astype(np.float16))
        done = wsal("rules", "suggest", "shop", "--llm")
        assert done.returncode == 0, done.stderr
        ((prompt, _),) = server.requests
    coffee, tea = json.loads(prompt.splitlines()[-1])
    assert len(coffee["texts"]) == 5
    assert tea["texts"] == texts.filter(pl.Series(is_tea)).to_list()


def test_what_is_missing_or_fails_is_reported_in_one_sentence(shop, tmp_path):
    wsal = shop(None, "rules=none")
    done = wsal("rules", "suggest", "shop", "--llm")
    assert done.returncode == 1
    assert "runs/shop has no language model (llm=none)" in done.stderr
    assert "llm=local llm.model=NAME" in done.stderr
    with writer() as server:
        wsal = shop(server, "rules=none", "llm.retries=0", "llm.fields=[titel]")
        done = wsal("rules", "suggest", "shop", "--llm")
        assert done.returncode == 1
        assert "did you mean 'title'" in done.stderr
        shop(server, "rules=none", "llm.retries=0")
    done = wsal("rules", "suggest", "shop", "--llm")
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    config = tmp_path / "runs" / "shop" / "config.json"
    nodes = json.loads(config.read_text())
    config.write_text(json.dumps({key: nodes[key] for key in nodes if key != "llm"}))
    assert "llm=none" in wsal("rules", "suggest", "shop", "--llm").stderr
