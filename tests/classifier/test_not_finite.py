"""Infinity and NaN stop the work where they appear; what was finite before stays on the disk."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wsal.classifier import checkpoints
from wsal.classifier.finite import all_finite
from wsal.classifier.head import fit_last_layer, last_layer
from wsal.classifier.inference import predict
from wsal.classifier.objectives import LabelObjective, TextObjective
from wsal.classifier.training import train
from wsal.classifier.training_plan import by_count
from wsal.classifier.training_run import TrainingRun
from wsal.errors import ModelError
from wsal.training_settings import AdaptSettings, OptimizerSettings

pytestmark = pytest.mark.slow

TEXTS = [f"{word} {'item ' * (k % 7)}{k}" for word in ("kettle", "laptop") for k in range(1, 33)]
SETTINGS = OptimizerSettings(lr=1e-3, warmup=0, batch_size=8)
BAD = [float("inf"), -float("inf"), float("nan")]


def objective_of(classifier, bad_row=None, value=float("nan")):
    targets = np.eye(3, dtype=np.float32)[np.repeat([0, 1], 32)]
    if bad_row is not None:
        targets[bad_row, 1] = value
    return LabelObjective(classifier, classifier.tokens(TEXTS), targets, np.ones(64))


def training(classifier, objective, scratch, settings=SETTINGS, n_steps=24):
    plan = by_count(np.arange(n_steps * 8) % 64, 8)
    return train(classifier, objective, plan, TrainingRun(settings, scratch, 0, "pretrain"))


def weights_of(classifier):
    return torch.cat([w.detach().ravel() for w in classifier.model.parameters()])


@given(st.lists(st.floats(width=32), max_size=9), st.lists(st.floats(width=32), max_size=2))
def test_all_finite_is_what_isfinite_says_of_each(one, other):
    tensors = [torch.tensor(one), torch.tensor(other), torch.tensor([1])]
    assert all_finite(tensors) == all(np.isfinite([*one, *other]).tolist())


def test_finite_numbers_whose_squares_overflow_are_finite():
    assert all_finite([torch.full((3,), 3e38), torch.full((2, 2), -3e38)])


@pytest.mark.parametrize("value", BAD)
def test_a_bad_target_is_named_with_its_step_and_text_and_the_last_good_checkpoint_stays(
    tiny, tmp_path, value
):
    classifier = tiny(TEXTS, save_seconds=0)
    objective = objective_of(classifier, bad_row=61, value=value)  # of step 8, the last of a pass
    with pytest.raises(ModelError) as error:
        training(classifier, objective, tmp_path)
    message = str(error.value)
    assert "pretrain: the gradient of step 8 is not finite" in message
    assert f"not finite, on {TEXTS[61]!r};" in message
    assert "smaller lr (now 0.001)" in message
    kept = checkpoints.newest(tmp_path)
    assert kept.progress.step == 7
    assert all_finite(kept.tensors.values())
    assert all_finite(classifier.model.parameters())


def test_weights_are_those_before_the_first_bad_gradient(tiny, tmp_path):
    good, bad = tiny(TEXTS), tiny(TEXTS)
    with pytest.raises(ModelError, match="step 8"):
        training(bad, objective_of(bad, bad_row=61), tmp_path / "bad")
    with pytest.raises(ModelError, match="step 8"):  # the plan is as long: so are the rates
        training(good, objective_of(good, bad_row=62), tmp_path / "good")
    assert torch.equal(weights_of(good), weights_of(bad))
    assert not torch.equal(weights_of(good), weights_of(tiny(TEXTS)))


@pytest.mark.parametrize("bad_step", [1, 10, 24])
@pytest.mark.parametrize("value", BAD)
def test_a_gradient_that_is_not_finite_changes_no_weight(tiny, tmp_path, bad_step, value):
    classifier, n_calls = tiny(TEXTS), iter(range(1, 100))
    layer = last_layer(classifier.model)
    layer.bias.register_hook(
        lambda g: torch.full_like(g, value) if next(n_calls) == bad_step else g
    )
    with pytest.raises(ModelError, match=f"gradient of step {bad_step} is not finite; none"):
        training(classifier, objective_of(classifier), tmp_path)
    assert all_finite(classifier.model.parameters())
    assert checkpoints.newest(tmp_path) is None


@pytest.mark.parametrize("more", [{}, {"ema": 0.9}, {"layer_decay": 0.5}])
def test_a_huge_rate_stops_and_the_last_finite_weights_stay(tiny, tmp_path, more):
    classifier = tiny(TEXTS, save_seconds=0)
    settings = replace(SETTINGS, lr=1e38, **more)
    with pytest.raises(ModelError, match=r"not finite|loss is (nan|inf)"):
        training(classifier, objective_of(classifier), tmp_path, settings)
    kept = checkpoints.newest(tmp_path)
    assert kept is None or all_finite(kept.tensors.values())


def test_a_weight_that_overflows_in_the_last_step_is_not_kept(tiny, tmp_path):
    classifier = tiny(TEXTS)
    with pytest.raises(ModelError, match="a weight is not finite after step 1;"):
        training(classifier, objective_of(classifier), tmp_path, replace(SETTINGS, lr=1e38), 1)
    assert checkpoints.newest(tmp_path) is None


def test_adapting_to_texts_stops_too(tiny, tmp_path):
    classifier = tiny(TEXTS)
    objective = TextObjective(classifier, classifier.tokens(TEXTS), AdaptSettings(objective="mlm"))
    with pytest.raises(ModelError, match=r"not finite|loss is (nan|inf)"):
        training(classifier, objective, tmp_path, replace(SETTINGS, lr=1e38))


def test_early_stopping_never_looks_at_weights_that_are_not_finite(tiny, tmp_path):
    classifier, looks = tiny(TEXTS), []

    def score():
        looks.append(all_finite(classifier.model.parameters()))
        return 0.5

    settings = replace(SETTINGS, lr=1e38, patience=9, look_steps=1)
    run = TrainingRun(settings, tmp_path, 0, "pretrain", score=score)
    with pytest.raises(ModelError):
        train(classifier, objective_of(classifier), by_count(np.arange(64), 8), run)
    assert all(looks)


@pytest.mark.parametrize("value", BAD)
def test_a_checkpoint_that_is_not_finite_is_not_written(tmp_path, value):
    good = checkpoints.Checkpoint(checkpoints.Progress(10), {"a": torch.ones(3)})
    checkpoints.save(tmp_path, good)
    bad = checkpoints.Checkpoint(checkpoints.Progress(20), {"a": torch.tensor([1, value])})
    with pytest.raises(ModelError, match="checkpoint of step 20 was not written"):
        checkpoints.save(tmp_path, bad)
    assert [p.name for p in tmp_path.iterdir()] == ["000000010"]


@pytest.mark.parametrize("value", BAD)
def test_a_classifier_that_is_not_finite_is_not_saved(tiny, tmp_path, value):
    classifier = tiny(TEXTS)
    with torch.no_grad():
        last_layer(classifier.model).weight[1, 2] = value
    with pytest.raises(ModelError, match="was not written: a weight is not finite"):
        classifier.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("threads", [1, 2])
def test_probabilities_that_are_not_numbers_name_their_text(tiny, threads):
    classifier = tiny([*TEXTS, "teapot"], threads=threads)
    row = classifier.tokenizer.convert_tokens_to_ids("teapot")
    with torch.no_grad():
        classifier.model.get_input_embeddings().weight[row, 0] = float("nan")
    texts = [*TEXTS[:20], "teapot item", *TEXTS[20:]]
    with pytest.raises(ModelError, match=r"probabilities or embeddings .*'teapot item'; set"):
        predict(classifier, texts, "test")
    probs, vectors = predict(classifier, TEXTS, "test")
    assert np.isfinite(probs).all()
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("value", BAD)
def test_fitting_the_head_to_a_bad_target_stops(tiny, value):
    classifier = tiny(TEXTS)
    with pytest.raises(ModelError, match="fit the head: the loss is not finite, on "):
        fit_last_layer(objective_of(classifier, 5, value), np.ones(64), "fit the head")


def test_fitting_the_head_on_features_that_are_not_finite_stops(tiny):
    classifier = tiny(TEXTS)
    with torch.no_grad():
        classifier.model.bert.pooler.dense.weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="the inputs of the last layer are not finite"):
        fit_last_layer(objective_of(classifier), np.ones(64), "fit the head")


SMOKE = ("experiment=smoke", "name=t", "pretrain.lr=1e38", "pretrain.head_first=false")


@pytest.mark.parametrize("processes", [(), ("launcher=torchrun", "processes=2")])
def test_the_command_says_so_and_every_process_stops(wsal, tokenised, processes):
    done = wsal("pretrain", *SMOKE, *processes, check=False)
    assert done.returncode == 1, done.stderr
    assert "error: pretrain: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tokenised / "runs/t/pretrained").exists()
    assert "pretrain.lr=1e38" not in done.stderr
