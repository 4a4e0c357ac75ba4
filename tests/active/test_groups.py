"""Groups to ask about: texts that are alike, where one answer is worth more than one label."""

import numpy as np
import pytest

from wsal.active.groups import ALIKE, ANOTHER, LEAST, MOST, choose_groups
from wsal.active.words import TEXT_REACH
from wsal.seeding import rng

SECONDS = {"text": 4.0, "group": 6.0}
N_DIMS, CLASSES = 32, 4
SIZES = (12, 6, 3, 2)  # texts of each cluster that the classifier is unsure of


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def world():
    """Vectors and predictions: sure texts that are all different, then clusters of unsure ones."""
    draw = rng(0, "groups")
    lone = draw.normal(size=(100, N_DIMS))
    centres = np.repeat(draw.normal(size=(len(SIZES), N_DIMS)), SIZES, axis=0)
    vectors = unit(np.concatenate([lone, centres + draw.normal(size=centres.shape) * 0.05]))
    probs = np.full((len(vectors), CLASSES), 0.01, np.float32)
    probs[:, 0] = 0.97
    probs[len(lone) :] = [0.1, 0.7, 0.1, 0.1]
    return vectors, probs


def chosen(world, most_seconds=80.0, seconds=SECONDS, **more):
    return choose_groups(*world, seconds, most_seconds, **more)


def test_one_group_of_each_cluster_that_is_large_enough_the_most_worth_first(world):
    groups = chosen(world)
    assert [len(group.rows) for group in groups] == [MOST, 6, LEAST]
    assert [group.predicted for group in groups] == [1, 1, 1]
    first = groups[0]
    assert set(first.rows) <= set(range(100, 112))
    cosine = world[0][first.rows] @ world[0][first.rows[0]]
    assert (np.diff(cosine) <= 1e-6).all()
    assert cosine.min() >= ALIKE
    assert first.helps == pytest.approx(0.7**2)
    worth = 1 + ANOTHER * (MOST - 1)
    assert first.gain == pytest.approx(TEXT_REACH * worth * 0.3 * 0.7**2, rel=1e-4)


def test_texts_of_another_predicted_class_are_no_part_of_a_group(world):
    vectors, probs = world
    probs[100:112:2] = [0.1, 0.1, 0.7, 0.1]
    groups = chosen((vectors, probs))
    assert len(groups) == 4
    for group in groups:
        assert (probs[group.rows].argmax(axis=1) == group.predicted).all()


def test_groups_cost_at_most_their_time_and_bring_more_than_texts(world):
    assert len(chosen(world, most_seconds=12.5)) == 2
    assert chosen(world, most_seconds=5.0) == []
    assert chosen(world, seconds={"text": 4.0, "group": 60.0}) == []
    vectors, probs = world
    probs[:100] = [0.4, 0.2, 0.2, 0.2]  # a label of any text is worth more than one of the clusters
    assert chosen((vectors, probs)) == []


def test_answers_so_far_tell_how_likely_a_yes_is(world):
    never, always = (chosen(world, record=record) for record in ((0.0, 15.0), (15.0, 9.0)))
    assert never == []
    assert always[0].helps > chosen(world)[0].helps


def test_nothing_to_choose_from():
    empty = np.zeros((0, N_DIMS), np.float32), np.zeros((0, CLASSES), np.float32)
    assert chosen(empty) == []
