"""Embedding a pool that takes long: what was done before a kill is not done again."""

import json
import signal
import sys

import fork_server
import numpy as np
import pytest

SMOKE = ("experiment=smoke", "name=t", "pretrain.epochs=0")
CODE = """
import importlib, json, os, signal, sys
from pathlib import Path
from wsal.artifacts import Artifact
from wsal.settings import EncoderSettings, HardwareSettings
parts = importlib.import_module("wsal.rounds.embedding")
stage = importlib.import_module("wsal.stages.embed")
run, out, n_chunks = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
parts.AT_ONCE, predict, asked = 60, parts.predict, []

def counted(classifier, tokens, what):
    asked.append(len(tokens))
    return predict(classifier, tokens, what)

def die(event, given):
    if event == "os.rename" and str(given[1]).endswith("done.json") and len(asked) > n_chunks:
        os.kill(os.getpid(), signal.SIGKILL)

parts.predict = counted
sys.addaudithook(die)
inputs = {name: Artifact.open(run / name) for name in ("pool", "tokens", "pretrained")}
encoder = EncoderSettings("tiny", max_length=64, precision="fp32")
stage.embed(out, **inputs, encoder=encoder, hardware=HardwareSettings("cpu"))
print(json.dumps(asked))
"""


def embedded(run, out, n_chunks=1000):
    """How many texts were asked of the classifier in each chunk; None if it was killed."""
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-c", CODE, str(run), str(out), str(n_chunks)]
    done = fork_server.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return None if done.returncode else json.loads(done.stdout)


@pytest.mark.slow
def test_killed_it_goes_on_after_the_texts_that_it_had_noted(wsal, tokenised, tmp_path):
    wsal("pretrain", *SMOKE)
    run = tmp_path / "runs/t"
    calm = embedded(run, tmp_path / "calm")
    assert len(calm) > 3
    assert embedded(run, tmp_path / "stormy", n_chunks=2) is None
    assert not (tmp_path / "stormy/probs.npy").exists()
    assert embedded(run, tmp_path / "stormy") == calm[2:]
    for name in ("embeddings", "probs"):
        arrays = [np.load(tmp_path / place / f"{name}.npy") for place in ("calm", "stormy")]
        np.testing.assert_array_equal(*arrays)
        assert len(arrays[0]) == sum(calm)
