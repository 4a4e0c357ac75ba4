"""Losses against sums written out, and what each is for."""

import numpy as np
import pytest
import torch

from wsal.classifier.losses import (
    GeneralisedCrossEntropy,
    SoftCrossEntropy,
    SymmetricCrossEntropy,
)


def example(n=40, n_classes=5):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, n_classes, generator=generator) * 3
    targets = torch.rand(n, n_classes, generator=generator).softmax(1)
    return logits, targets


def slow(kind, logits, targets):
    """One number at a time."""
    losses = []
    for row, target in zip(logits.double().numpy(), targets.double().numpy(), strict=True):
        p = np.exp(row) / np.exp(row).sum()
        forward = -sum(t * np.log(q) for t, q in zip(target, p, strict=True))
        backward = -sum(
            q * max(np.log(t) if t > 0 else -np.inf, -4.0) for t, q in zip(target, p, strict=True)
        )
        generalised = sum(t * (1 - q**0.7) / 0.7 for t, q in zip(target, p, strict=True))
        losses.append({"soft": forward, "gce": generalised, "sce": 0.1 * forward + backward}[kind])
    return np.array(losses)


LOSSES = {
    "soft": SoftCrossEntropy(),
    "gce": GeneralisedCrossEntropy(),
    "sce": SymmetricCrossEntropy(),
}


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("one_hot", [False, True])
def test_as_the_sums_of_the_papers(kind, one_hot):
    logits, targets = example()
    if one_hot:
        targets = torch.eye(5)[targets.argmax(1)]
    losses = LOSSES[kind].losses(logits, targets)
    np.testing.assert_allclose(losses, slow(kind, logits, targets), rtol=1e-4)


def test_generalised_lies_between_cross_entropy_and_absolute_error():
    logits, targets = example()
    near = GeneralisedCrossEntropy(1e-4).losses(logits, targets)
    torch.testing.assert_close(near, SoftCrossEntropy().losses(logits, targets), rtol=1e-2, atol=0)
    hard = torch.eye(5)[targets.argmax(1)]
    wrong = 1 - (logits.softmax(1) * hard).sum(1)
    torch.testing.assert_close(GeneralisedCrossEntropy(1.0).losses(logits, hard), wrong)


@pytest.mark.parametrize("kind", ["gce", "sce"])
def test_a_wrong_label_pulls_less_than_in_cross_entropy(kind):
    def pull(loss):
        logits = torch.tensor([[6.0, 0.0, 0.0]], requires_grad=True)
        loss.losses(logits, torch.tensor([[0.0, 1.0, 0.0]])).sum().backward()
        return float(logits.grad.abs().sum())

    assert pull(LOSSES[kind]) < 0.15 * pull(LOSSES["soft"])


def linear_on_noisy_labels(loss, seed):
    """Accuracy of a linear classifier with many inputs, a third of whose labels are flipped."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(800, 300, generator=generator)
    truth = (inputs[:, :3].sum(1) > 0).long()
    flipped = torch.rand(800, generator=generator) < 0.33
    given = torch.where(flipped, 1 - truth, truth)[:400]
    layer = torch.nn.Linear(300, 2)
    torch.nn.init.zeros_(layer.weight)
    solver = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(150):
        solver.zero_grad()
        loss.losses(layer(inputs[:400]), torch.eye(2)[given]).mean().backward()
        solver.step()
    return float((layer(inputs[400:]).argmax(1) == truth[400:]).float().mean())


@pytest.mark.slow
def test_the_robust_ones_overfit_wrong_labels_less():
    scores = {
        kind: np.mean([linear_on_noisy_labels(loss, seed) for seed in range(8)])
        for kind, loss in LOSSES.items()
    }
    assert scores["gce"] > scores["soft"] - 0.01
    assert scores["sce"] > scores["soft"] - 0.01
