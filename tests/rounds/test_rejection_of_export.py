"""What the rejection of an export is learned from, set on and measured on."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from helpers import tiny_classifier

from wsal import schemas, tables
from wsal.artifacts import Artifact, create
from wsal.data.base import Layout
from wsal.data.frames import TableFrame
from wsal.export.base import ExportSettings
from wsal.export.rejection_card import limits_text, rejection_text
from wsal.labels import NONE
from wsal.rounds.evaluation_frame import Frame, write_frame
from wsal.rounds.rejection_texts import RejectionTexts, rejection_of_export
from wsal.run.stage_lines import LINES
from wsal.stages.prepare import prepare

WORDS = {"Tea": "green leaves", "Coffee": "roasted beans", NONE: "steel bolt"}
SETTINGS = ExportSettings({})


def rows(n, split, start):
    labels = [list(WORDS)[i % 3] for i in range(n)]
    texts = [f"{WORDS[label]} {start + i} {i * 7 % 11}" for i, label in enumerate(labels)]
    return pl.DataFrame({"text": texts, "label": labels, "split": [split] * n})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A pool with a test split, and answers to train on and to evaluate by."""
    folder = tmp_path_factory.mktemp("run")
    frame = pl.concat([rows(180, "train", 0), rows(60, "test", 500)])
    layout = Layout(text=("text",), label="label", split="split")
    with create(folder / "pool", {}, {}) as (work, facts):
        facts.update(prepare(work, data=TableFrame(frame, layout), seed=0, shard_rows=1_000))
    pool = Artifact.open(folder / "pool")
    texts = pl.read_parquet(pool.path / "pool.parquet")
    named = texts.join(frame, on="text", how="left", maintain_order="left")
    with create(folder / "query", {}, {}) as (work, _):
        write_frame(Frame(np.arange(120, 180), np.arange(60) % 2), pool, work / "frame.parquet")
    purpose = [schemas.TRAIN] * 120 + [schemas.EVALUATE] * 60
    answers = named.select("id", "label", "text").with_columns(
        purpose=pl.Series(purpose), annotator=pl.lit("ann"), seconds=pl.lit(1.0)
    )
    with create(folder / "annotations", {}, {}) as (work, _):
        tables.write(answers, work / "annotations.parquet", schemas.ANNOTATIONS)
    model = tiny_classifier(frame["text"].to_list(), n_classes=2)
    opened = [Artifact.open(folder / name) for name in ("query", "annotations")]
    return model, RejectionTexts.read(pool, opened[:1], opened[1:])


def test_it_is_learned_from_training_answers_and_measured_on_others(run):
    model, known = run
    assert [each.name for each in known.measured] == [
        "the test split", "an evaluation sample of 60",
    ]  # fmt: skip
    assert [int((each.gold == 2).sum()) for each in known.measured] == [20, 20]
    rejection, facts = rejection_of_export(model, known, SETTINGS, 0)
    assert (facts["n_gold"], facts["n_none"]) == (80, 40)
    assert facts["measured_on"] == "the test split"  # which the threshold is never set on
    assert facts["set_on"] == "an evaluation sample of 60"
    assert (facts["n_none_measured"], facts["n_with_class"]) == (20, 40)
    assert facts["auroc"] > 0.9
    assert facts["rejected"] > 0.5
    assert facts["accuracy"] > facts["accuracy_without"]
    text = rejection_text({"rejection": facts})
    assert f"AUROC {facts['auroc']:.3f}" in text
    assert "rejects" in limits_text({"rejection": facts})
    sample = known.measured[1]
    without_test = replace(known, measured=[sample])
    again, facts = rejection_of_export(model, without_test, SETTINGS, 0)
    assert facts["measured_on"] == sample.name
    assert facts["kept"] >= 0.95
    assert again.threshold == rejection.threshold


def export_line(rejection):
    return LINES["export"]({"folder": "exported", "formats": {}, "rejection": rejection})


def test_without_other_texts_the_labelled_ones_take_their_place(run):
    model, known = run
    _, facts = rejection_of_export(model, replace(known, measured=[]), SETTINGS, 0)
    assert facts["set_on_answers"]
    assert facts["measured_on"] == facts["set_on"]
    assert "of other texts, more or fewer may be kept" in rejection_text({"rejection": facts})
    assert "accuracy" not in facts
    assert facts["measured_on_answers"]
    assert "probably higher on other texts" in " ".join(
        rejection_text({"rejection": facts}).split()
    )
    assert "if hard, probably more on others" in export_line(facts)


def test_random_texts_measure_without_a_caution(run):
    model, known = run
    _, facts = rejection_of_export(model, known, SETTINGS, 0)
    assert not facts["measured_on_answers"]
    assert "probably higher" not in rejection_text({"rejection": facts})
    assert "hard" not in export_line(facts)


@pytest.mark.parametrize(
    ("reject", "n_none"), [("never", 40), ("auto", 0), ("auto", 3), ("always", 0)]
)
def test_it_is_off_where_there_is_nothing_to_learn_from(run, reject, n_none):
    model, known = run
    few = replace(known, none_texts=known.none_texts[:n_none])
    rejection, facts = rejection_of_export(model, few, replace(SETTINGS, reject=reject), 0)
    assert rejection is None
    if reject == "never" or (reject == "auto" and not n_none):
        assert facts == {}  # as if there were no such thing
        assert rejection_text({}) == ""
    else:  # two classes: none can be left out
        assert "too few" in rejection_text({"rejection": facts})
