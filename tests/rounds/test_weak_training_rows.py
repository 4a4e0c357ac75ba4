"""Which weakly labelled texts are trained on, and what is read of their labels."""

import numpy as np
import pytest
from helpers import mask

from wsal.rounds.weak_labels import confidence_weights
from wsal.rounds.weak_set import plain_set
from wsal.training_settings import PretrainSettings


@pytest.fixture
def weak(tmp_path):
    """Weak labels of 3,000 texts in two classes, on the disk as the stage has them."""
    probs = np.lib.format.open_memmap(tmp_path / "weak.npy", "w+", np.float32, (3_000, 2))
    probs[:, 0] = np.where(np.arange(3_000) % 100 == 0, 0.1, 0.8)
    probs[:, 1] = 1 - probs[:, 0]

    def read(rows):
        out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, (len(rows), 2))
        out[:] = probs[rows]
        return out, confidence_weights(out)

    return read


@pytest.mark.parametrize("max_texts", [None, 100])
@pytest.mark.parametrize("n_answered", [0, 10, 400])
def test_rows_have_their_own_labels_which_stay_on_the_disk(weak, max_texts, n_answered):
    usable, answered = np.arange(5, 2_900), np.arange(5, 5 + n_answered)
    settings = PretrainSettings(max_texts=max_texts)
    chosen = plain_set(settings, mask(3_000, usable), weak, answered, seed=0)
    rows, targets, weights = chosen.rows, chosen.targets, chosen.weights
    assert isinstance(targets, np.memmap)
    assert len(rows) == max(max_texts or len(usable), n_answered)
    assert (np.diff(rows) >= 0).all() and np.isin(answered, rows).all()
    assert np.array_equal(targets, weak(rows)[0])
    assert weights.mean() == pytest.approx(1)
