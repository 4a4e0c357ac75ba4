"""Where there is a dev split, it decides whether labels are refined, and how far answers count."""

import numpy as np
import pytest

from wsal.classifier.inference import predict
from wsal.classifier.losses import SoftCrossEntropy
from wsal.rounds import weak_set
from wsal.rounds.pretraining import ANSWERS_SHARE, ANSWERS_SHARES, WeakTraining
from wsal.rounds.refinement import Refined
from wsal.rounds.weak_labels import confidence_weights
from wsal.training_settings import AdaptSettings, PretrainSettings, SelfTrainingSettings

WORDS = ["tea", "mug", "pan"]
N = 240
TEXTS = [f"{WORDS[i % 3]} {i % 7}" for i in range(N)]
GOLD = np.arange(N) % 3


def labels(classes):
    """Weak labels that are sure of these classes."""
    probs = np.full((N, 3), 0.05, np.float32)
    probs[np.arange(N), classes] = 0.9
    return lambda rows: (probs[rows], confidence_weights(probs[rows]))


def chosen(classifier, dev):
    tokens = classifier.tokens(TEXTS)
    none = np.empty(0, np.int64)
    return weak_set.refined_set(
        PretrainSettings(), classifier, tokens, np.ones(N, bool), labels(GOLD), none, 0, dev
    )


def test_labels_are_refined_only_if_that_is_not_worse_on_dev(tiny, monkeypatch):
    classifier = tiny(TEXTS)
    dev = (classifier.tokens(TEXTS[:60]), GOLD[:60])
    assert chosen(classifier, None).predicted is not None
    better = chosen(classifier, dev)
    assert better.predicted is not None
    assert better.facts["refined"]["on_dev"][1] >= better.facts["refined"]["on_dev"][0] > 0.9

    def spoiled(embeddings, weak, has_weak, passes, rng, paths):
        return Refined(np.roll(weak, 1, axis=1), has_weak, weak)

    monkeypatch.setattr(weak_set, "refine", spoiled)
    worse = chosen(classifier, dev)
    assert worse.predicted is None and worse.facts["refined"]["n_refined"] == 0
    assert (worse.targets.argmax(axis=1) == GOLD[worse.rows]).all()
    assert chosen(classifier, None).predicted is not None  # nothing shows that it is worse


@pytest.mark.parametrize(("right", "shares"), [(True, (0.5, 0.75, 1.0)), (False, (0.0, 0.25))])
def test_answers_count_as_far_as_they_help_on_dev(tiny, tmp_path, right, shares):
    """Weak labels and answers contradict each other; either are right."""
    classifier = tiny(TEXTS)
    wrong = (GOLD + 1) % 3
    answered = np.arange(0, N, 2)
    classes = np.where(np.arange(N) % 2 == 0, GOLD if right else wrong, wrong if right else GOLD)
    settings = PretrainSettings(epochs=8, lr=3e-3, refine=0)
    training = WeakTraining(
        settings, SoftCrossEntropy(), AdaptSettings(), SelfTrainingSettings(), 0, tmp_path,
        answer_settings=settings, dev=(classifier.tokens(TEXTS), GOLD),
    )  # fmt: skip
    facts, _ = training.train(
        classifier, classifier.tokens(TEXTS), np.ones(N, bool), labels(classes), answered
    )
    answers = facts["history"]["answers"]
    assert answers["share"] in shares
    on_dev = dict(zip(ANSWERS_SHARES, answers["on_dev"], strict=True))
    assert on_dev[answers["share"]] == max(on_dev.values()) >= on_dev[ANSWERS_SHARE]
    probs, _ = predict(classifier, TEXTS, "test")
    accuracy = (probs.argmax(axis=1) == GOLD).mean()
    assert accuracy == pytest.approx(on_dev[answers["share"]], abs=0.01)
