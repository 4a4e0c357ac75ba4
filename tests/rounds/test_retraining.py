"""How far weak labels moved, which checkpoint is the newest, and which of two is kept."""

import numpy as np
import pytest
from helpers import mask

from wsal import artifacts
from wsal.artifacts import Artifact
from wsal.evaluation.sample import Sample
from wsal.rounds.retraining import (
    COMPARED,
    compare_checkpoints,
    compared_rows,
    distance,
    last_trained_on,
    newest_checkpoint,
)


@pytest.fixture
def made(tmp_path):
    """A function from a name and facts to an artifact."""

    def make(name, **facts):
        with artifacts.create(tmp_path / name, {}, {}) as (_, facts_out):
            facts_out.update(facts)
        return Artifact.open(tmp_path / name)

    return make


def test_the_distance_is_the_mean_total_variation_of_texts_whose_class_changed():
    draw = np.random.default_rng(0)
    before, after = (draw.dirichlet(np.ones(4), 300).astype(np.float32) for _ in range(2))
    by_text = [
        max(b[list(s)].sum() - a[list(s)].sum() for s in np.ndindex(2, 2, 2, 2) for s in [where(s)])
        * (max(range(4), key=b.__getitem__) != max(range(4), key=a.__getitem__))
        for b, a in zip(before, after, strict=True)
    ]  # by definition: the largest difference that the two give to any set of classes
    assert distance(before, after) == pytest.approx(np.mean(by_text), abs=1e-6)
    assert distance(before, before) == 0
    assert distance(before[:0], after[:0]) == 0
    assert distance(np.eye(3)[[0, 1]], np.eye(3)[[1, 2]]) == 1


def test_a_change_of_confidence_alone_is_no_distance():
    sure = np.random.default_rng(0).dirichlet(np.ones(4), 300)
    calibrated = 0.4 * sure + 0.6 / 4  # as a label model that trusts all texts less
    assert np.abs(sure - calibrated).sum(axis=1).mean() > 0.3
    assert distance(sure, calibrated) == 0


def where(mask):
    return np.flatnonzero(mask)


def test_texts_that_either_trains_on_are_compared_and_at_most_20_000_of_them():
    assert compared_rows(mask(9, [1, 4, 7]), mask(9, [2, 4]), 0).tolist() == [1, 2, 4, 7]
    every = np.ones(150_000, bool)
    many = compared_rows(mask(150_000, range(90_000)), mask(150_000, range(60_000, 150_000)), 0)
    assert len(many) == len(set(many.tolist())) == COMPARED
    assert (np.diff(many) > 0).all()
    assert many.mean() == pytest.approx(75_000, rel=0.02)
    assert np.array_equal(many, compared_rows(every, every, 0))


def test_the_newest_checkpoint_was_kept_and_the_last_training_perhaps_not(made):
    first, weak = made("pretrained"), made("weak_labels")
    reweighed = [made(f"reweighed {n}") for n in range(3)]
    none = made("none", trained=False, kept=False)
    kept = made("kept", trained=True, kept=True)
    worse = made("worse", trained=True, kept=False)

    def state(*rounds):
        newest = newest_checkpoint(first, rounds)
        last = last_trained_on(weak, reweighed, rounds)
        return newest.number, newest.artifact.path.name, last.path.name

    assert state() == (0, "pretrained", "weak_labels")
    assert state(none) == (0, "pretrained", "weak_labels")
    assert state(kept, none) == (1, "kept", "reweighed 0")
    assert state(none, worse) == (0, "pretrained", "reweighed 1")
    assert state(kept, worse, none) == (1, "kept", "reweighed 1")


def test_the_new_checkpoint_is_kept_unless_it_is_worse():
    draw = np.random.default_rng(1)
    gold = draw.integers(0, 3, 90)
    sample = Sample(np.arange(90), gold, np.zeros(90, np.int64), np.ones(90))
    noise = draw.dirichlet(np.ones(3), 90)
    poor, good = (w * np.eye(3)[gold] + (1 - w) * noise for w in (0.1, 0.4))
    better = compare_checkpoints(sample, poor, good, 0)
    assert better["kept"]
    assert better["after"] - better["before"] == pytest.approx(better["value"], abs=2e-4)
    assert 0 < better["low"] <= better["value"] <= better["high"]
    assert not compare_checkpoints(sample, good, poor, 0)["kept"]
    assert compare_checkpoints(sample, good, good, 0)["kept"]
