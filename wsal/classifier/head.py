"""Train only the last layer, on features computed once: it takes seconds instead of minutes."""

from threading import get_ident
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wsal.arrays import Rows
from wsal.classifier.finite import must_be_finite
from wsal.classifier.inference import for_each_batch
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.training_run import Batch
from wsal.errors import ConfigError

PULL_TO_TRAINED = 1e-2
"""The `pull` of a trained layer to its weights before: strong, since gold is scarce."""
PULL_TO_FRESH = 0.14
"""That of an untrained layer, to be divided by the number of texts."""
MAX_STEPS = 200


def fit_last_layer(
    objective: LabelObjective, counts: np.ndarray, title: str, pull: float = PULL_TO_TRAINED
) -> dict[str, Any]:
    """Fit the last layer in place, without dropout or any other randomness.

    In a class tree (`objective.paths`), the change of a class is the sum of changes of the nodes on
    its path, and `pull` is on these: what a class has too few texts for, its parents learn.

    Returns `loss` (before and after, as `[step, loss]`), `looks` and `n_steps`, as `train` does.

    Args:
        objective: the texts with their targets and weights.
        counts: `(texts,)`; a text counts this many times its weight.
        title: the name on the progress bar, and in errors.
        pull: the weight of the squared distance to the layer's present weights, against the mean
            loss.

    Raises:
        ConfigError: the model's last layer is not linear.
        ModelError: the loss or a weight is infinite or NaN.
    """
    classifier = objective.classifier
    layer = last_layer(classifier.model)
    features = features_of(objective, layer, title).to(layer.weight.device)
    targets = torch.from_numpy(np.asarray(objective.targets, dtype=np.float32)).to(features.device)
    weights = torch.from_numpy((objective.weights * counts).astype(np.float32)).to(features.device)
    _check_losses(objective, features, targets, weights, title)
    start = [p.detach().clone() for p in layer.parameters()]
    paths = None
    if objective.paths is not None:
        paths = torch.from_numpy(objective.paths).to(features.device)
    moves = [] if paths is None else _moves_of_nodes(start, paths)
    solver = torch.optim.LBFGS(
        moves or layer.parameters(), max_iter=MAX_STEPS, line_search_fn="strong_wolfe"
    )
    totals: list[float] = []

    def loss() -> Tensor:
        solver.zero_grad()
        if paths is None:
            logits = layer(features)
            changes = [p - s for p, s in zip(layer.parameters(), start, strict=True)]
        else:
            moved = [s + paths @ move for s, move in zip(start, moves, strict=True)]
            logits, changes = nn.functional.linear(features, *moved), moves
        losses = objective.loss.losses(logits, targets)
        distance = sum((change**2).sum() for change in changes)
        total: Tensor = (losses * weights).sum() / weights.sum() + pull * distance
        total.backward()  # type: ignore[no-untyped-call]
        totals.append(float(total.detach()))
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    solver.zero_grad()
    if paths is not None:
        with torch.no_grad():
            for p, s, move in zip(layer.parameters(), start, moves, strict=True):
                p.copy_(s + paths @ move)
    must_be_finite(layer.parameters(), f"{title}: a weight of the last layer is")
    history = [[0, round(totals[0], 6)], [len(totals), round(totals[-1], 6)]]
    return {"loss": history, "looks": [], "n_steps": len(totals)}


def _moves_of_nodes(start: list[Tensor], paths: Tensor) -> list[Tensor]:
    """For each parameter of the layer, a change of 0 for each node of the tree."""
    shape = paths.shape[1:]
    return [s.new_zeros((*shape, *s.shape[1:])).requires_grad_() for s in start]


def last_layer(model: Any) -> nn.Linear:  # noqa: ANN401
    """The linear layer that computes the logits.

    Raises:
        ConfigError: the model has none.
    """
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    heads = [m for m in linear if m.out_features == model.config.num_labels]
    if not heads:
        raise ConfigError(
            f"the head cannot be trained by itself: {type(model).__name__} does not end with a "
            f"linear layer of {model.config.num_labels} classes; set finetune.head_only, "
            "finetune.head_first and pretrain.head_first to false"
        )
    return heads[-1]


def _check_losses(
    objective: LabelObjective, features: Tensor, targets: Tensor, weights: Tensor, title: str
) -> None:
    classifier = objective.classifier
    with torch.no_grad():
        losses = objective.loss.losses(last_layer(classifier.model)(features), targets) * weights
    bad = np.flatnonzero(~losses.isfinite().cpu().numpy()).tolist()
    texts = [classifier.text(objective.tokens[row]) for row in bad]
    must_be_finite([losses], f"{title}: the loss is", texts)


def features_of(objective: LabelObjective, layer: nn.Linear, title: str) -> Tensor:
    """The inputs of the last layer, `(texts, dims)`, without dropout."""
    tokens = objective.tokens
    model = objective.classifier.model.eval()
    features = torch.empty(len(tokens), layer.in_features)
    inputs: dict[int, Tensor] = {}  # of the layer's last call, for each thread

    def keep_input(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs[get_ident()] = args[0]

    def run(rows: Rows, batch: Batch) -> None:
        model(**batch)
        values = inputs.pop(get_ident())
        if values.ndim == 3:  # a causal model scores every token, and uses the last of each text
            is_piece = batch["input_ids"] != model.config.pad_token_id
            last = (is_piece * torch.arange(is_piece.shape[1], device=values.device)).argmax(1)
            values = values[torch.arange(len(values), device=values.device), last]
        features[rows] = values.float().cpu()

    hook = layer.register_forward_pre_hook(keep_input)
    try:
        for_each_batch(objective.classifier, tokens, title, run)
    finally:
        hook.remove()
    must_be_finite([features], f"{title}: the inputs of the last layer are")
    return features
