"""Answers that are parents, through the stages of a round: in the order of a run."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
import torch
from helpers import CONF
from hydra import compose, initialize_config_dir

from wsal import schemas, tables
from wsal.annotation.answers import gold_answers
from wsal.artifacts import Artifact
from wsal.classifier.losses import AnswerCrossEntropy, SoftCrossEntropy
from wsal.config.composed import check
from wsal.errors import RuleError
from wsal.labels import NONE, LabelSet
from wsal.members import members_of
from wsal.rounds.disagreement import disputed
from wsal.rounds.sources import mixed
from wsal.rounds.training_gold import answers_to_train_on
from wsal.rounds.weak_training import put_gold
from wsal.rules.analysis import summarise, tally
from wsal.rules.patterns import Keyword
from wsal.rules.testing import vote
from wsal.run.pipeline import run_stage

LABELS = LabelSet(("Tea", "Coffee", "Toys"), {"Drinks": ("Tea", "Coffee")})
DRINKS = LABELS.code("Drinks")
MEMBERS = LABELS.members


def test_the_loss_of_a_parent_is_that_of_the_sum_of_its_classes():
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    targets = torch.tensor(MEMBERS[[DRINKS, 0, 2, DRINKS, 1, 0]].astype(np.float32))
    targets[5] = torch.tensor([0.2, 0.5, 0.3])  # a weak label
    losses = AnswerCrossEntropy().losses(logits, targets)
    probs = logits.softmax(1)
    expected = -(probs * targets).sum(1).log()
    assert torch.allclose(losses[:5], expected[:5], atol=1e-6)
    plain = SoftCrossEntropy().losses(logits, targets)
    assert torch.allclose(losses[[1, 2, 4, 5]], plain[[1, 2, 4, 5]], atol=1e-6)
    losses.sum().backward()
    assert logits.grad.isfinite().all()


def test_weak_labels_say_how_the_classes_of_a_parent_share_it():
    probs = np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    put_gold(probs, np.array([3, 8]), np.array([8, 3]), np.array([DRINKS, 2]), MEMBERS)
    np.testing.assert_allclose(probs, [[0, 0, 1], [0.4, 0.6, 0]])


def test_an_answer_of_a_language_model_at_a_parent_keeps_its_probability():
    rules = np.array([[0.5, 0.3, 0.2]] * 2)
    share, probability = np.array([1.0, 0.0]), np.array([0.8, 0.8])
    probs = mixed(rules, np.array([DRINKS, DRINKS]), probability, share, MEMBERS)
    np.testing.assert_allclose(probs, [[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]], atol=1e-6)


def test_rules_vote_for_parents_but_not_for_none():
    rule = Keyword("Drinks", ["cup"])
    texts = pl.DataFrame(
        {"id": ["a", "b"], "text": ["a cup", "toy"], "fields": [{"t": ""}, {"t": ""}]}
    )
    assert rule.vote(texts, LABELS).tolist() == [DRINKS, -1]
    with pytest.raises(RuleError, match="cannot vote for 'none of these'"):
        vote(Keyword(NONE, ["cup"]), "cup", labels=["a", "b"])


def test_a_parent_and_its_class_are_not_in_conflict():
    votes = np.array([[DRINKS, 0], [DRINKS, 2], [0, 1], [DRINKS, -1]], dtype=np.int16)
    assert tally(votes, MEMBERS)[1].tolist() == [False, True, True, False]
    assert disputed(votes.T, MEMBERS).tolist() == [0, 1, 1, 0]
    report = summarise(votes, np.array([0, 0, 1, DRINKS]), ["wide", "narrow"], LABELS)
    assert report["classes"].to_list() == [["Tea", "Drinks"], ["Tea", "Coffee", "Toys"]]
    assert report["n_gold"].to_list() == [4, 3]
    assert report["accuracy"].to_list() == [0.75, pytest.approx(2 / 3)]


SHELVES = {"Drinks": ("Tea", "Coffee"), "Pets": ("Toys", "Food")}
SETTINGS = (
    "data=csv", "data.layout.text=[title]", "data.layout.label=[shelf,kind]",
    "data.layout.test_share=0.2", "encoder=tiny", "strategy=random", "active.query_size=40",
    "pretrain.epochs=1", "finetune.steps=3", "evaluation.size=30", "evaluation.top_up=0",
    "evaluation.frame=200", "rules=none", "annotator.inner=0.5", "retrain=none",
    "+rules.d={_target_: wsal.rules.patterns.Keyword, label: Drinks, words: [cup, mug]}",
    "+rules.t={_target_: wsal.rules.patterns.Keyword, label: Tea, words: [oolong]}",
)  # fmt: skip
WORDS = {"Tea": "oolong cup", "Coffee": "espresso mug", "Toys": "ball", "Food": "kibble"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One round in which half of the answers are parents; every fifteenth gold label is one."""
    folder = tmp_path_factory.mktemp("parents")
    rows, draw = [], np.random.default_rng(0)
    for n in range(600):
        shelf = list(SHELVES)[n % 2]
        kind = SHELVES[shelf][int(draw.integers(2))]
        rows.append((f"{WORDS[kind]} number {n}", shelf, None if n % 15 == 0 else kind))
    pl.DataFrame(rows, schema=["title", "shelf", "kind"], orient="row").write_csv(folder / "d.csv")
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        parts = check(compose("config", overrides=[*SETTINGS, f"data.path={folder / 'd.csv'}"]))
    for stage in ("prepare", "vote", "aggregate", "tokenise", "pretrain", "embed"):
        run_stage(folder / "run", stage, parts.components, 0)
    for stage in ("select", "annotate", "reweigh", "retrain", "finetune", "assess"):
        run_stage(folder / "run", stage, parts.components, 1)
    return folder / "run"


def opened(run, name):
    return Artifact.open(run / name)


def test_answers_at_parents_are_trained_on_and_counted(run):
    pool, answered = opened(run, "pool"), [opened(run, "rounds/001/annotations")]
    rows, codes = answers_to_train_on(pool, answered)
    classes = gold_answers(pool, answered)[0]
    n_parents = len(rows) - len(classes)
    assert len(rows) == 40 and 8 < n_parents < 32
    assert rows[: len(classes)].tolist() == classes.tolist()
    for name in ("reweighed", "finetuned"):
        facts = opened(run, f"rounds/001/{name}").facts
        assert (facts["n_gold"], facts["n_parents"]) == (40, n_parents)
    assert (codes > 4).sum() == n_parents


def test_a_rule_for_a_parent_shares_its_votes_among_the_classes(run):
    labels = LabelSet.of_pool(opened(run, "pool").facts)
    table = tables.read(run / "weak_labels" / "weak_labels.parquet")
    votes = tables.read(run / "votes" / "votes.parquet")
    only = ((votes["d"] >= 0) & (votes["t"] < 0)).to_numpy()
    probs = tables.probs_array(table)[only]
    in_drinks = probs @ members_of(labels)[labels.code("Drinks")]
    assert only.sum() > 50 and in_drinks.min() > 0.6


def test_levels_count_every_answer_and_flat_metrics_say_what_they_leave_out(run):
    facts = json.loads((run / "rounds/001/assessed/assessment.json").read_text())
    asked = tables.read(run / "rounds/001/annotations/annotations.parquet", schemas.ANNOTATIONS)
    measured = asked.filter(pl.col("purpose") == schemas.EVALUATE)["label"].drop_nulls()
    n_parents = measured.is_in(["Drinks", "Pets"]).sum()
    assert facts["n_measured"] == {"class": len(measured) - n_parents, "all": len(measured)}
    assert f"({n_parents} more with a parent as their label" in facts["measured_on"]
    (level,) = facts["rounds"][-1]["levels"]
    assert (level["n_nodes"], level["n_texts"], level["n_undecided"]) == (2, len(measured), 0)
    assert set(facts["rounds"][-1]["hierarchical"]) == {"precision", "recall", "f1"}


def test_gold_at_inner_nodes_is_in_the_splits_and_measured(run):
    test = tables.read(run / "pool" / "test.parquet")["label"]
    metrics = json.loads((run / "rounds/001/finetuned/metrics.json").read_text())["test"]
    assert metrics["n_parents"] == (test > 4).sum() > 0
    assert metrics["n_texts"] + metrics["n_parents"] == len(test)
    assert metrics["levels"][0]["n_texts"] == len(test)


def test_texts_with_any_answer_are_not_asked_again(run, tmp_path):
    again = shutil.copytree(run, tmp_path / "run")
    path = f"data.path={run.parent / 'd.csv'}"
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        parts = check(compose("config", overrides=[*SETTINGS, path]))
    run_stage(again, "select", parts.components, 2)
    first, second = (
        set(tables.read(again / f"rounds/00{n}/query/query.parquet")["text"]) for n in (1, 2)
    )
    assert not first & second
