"""The loss is exact, whatever makes up a step; training learns, resumes bit for bit."""

import json
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import fork_server
import numpy as np
import pytest
import torch

from wsal.classifier import checkpoints, throughput, training
from wsal.classifier.inference import predict
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.training import train
from wsal.classifier.training_plan import by_count
from wsal.classifier.training_run import TrainingRun
from wsal.errors import ConfigError, ModelError, PreemptedError
from wsal.training_settings import OptimizerSettings

pytestmark = pytest.mark.slow  # torch trains

WORDS = ("kettle", "laptop", "novel")


def task(n=96):
    """Texts whose first word says the class, with soft targets and unequal weights."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, size=n)
    fill = [" ".join(["item"] * k) for k in rng.integers(1, 9, size=n)]
    texts = [f"{WORDS[c]} {words}" for c, words in zip(classes, fill, strict=True)]
    targets = (np.eye(3)[classes] * 0.9 + 0.1 / 3).astype(np.float32)
    return texts, classes, targets, rng.uniform(0.2, 2, size=n)


def objective_of(classifier):
    texts, _, targets, weights = task()
    return LabelObjective(classifier, classifier.tokens(texts), targets, weights)


def without_dropout(classifier):
    for module in classifier.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return classifier


def weights_of(classifier, part=""):
    named = classifier.model.named_parameters()
    return torch.cat([p.detach().ravel() for name, p in named if part in name])


def first_step(tiny, scratch, max_tokens=10_000):
    """The loss that is reported for one optimizer step on 16 texts, and the weights after it."""
    classifier = without_dropout(tiny(task()[0], max_tokens=max_tokens))
    settings = OptimizerSettings(lr=1e-3, warmup=0, weight_decay=0)
    plan = by_count(np.arange(16), 16)
    history = train(
        classifier, objective_of(classifier), plan, TrainingRun(settings, scratch, 0, "t")
    )
    return history, weights_of(classifier)


def slow_loss(classifier):
    """Weighted cross entropy of 16 texts, one text at a time."""
    texts, _, targets, weights = task()
    tokens, total = classifier.tokens(texts), 0.0
    for row in range(16):
        with torch.no_grad():
            logits = classifier.model.eval()(**classifier.pad([tokens[row]])).logits[0]
        terms = torch.log_softmax(logits, 0) * torch.tensor(targets[row])
        total += -weights[row] * float(terms.sum())
    return total / 16


@pytest.mark.parametrize("max_tokens", [10_000, 100, 30, 1])
def test_loss_and_gradient_do_not_depend_on_how_a_step_is_cut(tiny, tmp_path, max_tokens):
    history, weights = first_step(tiny, tmp_path / "a", max_tokens)
    _, expected = first_step(tiny, tmp_path / "b")
    assert history["n_steps"] == 1
    assert history["loss"][0][1] == pytest.approx(slow_loss(tiny(task()[0])), abs=1e-5)
    torch.testing.assert_close(weights, expected, atol=2e-6, rtol=1e-4)


WORKER = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
import torch
import test_training as t
from helpers import tiny_classifier
from wsal import processes
out = Path({out!r})
with processes.process_group("cpu"):
    history, weights = t.first_step(tiny_classifier, out / "scratch", {max_tokens})
    if processes.is_leader():
        torch.save({{"loss": history["loss"], "weights": weights}}, out / "done.pt")
    while not processes.is_leader() and processes.broadcast():
        pass
"""


@pytest.mark.parametrize(("n", "max_tokens"), [(2, 10_000), (2, 40), (3, 10_000)])
def test_several_processes_give_the_loss_and_gradient_of_one(tiny, tmp_path, n, max_tokens):
    here = Path(__file__).parent
    code = WORKER.format(
        tests=str(here), root=str(here.parent), out=str(tmp_path), max_tokens=max_tokens
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    given = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(n)}
    started = [
        fork_server.Popen([sys.executable, "-c", code], env={**os.environ, **given, "RANK": str(i)})
        for i in range(n)
    ]  # as torchrun does it
    assert [process.wait(120) for process in started] == [0] * n
    shared = torch.load(tmp_path / "done.pt", weights_only=True)
    history, weights = first_step(tiny, tmp_path / "one")
    torch.testing.assert_close(shared["weights"], weights, atol=2e-6, rtol=1e-4)
    assert shared["loss"][0][1] == pytest.approx(history["loss"][0][1], abs=1e-5)


def plan_of(n_epochs):
    rng = np.random.default_rng(1)
    return by_count(np.concatenate([rng.permutation(96) for _ in range(n_epochs)]), 16)


SETTINGS = OptimizerSettings(lr=3e-3, warmup=0.1, weight_decay=0.01)


def trained(tiny, scratch, settings=SETTINGS, n_epochs=3, score=None, **more):
    classifier = tiny(task()[0], **more)
    run = TrainingRun(settings, scratch, 7, "test", score=score)
    history = train(classifier, objective_of(classifier), plan_of(n_epochs), run)
    return classifier, history


def accuracy(classifier):
    texts, classes, _, _ = task()
    return (predict(classifier, texts, "test")[0].argmax(axis=1) == classes).mean()


def test_learns_what_the_words_say(tiny, tmp_path):
    classifier, history = trained(tiny, tmp_path, n_epochs=12)
    assert accuracy(classifier) > 0.95
    assert history["loss"][-1][1] < history["loss"][0][1]
    _, embeddings = predict(classifier, task()[0], "test")
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)


class CutError(Exception):
    """Stands for a kill in the middle of training."""


def cut_at(step):
    def log(self, *args, **kwargs):
        stop = meter_log(self, *args, **kwargs)
        if self.progress.step == step:
            raise CutError
        return stop

    meter_log = training.Training._log
    return log


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, replace(SETTINGS, ema=0.9, layer_decay=0.8, freeze="embeddings", decay="cosine")],
)
def test_resumes_bit_for_bit(tiny, tmp_path, monkeypatch, settings):
    whole, whole_history = trained(tiny, tmp_path / "whole", settings)
    with monkeypatch.context() as patched, pytest.raises(CutError):
        patched.setattr(training.Training, "_log", cut_at(11))
        trained(tiny, tmp_path / "cut", settings, save_seconds=0)
    assert checkpoints.newest(tmp_path / "cut").progress.step == 10
    assert checkpoints.newest(tmp_path / "whole").progress.step == 18
    resumed, history = trained(tiny, tmp_path / "cut", settings)
    assert history == whole_history
    assert torch.equal(weights_of(whole), weights_of(resumed))


def damage(folder, how):
    if how == "no state":
        (folder / checkpoints.STATE).unlink()
    elif how == "half a state":
        (folder / checkpoints.STATE).write_text('{"step"')
    elif how == "cut short":
        os.truncate(folder / checkpoints.TENSORS, 1000)
    else:
        with (folder / checkpoints.TENSORS).open("r+b") as file:
            file.seek(5000)
            file.write(b"\xff\x00\xff")


def checkpoint(step, tensor):
    return checkpoints.Checkpoint(checkpoints.Progress(step), {"a": tensor})


def test_damaged_checkpoints_of_later_steps_do_not_crowd_out_new_ones(tmp_path):
    for step in (100, 200):
        checkpoints.save(tmp_path, checkpoint(step, torch.ones(2000)))
        damage(tmp_path / f"{step:09d}", "no state")
    assert checkpoints.newest(tmp_path) is None
    checkpoints.save(tmp_path, checkpoint(50, torch.ones(2)))
    assert checkpoints.newest(tmp_path).progress.step == 50
    state = tmp_path / "000000050" / checkpoints.STATE
    state.write_text(state.read_text().replace('"step": 50', '"step": 51'))
    assert checkpoints.newest(tmp_path) is None


@pytest.mark.parametrize("how", ["no state", "half a state", "cut short", "three bytes"])
def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(
    tiny, tmp_path, monkeypatch, caplog, how
):
    whole, history = trained(tiny, tmp_path / "whole")
    with monkeypatch.context() as patched, pytest.raises(CutError):
        patched.setattr(training.Training, "_log", cut_at(11))
        trained(tiny, tmp_path / "cut", save_seconds=0)
    newest = sorted((tmp_path / "cut").iterdir())[-1]
    damage(newest, how)
    assert checkpoints.newest(tmp_path / "cut").progress.step == 9
    assert str(newest) in caplog.text
    resumed, resumed_history = trained(tiny, tmp_path / "cut")
    assert resumed_history == history
    assert torch.equal(weights_of(whole), weights_of(resumed))


def test_sigterm_writes_a_checkpoint_and_the_same_call_goes_on(tiny, tmp_path, monkeypatch):
    whole, history = trained(tiny, tmp_path / "whole")

    def asked_to_stop(self, rows):
        self.show(len(rows), "")
        os.kill(os.getpid(), signal.SIGTERM)

    with (
        monkeypatch.context() as patched,
        pytest.raises(PreemptedError, match="after step 2 of 18"),
    ):
        patched.setattr(throughput.ThroughputMeter, "advance", asked_to_stop)
        trained(tiny, tmp_path / "cut")
    assert checkpoints.newest(tmp_path / "cut").progress.step == 2
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    resumed, resumed_history = trained(tiny, tmp_path / "cut")
    assert resumed_history == history
    assert torch.equal(weights_of(whole), weights_of(resumed))


def small_machine(classifier, most_tokens):
    """As a GPU does: more than so many tokens at once, and memory runs out."""

    def check(module, args, kwargs):
        given = args[0] if args else kwargs["input_ids"]
        if given.numel() > most_tokens:
            raise torch.OutOfMemoryError(f"{given.numel()} tokens")

    classifier.model.bert.embeddings.register_forward_pre_hook(check, with_kwargs=True)
    return classifier


def test_where_memory_runs_out_smaller_parts_make_up_the_same_step(tiny, tmp_path, caplog):
    settings = OptimizerSettings(lr=1e-3, warmup=0, weight_decay=0)
    plan = by_count(np.arange(48), 16)
    results = []
    for most in (10_000, 60):
        classifier = small_machine(without_dropout(tiny(task()[0], max_tokens=400)), most)
        run = TrainingRun(settings, tmp_path / str(most), 0, "t")
        history = train(classifier, objective_of(classifier), plan, run)
        results.append((history["loss"][-1][1], weights_of(classifier)))
    assert results[0][0] == pytest.approx(results[1][0], abs=1e-5)
    torch.testing.assert_close(results[0][1], results[1][1], atol=2e-5, rtol=1e-3)
    assert caplog.text.count("memory ran out") == 3  # 400 -> 200 -> 100 -> 50, and never again
    assert "hardware.max_tokens=50" in caplog.text


def test_where_not_one_text_fits_it_says_what_to_do(tiny, tmp_path):
    classifier = small_machine(tiny(task()[0]), 2)
    run = TrainingRun(SETTINGS, tmp_path, 0, "t")
    with pytest.raises(ModelError, match=r"smaller encoder\.max_length"):
        train(classifier, objective_of(classifier), plan_of(1), run)
    assert classifier.model.is_activation_checkpointing


def test_recomputed_activations_give_the_same_gradient(tiny, tmp_path):
    weights = [
        weights_of(trained(tiny, tmp_path / str(again), n_epochs=1, checkpointing=again)[0])
        for again in (False, True)
    ]
    torch.testing.assert_close(*weights)


def test_early_stopping_ends_with_the_best_weights(tiny, tmp_path):
    scores = iter([0.1, 0.5, 0.4, 0.5, 0.3, 0.9])
    at_look = []

    def score():
        at_look.append(weights_of(classifier[0], "encoder"))
        return next(scores)

    classifier = [tiny(task()[0])]
    settings = replace(SETTINGS, patience=3, look_steps=2)
    run = TrainingRun(settings, tmp_path, 7, "test", score=score)
    history = train(classifier[0], objective_of(classifier[0]), plan_of(12), run)
    assert [step for step, _ in history["looks"]] == [2, 4, 6, 8, 10]
    assert history["n_steps"] == 10
    assert torch.equal(weights_of(classifier[0], "encoder"), at_look[1])


def test_ema_is_the_running_mean_of_the_weights(tiny, tmp_path, monkeypatch):
    seen = []
    look = training.Training._look

    def noted(self):
        seen.append(weights_of(self.classifier, "encoder"))
        look(self)

    start = weights_of(tiny(task()[0]), "encoder")
    monkeypatch.setattr(training.Training, "_look", noted)
    classifier, _ = trained(tiny, tmp_path, replace(SETTINGS, ema=0.8), n_epochs=1)
    mean = start
    for step, weights in enumerate(seen):
        share = max(0.2, 4 / (4 + step))  # of all steps so far, about the last quarter counts
        mean = (1 - share) * mean + share * weights
    torch.testing.assert_close(weights_of(classifier, "encoder"), mean, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("frozen", "still"),
    [
        ("nothing", ()),
        ("embeddings", ("embeddings",)),
        (1, ("embeddings", "layer.0.")),
        ("encoder", ("embeddings", "layer.0.", "layer.1.")),
    ],
)
def test_what_is_frozen_stays_and_the_rest_learns(tiny, tmp_path, frozen, still):
    before = dict(tiny(task()[0]).model.named_parameters())
    settings = replace(SETTINGS, freeze=frozen)
    classifier, _ = trained(tiny, tmp_path, settings, n_epochs=1)
    for name, weight in classifier.model.named_parameters():
        same = torch.equal(weight, before[name])
        assert same == any(part in name for part in still), name
        assert weight.requires_grad


def test_more_frozen_layers_than_there_are(tiny, tmp_path):
    with pytest.raises(ConfigError, match=r"freeze is 7, but the encoder has 2 layers"):
        trained(tiny, tmp_path, replace(SETTINGS, freeze=7))


def test_lora_learns_and_is_merged(tiny, tmp_path):
    before = dict(tiny(task()[0]).model.named_parameters())
    settings = replace(SETTINGS, lr=1e-2)
    classifier, _ = trained(tiny, tmp_path / "a", settings, 12, encoder={"lora_rank": 4})
    assert accuracy(classifier) > 0.9
    names = dict(classifier.model.named_parameters())
    assert names.keys() == before.keys()
    word = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(names[word], before[word])
    query = "bert.encoder.layer.0.attention.self.query.weight"
    update = (names[query] - before[query]).detach()
    assert 0 < torch.linalg.matrix_rank(update, tol=1e-5) <= 4
    classifier.save(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert saved["architectures"] == ["BertForSequenceClassification"]


def test_batches_and_padding_do_not_change_a_prediction(tiny):
    texts = task()[0]
    classifier = tiny(texts)
    together, _ = predict(classifier, texts, "test")
    alone = np.concatenate([predict(classifier, [text], "test")[0] for text in texts[:10]])
    np.testing.assert_allclose(together[:10], alone, atol=1e-5)
