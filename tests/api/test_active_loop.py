"""A loop in a notebook: partial answers, skips, mistakes, tables that are shown."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

import wsal
from wsal import ActiveLoop, Classifier, Keyword, LabelModel, Pool, Regex, rule, vote
from wsal.errors import (
    AnnotationError,
    ConfigError,
    MissingArtifactError,
    ParityError,
    UnknownNameError,
)

FINETUNE = {"steps": 3, "lr": 2e-3}
ONNX = {"_target_": "wsal.export.onnx.Onnx"}


def titles(n=60):
    words = {"Mugs": "mug", "Cups": "cup", "Pots": "pot"}
    return pl.DataFrame(
        [
            {"id": f"p{i}", "title": f"{words[label]} number {i} {'abc'[i % 2]}", "gold": label}
            for i in range(n)
            for label in [list(words)[i % 3]]
        ]
    )


@pytest.fixture(scope="module")
def trained():
    table = titles()
    pool = Pool(table.drop("gold"), text="title", id="id", labels=["Mugs", "Cups", "Pots"])
    rules = {"mug": Keyword("Mugs", ["mug"]), "cup": Regex("Cups", r"\bcup\b")}
    weak = LabelModel("auto").fit(vote(rules, pool))
    classifier = Classifier("tiny", precision="fp32").pretrain(pool, weak, epochs=1, lr=2e-3)
    return pool, weak, classifier, dict(table.select("id", "gold").iter_rows())


def loop_of(trained, **changes):
    pool, weak, classifier, _ = trained
    settings = {
        "finetune_settings": FINETUNE,
        "n_evaluation": 6,
        "evaluation_settings": {"top_up": 2},
    }
    return ActiveLoop(pool, classifier, weak, **{**settings, **changes})


def test_texts_that_nobody_answered_may_be_asked_again_and_skipped_ones_are_not(trained):
    gold, loop = trained[3], loop_of(trained)
    first = loop.ask(8)
    assert loop.ask(8).ids == first.ids
    half = first.ids[: len(first) // 2]
    skipped = half[0]
    loop.tell({i: None if i == skipped else gold[i] for i in half})
    asked = set(loop.ask(60).ids)
    assert not asked & set(half)
    assert asked >= set(first.ids) - set(half) - set(trained[0].ids[loop.frame.rows.tolist()])


def test_quality_and_forecast_come_from_the_evaluation_sample(trained):
    gold, loop = trained[3], loop_of(trained)
    with pytest.raises(MissingArtifactError, match="no learning curve"):
        loop.forecast(0.95)
    for _ in range(2):
        query = loop.ask(5)
        quality = loop.tell({i: gold[i] for i in query.ids}, dict.fromkeys(query.ids, 2.0))
    assert quality.rounds["n_gold"].to_list() == [0, 5, 10]
    assert quality.measured_on == "an evaluation sample of 8"
    assert quality.rounds.filter(pl.col("accuracy_low") > pl.col("accuracy")).is_empty()
    forecast = loop.forecast(0.99)
    assert forecast.low <= forecast.labels <= forecast.high
    assert "measured on" in quality._repr_html_()
    assert str(forecast)
    far = loop.forecast(0.99999)
    assert "but the pool has only 38 texts left: " in far.sentences[0]


def test_what_is_not_measured_and_a_sample_that_was_cut_are_explained(trained):
    gold, loop = trained[3], loop_of(trained, n_evaluation=0)
    query = loop.ask(5)
    assert query.note == ""
    quality = loop.tell({i: gold[i] for i in query.ids})
    title = "not measured: no evaluation sample, no dev or test split"
    assert repr(quality).startswith(f"{title}\n") and title in quality._repr_html_()
    with pytest.raises(MissingArtifactError, match=r"n_evaluation=12\) or"):
        loop.forecast(0.95)
    cut = loop_of(trained, n_evaluation=100).ask(5)
    assert "12 of them measure quality (12 texts for evaluation, not 100: " in repr(cut)


def test_evaluation_texts_do_not_show(trained):
    loop = loop_of(trained)
    query = loop.ask(10)
    hidden = loop._query.filter(pl.col("purpose") == "evaluate")["id"]
    reasons = query.table.filter(pl.col("id").is_in(hidden.to_list()))["reason"]
    assert len(reasons) == query.n_evaluation == 6
    assert set(reasons) == {""}
    assert "random" not in repr(query)
    assert "purpose" not in query.table.columns


def test_mistakes_are_named_and_change_nothing(trained):
    gold, loop = trained[3], loop_of(trained)
    with pytest.raises(AnnotationError, match=r"call ask\(\)"):
        loop.tell({})
    query = loop.ask(4)
    with pytest.raises(UnknownNameError, match="nonsense"):
        loop.tell({"nonsense": "Mugs"})
    with pytest.raises(UnknownNameError, match="did you mean 'Mugs'"):
        loop.tell({query.ids[0]: "Mug"})
    with pytest.raises(AnnotationError, match="answer at least one"):
        loop.tell(dict.fromkeys(query.ids))
    with pytest.raises(AnnotationError, match="no answers"):
        loop.tell({})
    with pytest.raises(UnknownNameError, match="zzz"):
        loop.tell({query.ids[0]: "Mugs"}, seconds={"zzz": 1.0})
    with pytest.raises(ConfigError, match="n is -3"):
        loop.ask(-3)
    with pytest.raises(UnknownNameError, match="metric"):
        loop.forecast(metric="f1")
    assert loop.ask(4).ids == query.ids
    assert loop.tell({i: gold[i] for i in query.ids}).rounds["n_gold"].to_list() == [0, 4]
    with pytest.raises(ConfigError, match="asks only about texts"):
        loop_of(trained, active_settings={"questions": ["text", "word"]})
    with pytest.raises(ConfigError, match="different pools"):
        ActiveLoop(Pool(["a", "b"], labels=["x", "y"]), trained[2])
    with pytest.raises(UnknownNameError, match="strategy"):
        loop_of(trained, strategy="dball")
    with pytest.raises(UnknownNameError, match="epoch"):
        Classifier("tiny").pretrain(trained[0], epoch=1)


def test_without_rules(trained):
    pool, _, _, gold = trained
    classifier = Classifier("tiny", precision="fp32").pretrain(pool)
    loop = ActiveLoop(pool, classifier, strategy="cold_start", finetune="probe")
    query = loop.ask(6)
    loop.tell({i: gold[i] for i in query.ids})
    probs = loop.predict_proba()
    assert probs.shape == (len(pool), 3)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


def test_an_exported_model_predicts_as_the_loop_does(trained, tmp_path):
    gold, loop = trained[3], loop_of(trained)
    loop.tell({i: gold[i] for i in loop.ask(6).ids})
    loop.export(tmp_path / "model", "hf")
    predictions = wsal.load(tmp_path / "model").predict(trained[0].texts.to_list()[:5], top=2)
    expected = loop.predict_proba()[:5].argmax(axis=1)
    assert [p.label for p in predictions] == [trained[0].labels[c] for c in expected]
    assert all(len(p.top) == 2 for p in predictions)


def test_an_export_replaces_an_earlier_one_as_a_whole_and_nothing_else(trained, tmp_path):
    gold, loop, folder = trained[3], loop_of(trained), tmp_path / "model"
    loop.tell({i: gold[i] for i in loop.ask(4).ids})
    loop.export(folder, "onnx", n_parity_texts=4)
    before = (folder / "config.json").read_bytes()
    with pytest.raises(ParityError):  # fails after the weights were written
        loop.export(folder, "onnx", formats={"onnx": {**ONNX, "tolerance": 1e-30}})
    assert (folder / "config.json").read_bytes() == before
    loop.export(folder, "hf")
    assert not (folder / "onnx").exists()
    other = tmp_path / "project"
    other.mkdir()
    (other / "README.md").write_text("mine")
    with pytest.raises(ConfigError, match="not an export"):
        loop.export(other, "hf")
    assert (other / "README.md").read_text() == "mine"


def test_the_report_shows_each_rule_and_a_pool_can_be_made_of_pandas():
    frame = pd.DataFrame(
        {"title": ["red mug", "blue cup", "mug"], "gold": ["Mugs", "Cups", "Cups"]}
    )
    pool = Pool(frame, text="title", label="gold", test_share=0.0)

    @rule
    def mug(record):
        return "Mugs" if "mug" in record["title"] else None

    votes = vote({"mug": mug}, pool)
    assert votes.matrix[:, 0].tolist() == [pool.labels.index("Mugs"), -1, pool.labels.index("Mugs")]
    report = votes.report()
    assert report.rules["accuracy"].to_list() == [0.5]
    assert "mug" in str(report)
    assert "<table" in report._repr_html_()


def test_import_is_instant_and_prints_nothing():
    code = (
        "import sys, wsal; heavy = {'numpy', 'polars', 'torch', 'hydra'} & set(sys.modules);"
        "assert not heavy, heavy; assert 'ActiveLoop' in dir(wsal)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
    with pytest.raises(AttributeError, match="no_such_name"):
        wsal.no_such_name  # noqa: B018


def test_nothing_is_printed_unless_asked(trained, capfd):
    gold, loop = trained[3], loop_of(trained)
    loop.tell({i: gold[i] for i in loop.ask(4).ids})
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
