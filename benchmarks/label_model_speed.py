"""Label models on a million texts, each in a process of its own, peer and wsal in turn."""

import statistics
from pathlib import Path

import numpy as np
from crowdkit.aggregation import DawidSkene as CrowdDawidSkene
from label_model_peers import crowd_frame
from record import in_child, row, timed
from snorkel.labeling.model import LabelModel, MajorityLabelVoter
from weak_sets import synthetic_columns

from wsal.label_models.auto import Auto
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.majority import Majority
from wsal.label_models.sparse import SparseVotes

SIZES = ((1_000_000, 100), (1_000_000, 10))
N_CLASSES = 10
SAMPLED = "; wsal fits on an even sample of 100,000 texts and scores all"


def wsal_dawid_skene(votes):
    """Fit, then score every text."""
    fitted, seconds = timed(lambda: DawidSkene().fit(votes, N_CLASSES))
    after_fit = peak()
    probs, more = timed(lambda: fitted.predict_proba(votes))
    return probs, seconds, seconds + more, after_fit


def wsal_auto(votes):
    """The default label model."""
    fitted, seconds = timed(lambda: Auto().fit(votes, N_CLASSES))
    after_fit = peak()
    probs, more = timed(lambda: fitted.predict_proba(votes))
    return probs, seconds, seconds + more, after_fit


def wsal_majority(votes):
    """As above."""
    probs, seconds = timed(lambda: Majority().fit(votes, N_CLASSES).predict_proba(votes))
    return probs, seconds, seconds, peak()


def snorkel_label_model(votes):
    """The fit alone: scoring a million texts by a hundred rules takes about 18 GB."""
    made = LabelModel(cardinality=N_CLASSES, verbose=False)
    _, seconds = timed(lambda: made.fit(votes, n_epochs=100, seed=0, progress_bar=False))
    return None, seconds, None, peak()


def snorkel_majority(votes):
    """As above."""
    made = MajorityLabelVoter(cardinality=N_CLASSES)
    probs, seconds = timed(lambda: made.predict_proba(votes))
    return probs, seconds, seconds, peak()


def crowd_dawid_skene(votes):
    """Ten iterations; `votes` is crowd-kit's own kind of table."""
    found, seconds = timed(lambda: CrowdDawidSkene(n_iter=10).fit_predict_proba(votes))
    return found.sort_index(axis=1), seconds, seconds, peak()


WORK = {
    "snorkel": snorkel_label_model,
    "wsal": wsal_dawid_skene,
    "wsal_auto": wsal_auto,
    "snorkel_majority": snorkel_majority,
    "wsal_majority": wsal_majority,
    "crowd": crowd_dawid_skene,
}


def child(name, n_texts, n_rules):
    """One model's seconds and growth of peak memory, after imports and once the votes are there."""
    if name == "long":
        return long_child(n_texts, n_rules)
    truth, columns = synthetic_columns(n_texts, n_rules)
    votes = np.empty((n_texts, n_rules), dtype=np.int16)
    for j, column in enumerate(columns):
        votes[:, j] = column
    has = (votes >= 0).any(axis=1)
    given = crowd_frame(votes) if name == "crowd" else votes
    before = forget_peak()
    probs, fit, whole, after_fit = WORK[name](given)
    grown = {"fit_mib": after_fit - before, "mib": peak() - before}
    return {"fit": fit, "whole": whole, **grown, "accuracy": right(probs, truth, has)}


def forget_peak():
    """Start the peak anew from what is held now, and say what that is: making votes has its own."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak():
    """The most memory held since then, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def right(probs, truth, has):
    """Accuracy on texts with a vote, first of a tie; None without distributions."""
    if probs is None:
        return None
    if not isinstance(probs, np.ndarray):  # crowd-kit's table: the texts with a vote only
        return round(float((probs.to_numpy().argmax(axis=1) == truth[probs.index]).mean()), 4)
    return round(float((probs[has].argmax(axis=1) == truth[has]).mean()), 4)


def long_child(n_texts, n_rules):
    """Wsal on sparse votes, which a dense matrix of that size would take gigabytes for."""
    truth, columns = synthetic_columns(n_texts, n_rules)
    votes = SparseVotes.of_columns(columns, n_texts)
    before = forget_peak()
    probs, fit, whole, after_fit = wsal_dawid_skene(votes)
    grown = {"fit_mib": after_fit - before, "mib": peak() - before, "data_mib": before}
    return {"fit": fit, "whole": whole, **grown, "accuracy": right(probs, truth, votes.n_votes > 0)}


def speed(turns):
    """Rows of both sizes."""
    return [one for size in SIZES for one in rows_of(*size, turns)]


def rows_of(n_texts, n_rules, turns):
    """Every model in turn, `turns` times; medians."""
    runs = {name: [] for name in WORK}
    for _ in range(turns):
        for name in WORK:
            runs[name].append(in_child("--child", name, str(n_texts), str(n_rules)))
    got = {name: medians(found) for name, found in runs.items()}
    size = f"{n_texts:,} x {n_rules}"
    return list(comparisons(got, size, f"n={turns}"))


def medians(found):
    """Of each figure, over the turns."""
    return {
        key: None if found[0][key] is None else statistics.median(one[key] for one in found)
        for key in found[0]
    }


def comparisons(got, size, note):
    """Fit, fit and posteriors, majority; seconds and growth of peak memory."""
    pairs = (
        ("auto (default) fit", "wsal_auto", "snorkel", "snorkel LabelModel.fit, 100 ep.", "fit"),
        ("Dawid-Skene fit", "wsal", "snorkel", "snorkel LabelModel.fit, 100 epochs", "fit"),
        ("Dawid-Skene fit + posteriors", "wsal", "crowd", "crowd-kit DawidSkene, 10 it.", "whole"),
        ("majority", "wsal_majority", "snorkel_majority", "snorkel MajorityLabelVoter", "whole"),
    )
    for what, mine, theirs, peer, key in pairs:
        a, b, mib = got[mine], got[theirs], "fit_mib" if key == "fit" else "mib"
        details = f"{note}; accuracy on covered {a['accuracy']}, peer {b['accuracy']}"
        details += SAMPLED if mine != "wsal_majority" else ""
        yield row(f"{what}, {size}", round(a[key], 3), round(b[key], 3), peer, "s", details)
        grown = f"{note}; growth of the peak once the votes are there"
        yield row(f"memory: {what}, {size}", max(1, a[mib]), max(1, b[mib]), peer, "MiB", grown)


def ten_million():
    """Wsal alone on 10 million texts."""
    got = in_child("--child", "long", "10000000", "100")
    size = "10,000,000 x 100"
    note = f"sparse votes, n=1; accuracy on covered {got['accuracy']}"
    memory = f"growth; process held {got['data_mib']} MiB with the votes"
    return [
        row(f"Dawid-Skene fit, {size}", round(got["fit"], 2), None, "", "s", note),
        row(f"fit + posteriors, {size}", round(got["whole"], 2), None, "", "s", note),
        row(f"memory: fit + posteriors, {size}", got["mib"], None, "", "MiB", memory),
    ]
