"""Refined weak labels are nearer to the truth than what rules and embeddings say alone."""

import numpy as np
import polars as pl
import pytest
from helpers import mask

from wsal.data.row_keys import keys_at, keys_file, keys_of_texts
from wsal.rounds.refinement import refine
from wsal.rounds.weak_set import Predicted, read_predicted
from wsal.seeding import rng
from wsal.shards import shard_path

N, K = 1_500, 4


def simulated(seed, flip=0.3, sure=0.7):
    """Texts around the centre of their class, and weak labels of which some are wrong."""
    draw = np.random.default_rng(seed)
    gold = draw.choice(K, N, p=[0.6, 0.25, 0.1, 0.05])
    centres = np.eye(K, 12)
    embeddings = centres[gold] + draw.normal(0, 0.45, (N, 12))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    voted = np.where(draw.random(N) < flip, draw.integers(K, size=N), gold)
    weak = np.full((N, K), (1 - sure) / (K - 1))
    weak[np.arange(N), voted] = sure
    has_weak = draw.random(N) < 0.7
    weak[~has_weak] = 1 / K
    return gold, embeddings.astype(np.float32), weak.astype(np.float32), has_weak


def recall(probs, gold):
    """Of each class."""
    return np.array([(probs[gold == label].argmax(axis=1) == label).mean() for label in range(K)])


def test_refined_labels_are_better_than_the_rules_and_than_the_predictions():
    better = []
    for seed in range(5):
        gold, embeddings, weak, has_weak = simulated(seed)
        refined = refine(embeddings, weak, has_weak, 3, rng(seed, "refine"))
        rules, predicted, both = (
            (probs[has_weak].argmax(axis=1) == gold[has_weak]).mean()
            for probs in (weak, refined.predictions, refined.probs)
        )
        better.append([both - rules, both - predicted])
        assert recall(refined.probs[has_weak], gold[has_weak]).min() > 0.6  # of the rarest, too
    assert (np.mean(better, axis=0) > [0.05, 0.01]).all()


def test_texts_without_a_weak_label_are_used_if_the_prediction_is_sure():
    gold, embeddings, weak, has_weak = simulated(0, flip=0.1, sure=0.95)
    refined = refine(embeddings, weak, has_weak, 1, rng(0, "refine"))
    added = refined.used & ~has_weak
    assert refined.used[has_weak].all() and 0 < added.sum() < (~has_weak).sum()
    assert (refined.predictions[added].max(axis=1) >= 0.8).all()
    sure = (refined.probs[added].argmax(axis=1) == gold[added]).mean()
    unsure = refined.probs[~refined.used].argmax(axis=1) == gold[~refined.used]
    assert sure > unsure.mean()


def test_a_class_with_hardly_a_weak_label_keeps_them():
    draw = np.random.default_rng(0)
    gold = np.repeat(np.arange(K), [300, 100, 2, 1])
    embeddings = np.eye(K, 12)[gold] + draw.normal(0, 0.25, (len(gold), 12))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    weak = np.full((len(gold), K), 0.05, np.float32)
    weak[np.arange(len(gold)), gold] = 0.85
    everywhere = np.ones(len(gold), bool)
    refined = refine(embeddings.astype(np.float32), weak, everywhere, 3, rng(0, "x"))
    assert recall(refined.probs, gold).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_fewer_texts_than_folds(n):
    weak = np.tile(np.float32([0.3, 0.7]), (n, 1))
    has_weak = np.arange(n) == 0
    weak[~has_weak] = 0.5
    refined = refine(np.eye(n, 8, dtype=np.float32), weak, has_weak, 3, rng(0, "x"))
    assert np.isfinite(refined.probs).all()
    assert refined.probs[0] == pytest.approx([0.3, 0.7])


def test_the_prediction_of_a_text_does_not_depend_on_its_own_weak_label():
    _, embeddings, weak, has_weak = simulated(1)
    changed = weak.copy()
    row = int(np.flatnonzero(has_weak)[0])
    changed[row] = changed[row][::-1]
    before, after = (refine(embeddings, w, has_weak, 1, rng(0, "x")) for w in (weak, changed))
    assert np.abs(before.predictions - after.predictions).max() > 0
    assert np.array_equal(before.predictions[row], after.predictions[row])


def test_probabilities():
    _, embeddings, weak, has_weak = simulated(2)
    refined = refine(embeddings, weak, has_weak, 2, rng(0, "x"))
    for probs in (refined.probs, refined.predictions):
        assert probs.sum(axis=1) == pytest.approx(np.ones(N), abs=1e-4)
        assert (probs >= 0).all()


def test_weak_labels_of_a_round_are_refined_where_there_is_a_prediction(tmp_path):
    predictions = np.array([[0.9, 0.1], [0.1, 0.9], [0.4, 0.6]], np.float32)
    Predicted(np.array([2, 5, 7]), predictions).save(tmp_path)
    saved = read_predicted(tmp_path)
    weak = np.full((9, 2), 0.5, np.float32)
    weak[2], weak[3] = [0.2, 0.8], [0.3, 0.7]
    usable = mask(9, [1, 2, 3])
    targets, weights = saved.refined(lambda rows: (weak[rows], None), usable)(np.array([2, 3, 5]))
    assert targets == pytest.approx(np.array([[0.18 / 0.26, 0.08 / 0.26], weak[3], [0.1, 0.9]]))
    assert weights.mean() == pytest.approx(1)
    assert np.flatnonzero(saved.usable(usable)).tolist() == [
        2,
        5,
    ]  # 7 has no weak label, and is not sure
    assert read_predicted(tmp_path / "elsewhere") is None


def pool_with(folder, shards):
    """A folder with the keys of texts in shards."""
    folder.mkdir()
    for number, texts in enumerate(shards):
        path = shard_path(folder / keys_file("text_keys", "pool"), number, len(shards))
        np.save(path, keys_of_texts(pl.Series(texts)))
    return folder


def test_predictions_follow_their_texts_to_the_rows_of_a_pool_with_batches(tmp_path):
    before = pool_with(tmp_path / "before", [["a", "b", "c", "d"]])
    predictions = np.array([[0.9, 0.1], [0.1, 0.9], [0.4, 0.6]], np.float32)
    made = Predicted(np.array([0, 2, 3]), predictions)
    made.save(tmp_path, keys_at(before, "text_keys", "pool", made.rows))
    for shards in (["a", "b", "c", "d"], ["e"]), (["b", "d"], ["e", "c"]):
        now = pool_with(tmp_path / "-".join(map("".join, shards)), shards)
        texts, found = [text for shard in shards for text in shard], read_predicted(tmp_path, now)
        there = [text for text in texts if text in "acd"]
        assert [texts[row] for row in found.rows] == there
        assert np.array_equal(found.probs, predictions[["acd".index(text) for text in there]])
    assert read_predicted(tmp_path, before).rows.tolist() == [0, 2, 3]
