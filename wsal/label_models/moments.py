"""MeTaL's label model: rule accuracies from how often rules vote together.

It is here to compare with (`make bench-label-models`), and can be chosen with
`label_model=moments`; `Auto` never chooses it.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.special import softmax

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.errors import ModelError
from wsal.label_models.scoring import predict_in_parts, prior_or_uniform
from wsal.label_models.sparse import SparseVotes, as_sparse, only_classes
from wsal.label_models.vote_patterns import learning_sample
from wsal.settings import Positive, Rate

LEAST = 1e-6  # no probability is 0
MOST_CELLS = 6000  # (rule, class) pairs: the matrix of moments has the square of it


@dataclass(frozen=True)
class Moments:
    """P(vote | class) such that independent rules would vote together as often as these do.

    The loss is that of Ratner et al. (2019, AAAI) for rules that are independent given the class,
    minimised by L-BFGS with bounds. Each cell is scaled by its frequency: squared errors would
    otherwise ignore rare rules.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> Moments().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    expected: Annotated[float, Field(gt=0.5, lt=1)] = 0.75
    """Prior precision of a vote."""
    pull: Rate = 1.0
    """How strongly solutions are pulled towards that prior."""
    max_steps: Positive = 200
    """Steps of L-BFGS at most."""
    max_texts: Positive = 1_000_000
    """Size of the sample of texts; rules that vote rarely keep all their votes."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,  # noqa: ARG002
    ) -> "FittedMoments":
        """Match second moments; gold is not used.

        Raises:
            ModelError: there are too many rules for a matrix of their pairs.
        """
        votes = only_classes(as_sparse(votes, n_classes), n_classes, "moments").without_terms()
        prior = prior_or_uniform(n_classes, prior)
        sample, weights = learning_sample(votes, self.max_texts, least=100)
        cells = sample.indicators(n_classes).tocsc()
        shares = weights / max(weights.sum(), 1)
        rates = np.asarray(cells.T @ shares)
        used = np.flatnonzero(rates)
        if len(used) > MOST_CELLS:
            raise ModelError(
                f"rules vote for {len(used):,} (rule, class) pairs; the label model moments "
                f"supports at most {MOST_CELLS:,}; use dawid_skene, precision or majority"
            )
        used_cells = cells[:, used]
        together = (used_cells.T @ used_cells.multiply(shares[:, None])).toarray()
        mu = np.full((len(rates), n_classes), LEAST)
        if len(used):
            mu[used] = self._solve(together, used, n_classes, prior)
        return FittedMoments(mu.reshape(-1, n_classes, n_classes), prior)

    def _solve(
        self, together: np.ndarray, used: np.ndarray, n_classes: int, prior: Prior
    ) -> np.ndarray:
        """`(used cells, classes)`: P(the rule votes so | class)."""
        from scipy.optimize import minimize  # noqa: PLC0415  takes a moment

        rates = np.diag(together).copy()
        scale = 1 / np.sqrt(np.maximum(rates, LEAST))
        other_rule = (used[:, None] // n_classes != used[None, :] // n_classes).astype(float)
        target = together * other_rule * np.outer(scale, scale)
        wrong = (1 - self.expected) / max(n_classes - 1, 1)
        start = np.full((len(used), n_classes), wrong)
        start[np.arange(len(used)), used % n_classes] = self.expected
        start = np.clip(start * rates[:, None] / prior, LEAST, 1 - LEAST)

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            mu = flat.reshape(start.shape)
            scaled = mu * scale[:, None]
            pair_error = other_rule * ((scaled * prior) @ scaled.T) - target
            rate_error = (mu @ prior - rates) * scale
            from_start = (mu - start) * scale[:, None]
            value = (pair_error**2).sum() + (rate_error**2).sum()
            value = value + self.pull * (from_start**2).sum()
            gradient = 4 * (pair_error @ scaled) * prior + 2 * np.outer(rate_error, prior)
            gradient = (gradient + 2 * self.pull * from_start) * scale[:, None]
            return float(value), gradient.ravel()

        bounds = [(LEAST, 1 - LEAST)] * start.size
        result = minimize(
            loss,
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": self.max_steps},
        )
        mu: np.ndarray = result.x.reshape(start.shape)
        return mu


@dataclass(frozen=True)
class FittedMoments:
    """`(rules, classes voted for, classes)`: P(the rule votes so | class)."""

    mu: np.ndarray
    prior: Prior

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: by Bayes' rule over the votes that were cast."""
        n_classes = len(self.prior)
        weights = np.log(self.mu).reshape(-1, n_classes)

        def posterior(covered: SparseVotes) -> np.ndarray:
            scores = covered.indicators(n_classes) @ weights + np.log(self.prior)
            probs: np.ndarray = softmax(scores, axis=1)
            return probs

        return predict_in_parts(votes, self.prior, posterior)

    def arrays(self) -> dict[str, np.ndarray]:
        """`mu` (rules, classes, classes) and `prior` (classes,)."""
        return {"mu": self.mu, "prior": self.prior}

    def why(self) -> str:
        """What was matched."""
        return f"moments of {len(self.mu)} rules, two at a time"
