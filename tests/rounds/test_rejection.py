"""Texts of no class are told from others: AUROC as elsewhere, methods, the choice, the files."""

import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.rejection import ARRAYS_FILE, FACTS_FILE, METHODS, Rejection
from wsal.errors import ConfigError
from wsal.evaluation.rejection import auroc, fpr95, keeping, separation
from wsal.export.onnx import write_onnx
from wsal.rounds.rejection import learn_rejection
from wsal.rounds.rejection_methods import WITH_NONE, WITHOUT_NONE, Answered
from wsal.serving.answers import answer
from wsal.serving.backends import open_engine
from wsal.serving.exported import Exported
from wsal.serving.predictions import predict_texts
from wsal.settings import EncoderSettings, HardwareSettings

DIMS = 16


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clouds(n, centres, rng, width=0.5):
    """Texts around some centres, and the centre of each."""
    classes = rng.integers(0, len(centres), n)
    return unit(centres[classes] + width * rng.normal(size=(n, DIMS))), classes


def world(n_gold=200, n_none=20, n_test=400):
    rng = np.random.default_rng(0)
    centres = 2 * unit(rng.normal(size=(9, DIMS)))
    gold, classes = clouds(n_gold, centres[:6], rng)
    none, _ = clouds(n_none, centres[6:], rng)
    tests = [clouds(n_test, part, rng)[0] for part in (centres[:6], centres[6:])]
    return Answered(gold, classes, none), np.concatenate(tests), np.arange(2 * n_test) >= n_test


@pytest.mark.parametrize("step", [0.0, 0.5])
def test_auroc_and_fpr95_are_those_of_others(step):
    rng = np.random.default_rng(1)
    is_none, weights = rng.random(300) < 0.3, rng.integers(1, 5, 300).astype(float)
    scores = rng.normal(size=300) + is_none
    scores = np.round(scores / step) * step if step else scores  # with ties
    expected = roc_auc_score(is_none, scores, sample_weight=weights)
    assert auroc(scores, is_none, weights) == pytest.approx(expected)
    threshold = keeping(scores[~is_none], weights[~is_none], 0.95)
    kept = scores <= threshold
    assert np.average(kept[~is_none], weights=weights[~is_none]) >= 0.95
    below = scores < threshold
    assert np.average(below[~is_none], weights=weights[~is_none]) < 0.95
    share = np.average(kept[is_none], weights=weights[is_none])
    assert fpr95(scores, is_none, weights) == pytest.approx(share)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng, covered = np.random.default_rng(2), 0
    truth = 0.7602  # of two normal distributions, one apart
    for _ in range(60):
        is_none = np.arange(150) < 40
        made = separation(rng.normal(size=150) + is_none, is_none, rng)
        covered += made.auroc_interval[0] <= truth <= made.auroc_interval[1]
    assert 48 <= covered <= 60


def test_with_texts_of_no_class_most_of_the_others_like_them_are_rejected():
    answered, vectors, is_none = world()
    learned = learn_rejection(answered, np.random.default_rng(0))
    assert set(learned.aurocs) == {*WITH_NONE, "combined"} == set(METHODS)
    measured = {
        name: auroc(Rejection(name, arrays).scores(vectors), is_none)
        for name, arrays in learned.fitted.items()
    }
    assert measured[learned.rejection.method] > 0.95
    assert measured[learned.rejection.method] > max(measured[m] for m in WITHOUT_NONE)
    assert learned.aurocs[learned.rejection.method] == pytest.approx(
        measured[learned.rejection.method], abs=0.06
    )
    again = learn_rejection(answered, np.random.default_rng(0))
    assert (again.rejection.scores(vectors) == learned.rejection.scores(vectors)).all()


def test_with_few_texts_of_no_class_classes_are_left_out():
    answered, vectors, is_none = world(n_none=9)
    learned = learn_rejection(answered, np.random.default_rng(0))
    assert learned.by_classes
    assert learned.rejection.method in WITHOUT_NONE
    assert auroc(learned.rejection.scores(vectors), is_none) > 0.7
    for name in WITHOUT_NONE:  # every text has a score as one of its class, and as one left out
        assert (learned.of_classes[name] != 0).all()
        assert (learned.of_none[name] != 0).all()


@pytest.mark.parametrize(("n_gold", "n_classes", "n_none"), [(19, 6, 20), (60, 1, 20), (60, 2, 3)])
def test_too_few_texts_teach_nothing(n_gold, n_classes, n_none):
    answered, _, _ = world(n_gold, n_none)
    few = Answered(answered.embeddings, answered.classes % n_classes, answered.none)
    assert learn_rejection(few, np.random.default_rng(0)) is None


@pytest.mark.parametrize("method", METHODS)
def test_what_is_written_gives_the_same_scores(method, tmp_path):
    answered, vectors, _ = world(80)
    fitted = learn_rejection(answered, np.random.default_rng(0)).fitted
    written = Rejection(method, fitted[method], 0.25)
    written.write(tmp_path)
    read = Rejection.read(tmp_path)
    assert (read.method, read.threshold) == (method, 0.25)
    np.testing.assert_allclose(read.scores(vectors), written.scores(vectors), rtol=1e-4, atol=1e-5)


def test_damaged_files_are_refused_and_missing_ones_reject_nothing(tmp_path):
    assert Rejection.read(tmp_path) is None
    Rejection("nearest", {"classes": np.eye(3, dtype=np.float32)}, 0.5).write(tmp_path)
    (tmp_path / ARRAYS_FILE).write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"damaged.*export"):
        Rejection.read(tmp_path)
    (tmp_path / FACTS_FILE).write_text(json.dumps({"method": "magic", "threshold": 1}))
    with pytest.raises(ConfigError, match="damaged"):
        Rejection.read(tmp_path)


def test_every_backend_rejects_the_same_texts_as_the_classifier(folder, tmp_path):
    texts = ["red kettle 2 l", "gaming laptop 15 inch", "a novel", "blue mug"]
    shutil.copytree(folder, tmp_path / "model")
    hardware = HardwareSettings(device="cpu", attention="eager")
    classifier = load_classifier(folder, EncoderSettings(str(folder), 32), hardware)
    _, vectors = predict(classifier, texts, "embed")
    write_onnx(classifier, tmp_path / "model/onnx/model.onnx", with_embedding=True)
    rejection = Rejection("nearest", {"classes": vectors[:2]})
    scores = rejection.scores(vectors)
    threshold = float(np.sort(scores)[2:].min() - 1e-3)
    Rejection("nearest", rejection.arrays, threshold).write(tmp_path / "model")
    exported = Exported.open(tmp_path / "model")
    for backend in ("onnx", "torch"):
        engine = open_engine(exported, backend)
        made = answer(engine, None, exported.pieces(texts), 1)
        np.testing.assert_allclose(made["none"], scores, atol=1e-4)
        *shown, empty = predict_texts(engine, [*texts, ""])
        assert [each.rejected for each in shown] == (scores > threshold).tolist()
        assert all(each.abstain for each in shown if each.rejected)
        assert (empty.none_score, empty.rejected) == (None, False)
