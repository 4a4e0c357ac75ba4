"""What a label model is: settings whose `fit` returns what was learned about the rules."""

from typing import Protocol, runtime_checkable

import numpy as np

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.sparse import SparseVotes


@runtime_checkable
class FittedLabelModel(Protocol):
    """What was learned about the rules; it is a value of its own, so nothing is ever unfitted."""

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: rows sum to 1; a text without a vote gets the prior.

        `votes` are those of the same rules, in the same order, as were fitted.
        """
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """The learned parameters by name, as label_model.safetensors stores them."""
        ...

    def why(self) -> str:
        """What was learned and from what, in one line."""
        ...


@runtime_checkable
class LabelModel(Protocol):
    """Learns from votes how much to trust each rule; gold labels help where there are some."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> FittedLabelModel:
        """Learn from the votes.

        Args:
            votes: `(texts, rules)` integers in [-1, n_classes), -1 for an abstention; any integer
                type, dense or sparse.
            n_classes: how many classes there are, whether or not a rule votes for each.
            prior: `(classes,)`, how common each class is, summing to 1; None: all alike.
            gold: `(texts,)`, a class, `n_classes` for a text of no class (votes on it are wrong;
                only `Precision` learns from them), or -1 where it is not known; None: no gold.

        Raises:
            ModelError: the votes have another shape, type or range.
        """
        ...
