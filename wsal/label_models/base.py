"""What a label model is: settings that, given votes, yield something that can weigh votes."""

from typing import Protocol, runtime_checkable

import numpy as np

from wsal.arrays import Probs, Votes


@runtime_checkable
class FittedLabelModel(Protocol):
    """What was learned of the rules. There is no unfitted state to guard against."""

    def predict_proba(self, votes: Votes) -> Probs:
        """`(texts, classes)`: rows sum to 1; a text without a vote gets the uniform prior."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learned, by name, as it is kept in label_model.safetensors."""
        ...


@runtime_checkable
class LabelModel(Protocol):
    """Learns from votes alone how far to trust each rule."""

    def fit(self, votes: Votes, n_classes: int) -> FittedLabelModel:
        """What these votes say of the rules that cast them."""
        ...
