"""From `wsal predict --summary` to `wsal drift`, its table and its page."""

import re
import shutil

import numpy as np
import polars as pl
import pytest
from helpers import run_here

from wsal.api.exported import load
from wsal.serving.exported import Exported
from wsal.serving.summaries import REFERENCE, Summary, summarise
from wsal.serving.words import Words

WORDS = ["red", "kettle", "2", "l", "gaming", "laptop", "15", "inch", "a", "novel", "lid", "mug"]


def texts(n, seed):
    rng = np.random.default_rng(seed)
    return [f"{' '.join(rng.choice(WORDS, 5))} {rng.integers(1_000)}" for _ in range(n)]


@pytest.fixture(scope="module")
def here(folder, tmp_path_factory):
    """A model with a reference, and the summaries of two batches: one alike, one in German."""
    here = tmp_path_factory.mktemp("drift")
    model = shutil.copytree(folder, here / "model")
    exported = Exported.open(model)
    Words.of(pl.Series(texts(2_000, 0))).write(model)
    held = texts(600, 1)
    found = load(model, "onnx").predict(held)
    classes = np.array([exported.labels.index(one.label) for one in found])
    probs = np.array([one.probability for one in found])
    made = summarise(exported, Words.read(model), held, classes, probs, "test split")
    made.write(model / REFERENCE)
    german = [text.replace("red", "roter").replace("kettle", "Kessel") for text in texts(300, 2)]
    for name, batch in (("2026-01", texts(300, 3)), ("2026-02", german)):
        pl.DataFrame({"title": batch, "brand": ""}).write_csv(here / f"{name}.csv")
        done = run_here(
            here, "predict", "model", f"{name}.csv", f"{name}.out.csv", "--backend", "onnx",
            "--summary", f"{name}.summary.json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return here


def test_other_words_are_drift_and_the_same_words_are_none(here):
    done = run_here(here, "drift", "model", "2026-01.summary.json", "2026-02.summary.json")
    assert done.returncode == 0, done.stderr
    first, second = (line for line in done.stdout.splitlines() if "2026-0" in line)
    assert "no drift" in first
    assert "drift" in second and "no drift" not in second
    assert "wsal accept" in done.stdout


def test_the_page_shows_all_and_loads_nothing(here):
    names = ["2026-01.summary.json", "2026-02.summary.json"]
    done = run_here(here, "drift", "model", *names, "--out", "page.html")
    assert done.returncode == 0, done.stderr
    page = (here / "page.html").read_text()
    assert "default-src &#39;none&#39;" in page
    assert "Drift of 2 periods" in page
    assert not re.search(r'(src|href)="https?:', page)
    assert "<strong>2026-02</strong> has drifted" in page
    alone = run_here(here, "drift", names[0], names[0], "--out", "same.html")
    assert alone.returncode == 0, alone.stderr
    assert "No drift" in (here / "same.html").read_text()


def test_a_folder_of_a_server_has_a_summary_for_each_period(here, tmp_path):
    made = Summary.read(here / "2026-01.summary.json")
    for name in ("2026-03-01T0000Z_a", "2026-03-01T0000Z_b", "2026-03-02T0000Z_c"):
        made.write(tmp_path / f"{name}.json")
    done = run_here(here, "drift", "model", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "600" in done.stdout  # of the two servers in the first period


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model", "nothing.json"), "not found"),
        (("model", "2026-01.csv"), "is damaged"),
        ((".", "2026-01.summary.json"), "has no reference.json"),
        (("model", "model"), "is not a summary"),
        (("model", "2026-01.summary.json", "--least", "2"), "--least is 2"),
    ],
)
def test_what_is_not_valid_is_refused(here, arguments, message):
    done = run_here(here, "drift", *arguments)
    assert done.returncode
    assert message in done.stderr
