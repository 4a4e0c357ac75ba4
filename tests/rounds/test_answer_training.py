"""What is trained on beside the texts that a language model answered."""

from dataclasses import dataclass

import numpy as np
import pytest
from helpers import mask

from wsal.classifier.losses import SoftCrossEntropy
from wsal.rounds.pretraining import LEAST_OF_CLASS, WeakTraining, classes_with_few
from wsal.rounds.weak_labels import confidence_weights
from wsal.training_settings import AdaptSettings, PretrainSettings, SelfTrainingSettings


def test_classes_with_few_answers_get_their_surest_weak_labels():
    rows = np.arange(100, 400)
    classes = np.repeat([0, 1, 2], 100)
    sureness = np.tile(np.linspace(0.5, 0.9, 100), 3)
    targets = np.full((300, 3), 0.05)
    targets[np.arange(300), classes] = sureness
    answered = np.concatenate([rows[:30], rows[197:200]])  # 30 of class 0, 3 of class 1
    added = classes_with_few(rows, targets, answered)
    assert not np.isin(added, answered).any()
    counts = np.bincount(classes[added - 100], minlength=3).tolist()
    assert counts == [0, LEAST_OF_CLASS - 3, LEAST_OF_CLASS]
    assert (added[-LEAST_OF_CLASS:] == rows[-LEAST_OF_CLASS:]).all()  # the surest of class 2
    repeated = np.sort(np.tile(np.arange(300), 9))  # as rare classes are in balanced training
    assert np.array_equal(classes_with_few(rows[repeated], targets[repeated], answered), added)


@dataclass(frozen=True)
class Recorded(WeakTraining):
    """Keeps what is trained on after the answers, instead of training on it."""

    def _learn_answers(self, classifier, texts, labels):
        return {"labels": labels}


def test_a_text_without_a_vote_is_never_learnt_with_what_the_label_model_says_of_it(tiny, tmp_path):
    words = ["tea", "mug", "pan"]
    texts = [f"{words[i % 3]} {words[i % 3]}" for i in range(240)]
    classifier = tiny(texts)
    probs = np.full((240, 3), 0.02, np.float32)
    probs[np.arange(240), np.arange(240) % 3] = 0.96
    usable = np.concatenate([np.arange(0, 120, 3), [1, 4, 7, 10], [2, 5, 8, 11]])
    answered = np.array([0, 1, 2, 4, 5, 7, 8])  # one of the first class, three of each other
    probs[np.setdiff1d(np.arange(240), usable)] = [0.6, 0.2, 0.2]
    training = Recorded(
        PretrainSettings(epochs=1, refine=1), SoftCrossEntropy(), AdaptSettings(),
        SelfTrainingSettings(), 0, tmp_path,
    )  # fmt: skip

    def weak(rows):
        return probs[rows], confidence_weights(probs[rows])

    facts, _ = training.train(
        classifier, classifier.tokens(texts), mask(240, usable), weak, answered
    )
    assert facts["refined"]["n_added"] > 10
    targets, weights = facts["history"]["answers"]["labels"]
    assert np.bincount(targets.argmax(axis=1)).tolist() == [LEAST_OF_CLASS] * 3
    assert targets.max(axis=1).min() > 0.7
    assert weights.mean() == pytest.approx(1)
