"""Copies of gold in a lesson: each in its parent's place, and never more than half of the time."""

import numpy as np
import pytest
from helpers import mask
from hypothesis import given
from hypothesis import strategies as st

from wsal.amplify.amplifier import Amplified
from wsal.rounds.finetuning import FineTuning
from wsal.rounds.training_set import make_training_set, replay_counts, rows_to_replay, with_copies
from wsal.seeding import rng
from wsal.training_settings import FinetuneSettings

TEXTS = ["red mug", "blue mug", "green cup", "weak one", "weak two"]


def lessons(tiny, weight, steps=400):
    classifier = tiny(TEXTS)
    tokens = classifier.tokens(TEXTS)
    settings = FinetuneSettings(steps=steps, batch_size=8, replay=0.25)
    gold, weak = tokens.take(np.arange(3)), tokens.take(np.arange(3, 5))
    targets = np.full((2, 3), 1 / 3, np.float32)
    plain = make_training_set(
        gold, np.eye(3, dtype=np.float32), weak, targets, np.ones(2), settings, rng(0)
    )
    made = Amplified(
        ["mug red", "mug", "cup"], np.array([0, 0, 2]), ["swap"] * 3,
        np.array([weight / 2, weight / 2, weight]),
    )  # fmt: skip
    return plain, with_copies(plain, made, classifier, rng(1))


def test_a_copy_stands_where_its_parent_stood_with_its_class(tiny):
    plain, richer = lessons(tiny, 0.5)
    parent = np.concatenate([np.arange(5), [0, 0, 2]])
    assert (parent[richer.plan.order] == plain.plan.order).all()
    assert (richer.targets == plain.targets[parent]).all()
    assert len(richer.tokens) == 8
    assert richer.plan.ends.tolist() == plain.plan.ends.tolist()


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_copies_are_drawn_by_their_weight_and_texts_without_copies_stay(tiny, weight):
    plain, richer = lessons(tiny, weight)
    drawn = np.bincount(richer.plan.order, minlength=8)
    before = np.bincount(plain.plan.order, minlength=8)
    assert drawn[[1, 3, 4]].tolist() == before[[1, 3, 4]].tolist()
    assert drawn[5] + drawn[6] == pytest.approx(before[0] * weight / (1 + weight), rel=0.1)
    assert drawn[7] == pytest.approx(before[2] * weight / (1 + weight), rel=0.1)
    assert abs(int(drawn[5]) - int(drawn[6])) <= 0.15 * before[0]


def test_a_quarter_of_each_step_is_replayed(tiny):
    plain, _ = lessons(tiny, 0.5)
    for step in range(0, 400, 40):
        assert (plain.plan[step] >= 3).sum() == 2


def weights(tiny, n_gold, **settings):
    tokens = tiny(TEXTS).tokens(TEXTS)
    gold, weak = tokens.take(np.zeros(n_gold, np.int64)), tokens.take(np.arange(3, 5))
    targets = np.tile(np.eye(2, dtype=np.float32)[0], (n_gold, 1))
    made = make_training_set(
        gold, targets, weak, np.full((2, 2), 0.5, np.float32), np.array([0.8, 1.2]),
        FinetuneSettings(steps=2, **settings), rng(0),
    )  # fmt: skip
    return made.weights[:n_gold].tolist(), made.weights[n_gold:].tolist()


@pytest.mark.parametrize(("n_gold", "weight"), [(1, 0.5), (16, 0.5), (32, 0.25), (80, 0.1)])
def test_replayed_texts_weigh_less_as_gold_labels_per_class_grow(tiny, n_gold, weight):
    of_gold, of_weak = weights(tiny, n_gold)
    assert set(of_gold) == {1.0}
    assert of_weak == pytest.approx([0.8 * weight, 1.2 * weight])
    assert weights(tiny, n_gold, replay_gold=None)[1] == pytest.approx([0.4, 0.6])


ROWS = st.sets(st.integers(0, 60)).map(sorted).map(lambda rows: np.array(rows, dtype=np.int64))


def mostly_class_0(rows):
    """Weak labels: every tenth text is of class 1."""
    probs = np.where((rows % 10 == 0)[:, None], [[0.2, 0.8]], [[0.9, 0.1]]).astype(np.float32)
    return probs, np.ones(len(rows))


def test_rare_classes_are_replayed_more_often_than_by_their_share():
    settings = FinetuneSettings(steps=50, batch_size=8, replay=0.5, replay_balance=0.5)
    rows = rows_to_replay(np.ones(1_000, bool), mostly_class_0, np.arange(3), settings, rng(0))
    assert len(rows) == 200
    assert (rows % 10 == 0).sum() == 50  # a quarter: sqrt(0.1) / (sqrt(0.1) + sqrt(0.9))


@given(ROWS, ROWS, st.integers(1, 4), st.integers(0, 3))
def test_texts_with_gold_are_not_replayed_and_of_the_others_so_many_as_steps_need(
    usable, gold, steps, seed
):
    settings = FinetuneSettings(steps=steps, batch_size=8, replay=0.5, replay_balance=0)
    rows = rows_to_replay(mask(1_000, usable), mostly_class_0, gold, settings, rng(seed)).tolist()
    others = set(usable.tolist()) - set(gold.tolist())
    assert len(set(rows)) == len(rows) == min(len(others), replay_counts(settings).sum())
    assert set(rows) <= others
    assert rows == sorted(rows)


def test_answers_of_a_language_model_are_replayed_alone_only_if_enough_are_left():
    usable, answered = np.ones(1_000, bool), np.arange(300)
    settings = FinetuneSettings(steps=50, batch_size=8, replay=0.5)
    for n_labelled, replayed in ((0, np.arange(300)), (290, np.arange(290, 1_000))):
        labelled = np.arange(n_labelled)
        rows = rows_to_replay(usable, mostly_class_0, labelled, settings, rng(0), answered)
        assert len(rows) == 200
        assert np.isin(rows, replayed).all()
        assert (rows >= 300).any() == (n_labelled == 290)


def test_without_a_label_nothing_is_learned(tiny, tmp_path):
    """A cascade may ask nobody: the classifier is sure of every text to train on."""
    none = np.empty(0, np.int64)
    texts = tiny(TEXTS).tokens(TEXTS)
    tuning = FineTuning(lambda: tiny(TEXTS), FinetuneSettings(steps=4), 0, 1, tmp_path)
    weak = np.full((5, 3), 1 / 3, np.float32)
    lesson, _ = tuning.training_set(
        texts, none, none, np.arange(5), lambda rows: (weak[rows], np.ones(len(rows)))
    )
    classifier, history = tuning.train(lesson, "finetune")
    assert history["n_steps"] == 0
    after, before = classifier.model.state_dict(), tiny(TEXTS).model.state_dict()
    assert all((after[name] == before[name]).all() for name in before)
