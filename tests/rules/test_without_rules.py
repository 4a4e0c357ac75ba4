"""A whole run without rules: the classifier learns from people's answers alone."""

import json
import re

import numpy as np
import polars as pl
import pytest
from helpers import options

from wsal.classifier.nearest import LabelledTexts
from wsal.config.composed import check
from wsal.run.pipeline import run_stage


@pytest.mark.parametrize("name", options("label_model"))
def test_every_label_model_takes_no_votes(composed, tmp_path, name):
    run = check(composed("data=catalog_small", "rules=none", f"label_model={name}"))
    for stage in ("prepare", "vote", "aggregate"):
        outcome = run_stage(tmp_path, stage, run.components)
    weak = pl.read_parquet(outcome.artifact.path / "weak_labels.parquet")
    gold = pl.read_parquet(tmp_path / "pool" / "gold.parquet")
    assert len(weak) == len(gold)
    assert not weak["used"].any()
    assert np.isfinite(weak["probs"].to_numpy()).all()
    assert set(outcome.artifact.facts) & {"test", "dev"} == set()
    n_classes = weak["probs"].to_numpy().shape[1]
    none = np.empty((len(weak), 0), dtype=np.int16)
    known = np.where(np.arange(len(weak)) < 20, np.arange(len(weak)) % n_classes, -1)
    fitted = run.components["label_model"].fit(none, n_classes, gold=known)
    probs = fitted.predict_proba(none)
    assert np.isfinite(probs).all()
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_every_stage_and_reader_goes_through(wsal, tmp_path):
    run = ("run", "experiment=smoke", "rules=none", "export=hf", "export.nearest=true")
    said = wsal(*run).stdout
    folder = tmp_path / "runs" / "smoke"
    n_pool = len(pl.read_parquet(folder / "pool" / "pool.parquet"))
    assert "there are no rules; `wsal rules suggest` suggests some" in said
    assert f"no rule votes on any of the {n_pool} texts" in said
    assert "trained on 0 weak labels" in said
    assert "20 gold labels; no votes to weigh" in said
    weak = pl.read_parquet(folder / "weak_labels" / "weak_labels.parquet")
    assert not weak["used"].any()
    assert (weak["n_votes"] == 0).all()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["rules"] == {"coverage": 0.0, "accuracy": None}
    assert summary["rules_alone"] is None
    assert [one["n_gold"] for one in summary["rounds"]] == [0, 10, 20]
    card = (folder / "exported" / "README.md").read_text()
    assert "fine-tuned without rules on 20 gold labels" in " ".join(card.split())
    assert "weak labels from rules" not in card
    assert "contains 20 texts that people labelled" in " ".join(card.split())
    assert LabelledTexts.read(folder / "exported").embeddings.shape == (20, 64)
    assert "| rules | 0, coverage 0.000 |" in card
    assert not re.search(r"\d s$", wsal(*run).stdout, re.MULTILINE)  # nothing was made again
    assert "there are no rules" in wsal("rules", "smoke").stdout
    suggested = wsal("rules", "suggest", "smoke").stdout
    assert "0 rules so far" in suggested
    assert "_target_" in suggested
    states = wsal("status", "smoke").stdout
    assert "stale" not in states
    assert "missing" not in states
