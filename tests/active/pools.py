"""Candidates for tests of query strategies."""

from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from wsal.active.candidates import Candidates, Labelled
from wsal.building import build

CONF = Path(__file__).parents[2] / "conf" / "strategy"
OPTIONS = sorted(path.stem for path in CONF.glob("*.yaml"))


def strategy(option):
    return build(OmegaConf.to_container(OmegaConf.load(CONF / f"{option}.yaml")), "strategy")


def unit(points):
    return (points / np.linalg.norm(points, axis=-1, keepdims=True)).astype(np.float32)


def labelled(n, seed=0, n_classes=4):
    draw = np.random.default_rng([seed, 1])
    probs = draw.dirichlet([0.5] * n_classes, size=n).astype(np.float32)
    return Labelled(unit(draw.normal(size=(n, 6))), probs, draw.integers(n_classes, size=n))


def candidates(n, seed=0, n_classes=4, n_labelled=0):
    """Random candidates with all that any strategy asks for."""
    draw = np.random.default_rng(seed)
    points = unit(draw.normal(size=(n, 6)))
    probs = draw.dirichlet([0.5] * n_classes, size=n).astype(np.float32)
    return Candidates(
        probs,
        points,
        labelled=labelled(n_labelled, seed, n_classes) if n_labelled else None,
        extra=draw.choice([0, 0.5], size=n).astype(np.float32),
        extra_reasons=["rules disagree"] * n,
        groups=np.arange(n),
    )


def blobs(sizes, unsure, seed=1, dims=12):
    """Well separated groups, each of its own class and of its own mean unsureness in [0, 1].

    Gives back the candidates and the class of each.
    """
    draw, n_classes = np.random.default_rng(seed), len(sizes)
    classes = np.repeat(np.arange(n_classes), sizes)
    points = np.eye(n_classes, dims)[classes] + draw.normal(size=(len(classes), dims)) * 0.05
    doubt = np.clip(np.array(unsure)[classes] + draw.normal(size=len(classes)) * 0.02, 0, 0.98)
    probs = np.full((len(classes), n_classes), 1e-4)
    probs[np.arange(len(classes)), classes] = (2 - doubt) / 2
    probs[np.arange(len(classes)), (classes + 1) % n_classes] = doubt / 2
    probs /= probs.sum(axis=1, keepdims=True)
    return Candidates(probs.astype(np.float32), unit(points)), classes
