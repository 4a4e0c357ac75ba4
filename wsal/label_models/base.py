"""What a label model is: settings that, given votes, yield something that can weigh votes."""

from typing import Protocol, runtime_checkable

import numpy as np

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.sparse import SparseVotes


@runtime_checkable
class FittedLabelModel(Protocol):
    """What was learned of the rules. There is no unfitted state to guard against."""

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: rows sum to 1; a text without a vote gets the prior."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learned, by name, as it is kept in label_model.safetensors."""
        ...

    def why(self) -> str:
        """What was learned, and on what grounds, in one line."""
        ...


@runtime_checkable
class LabelModel(Protocol):
    """Learns from votes how far to trust each rule; gold, where there is some, helps."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> FittedLabelModel:
        """What these votes say of the rules that cast them.

        Args:
            votes: `(texts, rules)`, dense or sparse.
            n_classes: how many classes there are, whether a rule votes for them or not.
            prior: `(classes,)`, how common each class is; uniform if not given.
            gold: `(texts,)`, a class or -1 where it is not known.
        """
        ...
