"""Embedding a pool that takes long: what was done before a kill is not done again."""

import json
import shutil
import signal
import sys

import fork_server
import numpy as np
import pytest
from helpers import run_here, split_table

from wsal import tables
from wsal.artifacts import Artifact
from wsal.settings import EncoderSettings, HardwareSettings, LauncherSettings
from wsal.shards import read_array, shard_files
from wsal.stages.embed import embed
from wsal.stages.tokenise import tokenise

ENCODER = EncoderSettings("tiny", max_length=64, precision="fp32")
CPU = HardwareSettings("cpu")
NAMES = ("embeddings", "probs")
KILLED = """
import os, signal, sys
from pathlib import Path
from wsal.artifacts import Artifact
from wsal.rounds import embedding
from wsal.settings import EncoderSettings, HardwareSettings, LauncherSettings
from wsal.stages import embed
run, out, n_parts = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
embedding.AT_ONCE, predict, asked = 60, embedding.predict, []

def counted(classifier, tokens, *rest):
    asked.append(len(tokens))
    return predict(classifier, tokens, *rest)

def die(event, given):
    if event == "os.rename" and len(asked) > n_parts:
        os.kill(os.getpid(), signal.SIGKILL)

embedding.predict = counted
sys.addaudithook(die)
inputs = {name: Artifact.open(run / name) for name in ("pool", "tokens", "pretrained")}
encoder = EncoderSettings("tiny", max_length=64, precision="fp32")
embed.embed(out, **inputs, encoder=encoder, hardware=HardwareSettings("cpu"),
            launcher=LauncherSettings())
print(asked)
"""


@pytest.fixture
def run(tokenised):
    done = run_here(tokenised, "pretrain", "experiment=smoke", "name=t", "pretrain.epochs=0")
    assert not done.returncode, done.stdout + done.stderr
    return tokenised / "runs/t"


def embedded(run, out, processes=1):
    out.mkdir()
    inputs = {name: Artifact.open(run / name) for name in ("pool", "tokens", "pretrained")}
    launcher = LauncherSettings(processes=processes)
    facts = embed(out, **inputs, encoder=ENCODER, hardware=CPU, launcher=launcher)
    return facts, [read_array(out / f"{name}.npy")[:] for name in NAMES]


def embedded_in_parts(run, out, n_parts=1000):
    """How many texts were asked of the classifier in each part; None if it was killed."""
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-c", KILLED, str(run), str(out), str(n_parts)]
    done = fork_server.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return None if done.returncode else json.loads(done.stdout)


@pytest.mark.slow
def test_killed_it_goes_on_after_the_parts_that_it_had_written(run, tmp_path):
    calm = embedded_in_parts(run, tmp_path / "calm")
    assert len(calm) > 3
    assert embedded_in_parts(run, tmp_path / "stormy", n_parts=2) is None
    assert not (tmp_path / "stormy/probs.npy").exists()
    assert embedded_in_parts(run, tmp_path / "stormy") == calm[2:]
    for name in NAMES:
        both = [(tmp_path / place / f"{name}.npy").read_bytes() for place in ("calm", "stormy")]
        assert both[0] == both[1]


def test_shards_have_the_numbers_of_the_whole_whatever_embeds_them(run, tmp_path):
    facts, whole = embedded(run, tmp_path / "whole")
    split_table(run / "pool/pool.parquet", 70)
    shutil.rmtree(run / "tokens")
    (run / "tokens").mkdir()
    pool = Artifact.open(run / "pool")
    tokenise(run / "tokens", pool=pool, encoder=ENCODER, launcher=LauncherSettings())
    (run / "tokens/manifest.json").touch()
    n = tables.n_rows(run / "pool/pool.parquet")
    made, parts = embedded(run, tmp_path / "parts")
    assert made == facts == {"n_texts": n, "n_dims": whole[0].shape[1]}
    for expected, array in zip(whole, parts, strict=True):
        np.testing.assert_allclose(expected.astype(float), array.astype(float), atol=2e-3)
    assert embedded(run, tmp_path / "two", processes=2)[0] == facts
    for name in NAMES:
        files, others = (shard_files(tmp_path / p / f"{name}.npy") for p in ("parts", "two"))
        assert [file.read_bytes() for file in files] == [file.read_bytes() for file in others]
        assert len(files) == -(-n // 70) > 2
