"""Softmax regression on label distributions: scikit-learn's takes a single class for each text."""

from dataclasses import dataclass

import numpy as np
import torch

from wsal.arrays import Embeddings, Probs

MAX_STEPS = 60


@dataclass(frozen=True)
class SoftmaxRegression:
    """A linear classifier on embeddings."""

    weights: torch.Tensor  # (dims + 1, classes); the last row is added to the others' product

    def predict_proba(self, embeddings: Embeddings) -> Probs:
        """`(texts, classes)`."""
        logits = torch.from_numpy(embeddings) @ self.weights[:-1] + self.weights[-1]
        probs: Probs = torch.softmax(logits, dim=1).numpy()
        return probs


def fit_softmax(
    embeddings: Embeddings,
    targets: Probs,
    weights: np.ndarray,
    penalty: float,
    paths: np.ndarray | None = None,
) -> SoftmaxRegression:
    """Minimise the mean cross-entropy, plus `penalty` times the sum of squared weights.

    Args:
        embeddings: `(texts, dims)`, of length 1.
        targets: `(texts, classes)`, the distribution of each.
        weights: `(texts,)`, how much each counts.
        penalty: against the mean of the losses.
        paths: `(classes, nodes)`, of a class tree: the weights of a class are the sum of those of
            its nodes, times these numbers (`ClassTree.class_paths`); the penalty is on the nodes'.
    """
    x, t = torch.from_numpy(embeddings), torch.from_numpy(targets.astype(np.float32))
    share = torch.from_numpy((weights / weights.sum()).astype(np.float32))
    of_nodes = None if paths is None else torch.from_numpy(paths.T)
    n_columns = t.shape[1] if of_nodes is None else len(of_nodes)
    solution = torch.zeros(x.shape[1] + 1, n_columns, requires_grad=True)
    solver = torch.optim.LBFGS([solution], max_iter=MAX_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        of_classes = solution if of_nodes is None else solution @ of_nodes
        log_probs = torch.log_softmax(x @ of_classes[:-1] + of_classes[-1], dim=1)
        total = -(share @ (t * log_probs).sum(1)) + penalty * (solution[:-1] ** 2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    fitted = solution.detach()
    return SoftmaxRegression(fitted if of_nodes is None else fitted @ of_nodes)
