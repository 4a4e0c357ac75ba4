"""The loss is exact, whatever makes up a step; training learns, resumes bit for bit."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from wsal.classifier import training
from wsal.classifier.inference import predict
from wsal.classifier.training import Schedule, TrainingSet, last_checkpoint, train

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


def data_for(classifier, order):
    texts, _, targets, weights = task()
    return TrainingSet(classifier.token_ids(texts), targets, weights, np.asarray(order))


def without_dropout(classifier):
    for module in classifier.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return classifier


def first_step(tiny, scratch, batch_size, accumulation):
    """The loss that is reported for one optimizer step on 16 texts, and the weights after it."""
    classifier = without_dropout(tiny(task()[0]))
    schedule = Schedule(1e-3, batch_size, accumulation, 0.0, 0.0, 1000)
    history = train(classifier, data_for(classifier, range(16)), schedule, scratch, 0, "test")
    weights = torch.cat([p.detach().ravel() for p in classifier.model.parameters()])
    return history, weights


def slow_loss(classifier):
    """Weighted cross entropy of 16 texts, one text at a time."""
    texts, _, targets, weights = task()
    total = 0.0
    for text, target, weight in list(zip(texts, targets, weights, strict=True))[:16]:
        with torch.no_grad():
            logits = classifier.model(**classifier.pad(classifier.token_ids([text]))).logits[0]
        total += -weight * float((torch.log_softmax(logits, 0) * torch.tensor(target)).sum())
    return total / 16


@pytest.mark.parametrize(("batch_size", "accumulation"), [(16, 1), (8, 2), (4, 4), (2, 8)])
def test_loss_and_gradient_do_not_depend_on_how_a_step_is_made_up(
    tiny, tmp_path, monkeypatch, batch_size, accumulation
):
    monkeypatch.setattr(training, "LOG_STEPS", 1)
    history, weights = first_step(tiny, tmp_path / "a", batch_size, accumulation)
    _, expected = first_step(tiny, tmp_path / "b", 16, 1)
    assert history["n_steps"] == 1
    assert history["loss"][0][1] == pytest.approx(
        slow_loss(without_dropout(tiny(task()[0]))), abs=2e-4
    )
    torch.testing.assert_close(weights, expected, atol=2e-6, rtol=1e-4)


WORKER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import torch
import test_training as t
from wsal.classifier import training
from wsal.classifier.encoder import new_classifier
from wsal.labels import LabelSet
from wsal.settings import EncoderSettings

training.LOG_STEPS = 1
settings = EncoderSettings("tiny", max_length=32, precision="fp32", device="cpu")
tiny = lambda texts: new_classifier(settings, LabelSet(("a", "b", "c")), texts, 0)
out = Path({out!r})
history, weights = t.first_step(tiny, out / "scratch", {batch_size}, 1)
if torch.distributed.get_rank() == 0:
    torch.save({{"loss": history["loss"], "weights": weights}}, out / "done.pt")
torch.distributed.barrier()
torch.distributed.destroy_process_group()  # or a thread of it may be cut down at exit: an abort
"""


def test_two_processes_give_the_loss_and_gradient_of_one(tiny, tmp_path, monkeypatch):
    from pathlib import Path

    worker = tmp_path / "worker.py"
    tests = str(Path(__file__).parent)
    worker.write_text(textwrap.dedent(WORKER).format(tests=tests, out=str(tmp_path), batch_size=8))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", str(worker)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = torch.load(tmp_path / "done.pt", weights_only=True)
    monkeypatch.setattr(training, "LOG_STEPS", 1)
    history, weights = first_step(tiny, tmp_path / "one", 16, 1)
    torch.testing.assert_close(found["weights"], weights, atol=2e-6, rtol=1e-4)
    assert found["loss"][0][1] == pytest.approx(history["loss"][0][1], abs=2e-4)


def order_of(n_epochs):
    rng = np.random.default_rng(1)
    return np.concatenate([rng.permutation(96) for _ in range(n_epochs)])


def test_learns_what_the_words_say(tiny, tmp_path):
    texts, classes, _, _ = task()
    classifier = tiny(texts)
    schedule = Schedule(3e-3, 16, 1, 0.1, 0.0, 1000)
    train(classifier, data_for(classifier, order_of(12)), schedule, tmp_path, 0, "test")
    probs, embeddings = predict(classifier, texts, "test")
    assert (probs.argmax(axis=1) == classes).mean() > 0.95
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)


class CutError(Exception):
    """Stands for a kill in the middle of training."""


def test_resumes_bit_for_bit(tiny, tmp_path, monkeypatch):
    schedule = Schedule(1e-3, 16, 1, 0.1, 0.01, 4)

    def trained(scratch):
        classifier = tiny(task()[0])
        history = train(classifier, data_for(classifier, order_of(3)), schedule, scratch, 7, "test")
        return classifier, history

    whole, whole_history = trained(tmp_path / "whole")

    def cut(self, args, state, control, **kwargs):
        if state.global_step == 11:
            raise CutError

    with monkeypatch.context() as patched, pytest.raises(CutError):
        patched.setattr(training._Report, "on_step_end", cut)
        trained(tmp_path / "cut")
    assert last_checkpoint(tmp_path / "cut").endswith("checkpoint-8")
    (tmp_path / "cut" / "checkpoint-9").mkdir()  # begun, and never written to its end
    resumed, history = trained(tmp_path / "cut")
    assert history == whole_history
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_batches_and_padding_do_not_change_a_prediction(tiny):
    texts = task()[0]
    classifier = tiny(texts)
    together, _ = predict(classifier, texts, "test")
    alone = np.concatenate([predict(classifier, [text], "test")[0] for text in texts[:10]])
    np.testing.assert_allclose(together[:10], alone, atol=1e-5)
