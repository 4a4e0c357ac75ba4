"""Classes as directions among embeddings: each starts at a name and moves towards its texts."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import ABSTAIN, Embeddings, Vote

# Chosen by the mean accuracy over seven sets with 6 to 84 classes; none is sensitive.
TEMPERATURE = 0.03  # cosines are divided by it: the inverse of the concentration
ANCHOR = 0.6  # weight of the name in the direction of a class that has many texts
STEPS = 5  # of EM
FEW = 10  # texts, for which the data counts half
FITTED_TO = 20_000  # texts at most
CHUNK = 50_000  # texts whose scores are in memory at once


@dataclass(frozen=True)
class Mixture:
    """The parameters of a mixture of classes on the sphere."""

    center: np.ndarray  # (dims,): subtracted from the embeddings of texts
    directions: np.ndarray  # (classes, dims): unit vectors
    log_shares: np.ndarray  # (classes,): how common each class is

    def log_odds(self, texts: Embeddings) -> np.ndarray:
        """`(texts, classes)`: log P(class | text), up to a constant for each text."""
        cosines = unit(texts - self.center) @ self.directions.T
        scores: np.ndarray = cosines / TEMPERATURE + self.log_shares
        return scores


def fit_mixture(texts: Embeddings, names: Embeddings) -> Mixture:
    """A mixture of von Mises-Fisher distributions, one for each class, with its name as prior.

    It is fitted by EM (Banerjee et al., 2005) to at most 20,000 of the texts, evenly spaced. The
    means of texts and of names are subtracted from either, since both lie in narrow cones of their
    own. As in X-Class (Wang et al., 2021), texts correct what the encoder makes of a name.

    Args:
        texts: `(texts, dims)` unit vectors.
        names: `(classes, dims)` unit vectors, of at least two classes.

    >>> names = np.eye(3, dtype=np.float32)[:2]
    >>> texts = unit(np.array([[0.6, 0.1, 1.0], [0.5, 0.0, 1.0], [0.1, 0.4, 1.0], [0, 0.5, 1.0]]))
    >>> fit_mixture(texts, names).log_odds(texts).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    sample = texts[:: max(-(-len(texts) // FITTED_TO), 1)]
    center = sample.sum(axis=0) / (len(sample) + FEW)
    vectors, anchors = unit(sample - center), unit(names - names.mean(axis=0))
    mixture = Mixture(center, anchors, np.zeros(len(names), dtype=np.float32))
    for _ in range(STEPS):
        scores = mixture.log_odds(sample)
        probs = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
        of_class = probs.sum(axis=0)
        trust = ((1 - ANCHOR) * of_class / (of_class + FEW))[:, None]
        directions = unit((1 - trust) * anchors + trust * unit(probs.T @ vectors))
        log_shares = np.log((of_class + 1) / (len(sample) + len(names)))
        mixture = Mixture(center, directions, log_shares.astype(np.float32))
    return mixture


def least_leads(texts: Embeddings, mixture: Mixture, abstain: float) -> np.ndarray:
    """`(classes,)`: how far ahead a class must be of the second on a text, to get its vote.

    It is such that no vote is cast for a share `abstain` of the texts nearest to each class, so
    that no class goes without votes. It lies between the leads of two texts, so that a difference
    in the last digit of an embedding changes no vote.
    """
    classes, leads = _classes_and_leads(texts, mixture)
    least = np.full(len(mixture.directions), -np.inf)
    for label in range(len(least)):
        own = np.append(np.sort(leads[classes == label]).astype(np.float64), np.inf)
        n_unsure = int(np.floor(abstain * (len(own) - 1)))
        if n_unsure:
            least[label] = own[n_unsure - 1 : n_unsure + 1].mean()
    return least


def sure_classes(texts: Embeddings, mixture: Mixture, least: np.ndarray) -> Vote:
    """The likeliest class of each text; `ABSTAIN` where it is not ahead by its `least_leads`."""
    classes, leads = _classes_and_leads(texts, mixture)
    classes[leads < least[classes]] = ABSTAIN
    return classes


def _classes_and_leads(texts: Embeddings, mixture: Mixture) -> tuple[Vote, np.ndarray]:
    """The likeliest class of each text `(texts,)`, and how far it is ahead of the second."""
    classes, leads = np.empty(len(texts), np.int16), np.empty(len(texts), np.float32)
    for first in range(0, len(texts), CHUNK):
        rows = slice(first, first + CHUNK)
        scores = mixture.log_odds(texts[rows])
        two = np.partition(scores, -2, axis=1)[:, -2:]
        classes[rows], leads[rows] = scores.argmax(axis=1), two[:, 1] - two[:, 0]
    return classes, leads


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors with length 1 `(vectors, dims)`; those of length 0 stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return scaled
