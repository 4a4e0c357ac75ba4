"""What is trained on beside the texts that a language model answered."""

import numpy as np

from wsal.rounds.pretraining import LEAST_OF_CLASS, classes_with_few


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
