"""MeTaL's label model: rule accuracies from how often rules vote together."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.optimize import minimize

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.errors import ModelError
from wsal.label_models.scoring import by_parts, softmax, uniform
from wsal.label_models.sparse import SparseVotes
from wsal.label_models.vote_patterns import evidence
from wsal.settings import Positive, Rate

LEAST = 1e-6  # a probability never is 0
MOST_CELLS = 6000  # rules x classes that they ever vote for: the moments are the square of it


@dataclass(frozen=True)
class Moments:
    """Ratner et al. (2019, AAAI): P(vote | class) such that rules independent given the class
    would vote together as often as they do.

    Their loss, in their form for independent rules, minimised by L-BFGS with bounds; each cell
    scaled by how often it occurs, lest rare rules be invisible to squares.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> Moments().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """  # noqa: D205

    expected: Annotated[float, Field(gt=0.5, lt=1)] = 0.75
    """How precise a vote is before any is seen."""
    pull: Rate = 1.0
    """How strongly solutions are pulled towards that."""
    max_steps: Positive = 200
    max_texts: Positive = 1_000_000

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,  # noqa: ARG002
    ) -> "FittedMoments":
        """Match second moments.

        Raises:
            ModelError: too many rules for a matrix of their pairs.
        """
        prior = uniform(n_classes, prior)
        sample, weights = evidence(votes, self.max_texts, least=100)
        cells = sample.indicators(n_classes).tocsc()
        weigh = weights / max(weights.sum(), 1)
        rates = np.asarray(cells.T @ weigh)
        used = np.flatnonzero(rates)
        if len(used) > MOST_CELLS:
            raise ModelError(
                f"moments: rules vote for {len(used):,} (rule, class) pairs, and it works with at "
                f"most {MOST_CELLS:,}; use dawid_skene, precision or majority"
            )
        some = cells[:, used]
        together = (some.T @ some.multiply(weigh[:, None])).toarray()
        mu = np.full((len(rates), n_classes), LEAST)
        if len(used):
            mu[used] = self._solve(together, used, n_classes, prior)
        return FittedMoments(mu.reshape(-1, n_classes, n_classes), prior)

    def _solve(
        self, together: np.ndarray, used: np.ndarray, n_classes: int, prior: Prior
    ) -> np.ndarray:
        """`(used cells, classes)`: P(the rule says so | class)."""
        rates = np.diag(together).copy()
        scale = 1 / np.sqrt(np.maximum(rates, LEAST))
        apart = (used[:, None] // n_classes != used[None, :] // n_classes).astype(float)
        goal = together * apart * np.outer(scale, scale)
        wrong = (1 - self.expected) / max(n_classes - 1, 1)
        start = np.full((len(used), n_classes), wrong)
        start[np.arange(len(used)), used % n_classes] = self.expected
        start = np.clip(start * rates[:, None] / prior, LEAST, 1 - LEAST)

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            mu = flat.reshape(start.shape)
            scaled = mu * scale[:, None]
            off = apart * ((scaled * prior) @ scaled.T) - goal
            margin = (mu @ prior - rates) * scale
            away = (mu - start) * scale[:, None]
            value = (off**2).sum() + (margin**2).sum() + self.pull * (away**2).sum()
            slope = 4 * (off @ scaled) * prior + 2 * np.outer(margin, prior)
            slope = (slope + 2 * self.pull * away) * scale[:, None]
            return float(value), slope.ravel()

        bounds = [(LEAST, 1 - LEAST)] * start.size
        found = minimize(
            loss, start.ravel(), jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": self.max_steps},
        )  # fmt: skip
        solved: np.ndarray = found.x.reshape(start.shape)
        return solved


@dataclass(frozen=True)
class FittedMoments:
    """`(rules, classes voted for, classes)`: P(the rule votes so | class)."""

    mu: np.ndarray
    prior: Prior

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: by Bayes' rule over the votes that were cast."""
        n_classes = len(self.prior)
        weights = np.log(self.mu).reshape(-1, n_classes)

        def judge(some: SparseVotes) -> np.ndarray:
            return softmax(some.indicators(n_classes) @ weights + np.log(self.prior))

        return by_parts(votes, self.prior, judge)

    def arrays(self) -> dict[str, np.ndarray]:
        """`mu` (rules, classes, classes) and `prior` (classes,)."""
        return {"mu": self.mu, "prior": self.prior}

    def why(self) -> str:
        """What was matched."""
        return f"moments of {len(self.mu)} rules, taken two at a time"
