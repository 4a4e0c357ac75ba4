"""What several tests need: conf/ composed as Hydra does it, and a tiny classifier."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, on models too small for two

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"


def options(group):
    """The names of a group's files."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@pytest.fixture
def composed():
    """A function from overrides to the composed configuration."""
    from hydra import compose, initialize_config_dir

    def compose_with(*overrides):
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            return compose("config", overrides=list(overrides))

    return compose_with


@pytest.fixture
def wsal(tmp_path):
    """A function that runs the real command in an empty folder and gives back what it said."""

    def run(*arguments, cwd=tmp_path, check=True, **environment):
        done = subprocess.run(
            [sys.executable, "-c", "from wsal.cli import main; main()", *arguments],
            cwd=cwd, capture_output=True, text=True, check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


def tiny_classifier(texts, n_classes=3, seed=0, encoder=None, **hardware):
    """A tiny random classifier whose words are those of some texts."""
    from wsal.classifier.encoder import new_classifier, new_tokenizer
    from wsal.labels import LabelSet
    from wsal.settings import EncoderSettings, HardwareSettings

    settings = EncoderSettings("tiny", max_length=32, precision="fp32", **(encoder or {}))
    labels = LabelSet(tuple(f"class {i}" for i in range(n_classes)))
    tokenizer = new_tokenizer(settings, texts)
    where = HardwareSettings(**{"device": "cpu", **hardware})
    return new_classifier(settings, where, labels, tokenizer, seed)


@pytest.fixture(scope="session")
def tiny():
    """The function that makes a tiny random classifier for some texts."""
    return tiny_classifier
