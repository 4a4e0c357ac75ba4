"""None of these, from the page to a served model."""

import json

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from helpers import run_here
from page_fixtures import open_tab, shown_id, undo

from wsal.annotation.answers import gold_answers
from wsal.annotation.none_answers import none_answers
from wsal.artifacts import Artifact
from wsal.labels import NONE
from wsal.serving.app import make_app
from wsal.serving.backends import open_engine
from wsal.serving.exported import Exported
from wsal.serving.limits import Limits

pytestmark = pytest.mark.slow


N, N_NONE = 50, 14


def test_texts_of_no_class_are_answered_kept_apart_and_rejected(run, page, browser, tmp_path):
    asked = page(run, "export=hf", "report=true", name="run")
    tab = open_tab(browser, asked.urls[0])
    given = answer_all(tab, tmp_path)
    asked.wait()
    assert not tab.faults
    check_run(run / "runs/w", given)
    check_predictions(run, Exported.open(run / "runs/w/exported"))


def answer_all(tab, folder):
    """Answer every text, the first ones with "none of these"; the answers by id."""
    given, shown, undone = {}, "", False
    while len(given) < N:
        shown = shown_id(tab, shown)
        if tab.locator("#duplicates li").count():
            tab.keyboard.press("d")  # each on its own, here
        if len(given) < N_NONE:
            if not undone:  # a slip, taken back
                undone = True
                tab.keyboard.press("0")
                undo(tab, shown)
            if len(given) == 1:
                tab.screenshot(path=folder / "page.png")
                tab.locator("#classes button.none").click()
            else:
                tab.keyboard.press("0")
            given[shown] = NONE
        else:
            tab.keyboard.press(str(1 + len(given) % 3))
            given[shown] = "a class"
        if len(given) == 20:
            last = tab.locator("#recent .label").all_inner_texts()
            assert NONE in last
            counted = tab.evaluate("fetch('/api/state').then((answer) => answer.json())")
            assert dict(counted["distribution"])[NONE] == N_NONE
    return given


def check_run(run_dir, given):
    """The answers are kept apart, and what was learned from them is shown."""
    pool = Artifact.open(run_dir / "pool")
    annotations = [Artifact.open(run_dir / "rounds/001/annotations")]
    none, (gold, _) = none_answers(pool, annotations), gold_answers(pool, annotations)
    ids = pl.read_parquet(run_dir / "pool/pool.parquet")["id"]
    assert set(ids[none]) == {text_id for text_id, label in given.items() if label == NONE}
    assert (len(none), len(gold)) == (N_NONE, N - N_NONE)
    facts = Artifact.open(run_dir / "rounds/001/finetuned").facts
    assert facts["n_gold"] == N - N_NONE
    rejection = json.loads((run_dir / "exported/metrics.json").read_text())["rejection"]
    assert (rejection["n_none"], rejection["n_gold"]) == (N_NONE, N - N_NONE)
    assert "None of these" in (run_dir / "report.html").read_text()
    assert "## Texts of no class" in (run_dir / "exported/README.md").read_text()


def check_predictions(run, exported):
    """`wsal predict` and the server reject the same texts."""
    texts = pl.read_parquet(run / "runs/w/pool/pool.parquet").head(20)
    fields = texts["fields"].struct.unnest().select(exported.fields)
    fields.write_csv(run / "in.csv")
    done = run_here(run, "predict", "runs/w/exported", "in.csv", "out.csv")
    assert not done.returncode, done.stderr
    labelled = pl.read_csv(run / "out.csv")
    above = labelled["none_score"] > exported.rejection.threshold
    assert (labelled["rejected"] == above).all()
    assert labelled.filter("rejected")["abstain"].all()
    with TestClient(make_app(open_engine(exported), Limits())) as client:
        made = client.post("/predict", json={"texts": fields.to_dicts()}).json()["predictions"]
        assert client.get("/model").json()["none_above"] == exported.rejection.threshold
    scores = [each["none_score"] for each in made]
    np.testing.assert_allclose(scores, labelled["none_score"], atol=1e-3)
    assert [each["rejected"] for each in made] == [
        score > exported.rejection.threshold for score in scores
    ]
