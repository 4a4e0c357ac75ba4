"""Train the last layer alone, on features computed once: seconds, while a person waits."""

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
"""How strongly a trained layer is held to where it was: gold is scarce."""
PULL_TO_FRESH = 0.14
"""How strongly a fresh one is, divided by the number of texts."""
MOST_STEPS = 200


def fit_last_layer(
    objective: LabelObjective, counts: np.ndarray, what: str, pull: float = PULL_TO_TRAINED
) -> dict[str, Any]:
    """Fit the last layer in place; a text counts `counts` times its weight. No dropout, no chance.

    `pull` weighs the squared distance to where the layer was against the mean loss. Gives back
    `loss` (before and after, as `[step, loss]`) and `n_steps`, as `train` does.

    Raises:
        ConfigError: the model's last layer is not linear. ModelError: the loss or a weight is
            infinite or NaN.
    """
    classifier = objective.classifier
    layer = last_layer(classifier.model)
    features = features_of(objective, layer, what).to(layer.weight.device)
    targets = torch.from_numpy(np.asarray(objective.targets, dtype=np.float32)).to(features.device)
    weights = torch.from_numpy((objective.weights * counts).astype(np.float32)).to(features.device)
    _losses_are_finite(objective, features, targets, weights, what)
    start = [p.detach().clone() for p in layer.parameters()]
    solver = torch.optim.LBFGS(
        layer.parameters(), max_iter=MOST_STEPS, line_search_fn="strong_wolfe"
    )
    seen: list[float] = []

    def loss() -> Tensor:
        solver.zero_grad()
        losses = objective.loss.losses(layer(features), targets)
        pulled = sum(((p - s) ** 2).sum() for p, s in zip(layer.parameters(), start, strict=True))
        total: Tensor = (losses * weights).sum() / weights.sum() + pull * pulled
        total.backward()  # type: ignore[no-untyped-call]
        seen.append(float(total.detach()))
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    solver.zero_grad()
    must_be_finite(layer.parameters(), f"{what}: a weight of the last layer is")
    history = [[0, round(seen[0], 6)], [len(seen), round(seen[-1], 6)]]
    return {"loss": history, "looks": [], "n_steps": len(seen)}


def last_layer(model: Any) -> nn.Linear:  # noqa: ANN401
    """The linear layer that gives the logits.

    Raises:
        ConfigError: there is none.
    """
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    found = [m for m in linear if m.out_features == model.config.num_labels]
    if not found:
        raise ConfigError(
            f"the head alone cannot be trained: {type(model).__name__} has no linear layer of "
            f"{model.config.num_labels} classes at its end; set finetune.head_only, "
            "finetune.head_first and pretrain.head_first to false"
        )
    return found[-1]


def _losses_are_finite(
    objective: LabelObjective, features: Tensor, targets: Tensor, weights: Tensor, what: str
) -> None:
    classifier = objective.classifier
    with torch.no_grad():
        losses = objective.loss.losses(last_layer(classifier.model)(features), targets) * weights
    bad = np.flatnonzero(~losses.isfinite().cpu().numpy()).tolist()
    texts = [classifier.text(objective.tokens[row]) for row in bad]
    must_be_finite([losses], f"{what}: the loss is", texts)


def features_of(objective: LabelObjective, layer: nn.Linear, what: str) -> Tensor:
    """What the last layer is given for each text, `(texts, dims)`, without dropout."""
    tokens, model = objective.tokens, objective.classifier.model.eval()
    features = torch.empty(len(tokens), layer.in_features)
    given: dict[int, Tensor] = {}  # by thread: what the layer was called with last

    def run(rows: Rows, batch: Batch) -> None:
        model(**batch)
        taken = given.pop(get_ident())
        if taken.ndim == 3:  # a causal model scores every token, and takes the text's last
            here = batch["input_ids"] != model.config.pad_token_id
            last = (here * torch.arange(here.shape[1], device=here.device)).argmax(1)
            taken = taken[torch.arange(len(taken), device=taken.device), last]
        features[rows] = taken.float().cpu()

    hook = layer.register_forward_pre_hook(lambda _, a: given.__setitem__(get_ident(), a[0]))
    try:
        for_each_batch(objective.classifier, tokens, what, run)
    finally:
        hook.remove()
    must_be_finite([features], f"{what}: what the last layer is given is")
    return features
