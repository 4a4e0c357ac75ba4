"""Every stage on a pool of several shards: the same query, weak labels and quality as on one."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from helpers import run_here, split_table

from wsal import tables
from wsal.shards import read_array, shard_files

SMOKE = ("experiment=smoke", "name=t", "active.max_candidates=40", "evaluation.size=12")
ROWS = 60  # of a shard
STAGES = ("embeddings", "rounds/001/query", "rounds/002/query", "rounds/002/assessed", "exported")


def run(folder, *options):
    done = run_here(folder, "run", *SMOKE, "export=hf", *options)
    assert not done.returncode, done.stdout + done.stderr
    return folder / "runs/t"


@pytest.fixture(scope="module")
def runs(tokenised_run, tmp_path_factory):
    """The same run on one shard, and on several with two processes."""
    single, many = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("many")
    for folder in (single, many):
        shutil.copytree(tokenised_run, folder, dirs_exist_ok=True)
    for artifact in (many / "runs/t").iterdir():
        if (artifact / "manifest.json").exists() and artifact.name != "pool":
            shutil.rmtree(artifact)
    split_table(many / "runs/t/pool/pool.parquet", ROWS)
    return run(single), run(many, "processes=2")


def table(run, name):
    return tables.read(run / name)


def test_stages_after_prepare_write_shards(runs):
    single, many = runs
    n = tables.n_rows(single / "pool/pool.parquet")
    for name in ("pool/pool.parquet", "tokens/pool.tokens", "embeddings/probs.npy"):
        assert len(shard_files(single / name)) == 1
        assert len(shard_files(many / name)) == -(-n // ROWS) > 3


@pytest.mark.parametrize("number", ["001", "002"])
def test_the_rounds_ask_the_same_texts_and_measure_the_same(runs, number):
    frames, queries, assessed = [], [], []
    for run_dir in runs:
        folder = run_dir / f"rounds/{number}"
        queries.append(table(run_dir, f"rounds/{number}/query/query.parquet"))
        frames.append(table(run_dir, f"rounds/{number}/query/frame.parquet"))
        assessed.append(json.loads((folder / "assessed/assessment.json").read_text()))
    assert frames[0].equals(frames[1])
    chosen = [query.select("id", "text", "rank", "predicted", "purpose") for query in queries]
    assert chosen[0].equals(chosen[1])
    assert queries[0]["confidence"].to_list() == pytest.approx(queries[1]["confidence"], abs=1e-3)
    for of_one, of_many in zip(assessed[0]["rounds"], assessed[1]["rounds"], strict=True):
        assert of_one["accuracy"] == pytest.approx(of_many["accuracy"], abs=1e-4)


def test_weak_labels_embeddings_and_quality_are_the_same(runs):
    single, many = runs
    weak = [table(run, "weak_labels/weak_labels.parquet") for run in runs]
    assert weak[0].drop("probs").equals(weak[1].drop("probs"))
    np.testing.assert_allclose(*map(tables.probs_array, weak), atol=1e-6)
    vectors = [read_array(run / "embeddings/embeddings.npy")[:].astype(float) for run in runs]
    np.testing.assert_allclose(*vectors, atol=2e-3)
    metrics = [json.loads((run / "exported/metrics.json").read_text()) for run in (single, many)]
    for name in ("accuracy", "macro_f1", "temperature"):
        assert metrics[0][name] == pytest.approx(metrics[1][name], abs=1e-3)


def test_the_launcher_makes_nothing_stale_and_nothing_different(runs, tmp_path):
    shutil.copytree(runs[1].parents[1], tmp_path, dirs_exist_ok=True)
    digests = {}
    for stage in STAGES:
        digests[stage] = json.loads((runs[1] / stage / "manifest.json").read_text())["digest"]
    for name in ("embeddings", "rounds", "exported"):
        shutil.rmtree(tmp_path / "runs/t" / name)
    again = run(tmp_path)
    for stage in STAGES:
        manifest = json.loads((again / stage / "manifest.json").read_text())
        assert (stage, manifest["digest"]) == (stage, digests[stage])
    assert pl.read_parquet(again / "rounds/001/query/query.parquet").height > 10
