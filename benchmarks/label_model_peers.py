"""Every label model behind one signature: votes, classes, votes to score -> probs, seconds."""

import contextlib
import io
import logging
from importlib import import_module

import numpy as np
import pandas as pd
from record import timed
from skweak.generative import NaiveBayes
from snorkel.labeling.model import LabelModel, MajorityLabelVoter

logging.disable(logging.WARNING)  # Snorkel and skweak log every step


def ours(module, name, *settings):
    """A label model of wsal; imported when it is called."""

    def model(votes, n_classes, asked, gold=None):
        made = getattr(import_module(f"wsal.label_models.{module}"), name)(*settings)
        fitted, seconds = timed(lambda: made.fit(votes, n_classes, gold=gold))
        return [fitted.predict_proba(one) for one in asked], seconds

    return model


def snorkel(votes, n_classes, asked):
    """Snorkel's LabelModel, 100 epochs."""
    made = LabelModel(cardinality=n_classes, verbose=False)
    _, seconds = timed(lambda: made.fit(votes, n_epochs=100, seed=0, progress_bar=False))
    return [made.predict_proba(one) for one in asked], seconds


def snorkel_majority(votes, n_classes, asked):
    """Snorkel's MajorityLabelVoter: ties share, uncovered texts get all classes alike."""
    made = MajorityLabelVoter(cardinality=n_classes)
    _, seconds = timed(lambda: made.predict_proba(votes))
    return [made.predict_proba(one) for one in asked], seconds


def crowd(name, **settings):
    """A model of crowd-kit. It scores only what it was fitted on; other texts join the fit."""

    def model(votes, n_classes, asked):
        made, spent = [], []
        for one in asked:
            whole = votes if one is votes else np.concatenate([one, votes])
            probs, seconds = timed(lambda w=whole: crowd_probs(name, settings, w, n_classes))
            made.append(probs[: len(one)])
            spent.append(seconds)
        return made, spent[0]

    return model


def crowd_probs(name, settings, votes, n_classes):
    """Distributions for all texts; uniform without a vote."""
    made = getattr(import_module("crowdkit.aggregation"), name)(**settings)
    found = made.fit_predict_proba(crowd_frame(votes))
    probs = np.full((len(votes), n_classes), 1 / n_classes)
    probs[found.index] = found.reindex(columns=range(n_classes), fill_value=0).fillna(0).to_numpy()
    return probs


def crowd_frame(votes):
    """One line a vote, as crowd-kit expects it."""
    task, worker = np.nonzero(votes >= 0)
    return pd.DataFrame({"task": task, "worker": worker, "label": votes[task, worker]})


def skweak(votes, n_classes, asked):
    """The NaiveBayes of skweak; its HMM is for sequences."""
    made = NaiveBayes("nb", [str(c) for c in range(n_classes)])
    deaf = io.StringIO()
    with (
        contextlib.redirect_stdout(deaf),
        contextlib.redirect_stderr(deaf),
        np.errstate(all="ignore"),
    ):
        _, seconds = timed(lambda: made._fit([skweak_frame(votes)]))
        return [skweak_probs(made, one, n_classes) for one in asked], seconds


def skweak_frame(votes):
    """Texts with a vote.

    Rules' names are of one length: where one begins with another, skweak takes them for copies.
    """
    frame = pd.DataFrame(votes, columns=[f"r{j:04d}" for j in range(votes.shape[1])])
    return frame[(votes >= 0).any(axis=1)]


def skweak_probs(made, votes, n_classes):
    """Distributions for all texts; uniform without a vote."""
    frame = skweak_frame(votes)
    probs = np.full((len(votes), n_classes), 1 / n_classes)
    found = np.nan_to_num(made.aggregate(frame).to_numpy())
    sums = found.sum(axis=1, keepdims=True)
    probs[frame.index] = np.where(sums > 0, found / np.maximum(sums, 1e-300), 1 / n_classes)
    return probs


PEERS = {
    "snorkel MajorityLabelVoter": snorkel_majority,
    "snorkel LabelModel": snorkel,
    "crowd-kit DawidSkene": crowd("DawidSkene"),
    "crowd-kit MACE": crowd("MACE", n_restarts=3, random_state=0),
    "skweak NaiveBayes": skweak,
}
MODELS = PEERS | {
    "wsal majority": ours("majority", "Majority"),
    "wsal specificity": ours("majority", "Majority", "specificity"),
    "wsal dawid_skene": ours("dawid_skene", "DawidSkene"),
    "wsal precision": ours("precision", "Precision"),
    "wsal moments": ours("moments", "Moments"),
    "wsal triplets": ours("triplets", "Triplets"),
    "wsal auto": ours("auto", "Auto"),
}
GOLD = ("wsal precision", "wsal auto")
