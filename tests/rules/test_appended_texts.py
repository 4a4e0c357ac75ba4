"""Rules that learn from a sample vote on each text, wherever it is among the records."""

import numpy as np
import polars as pl

from wsal.labels import LabelSet
from wsal.rules.base import Sample, VotingContext
from wsal.rules.similarity import Similarity
from wsal.rules.voting import CompiledRules

LABELS = LabelSet(("Tea", "Coffee"))


def embed(texts, _encoder, learned_from=None):
    return np.array([[1, 0] if "tea" in text else [0, 1] for text in texts], dtype=np.float32)


def votes(rules, records, sample, first=0):
    compiled = CompiledRules.of(rules, VotingContext(LABELS, Sample.of(sample), embed))
    return next(voted.votes[:, 0].tolist() for _, voted in compiled.vote([records], first))


def test_texts_that_were_appended_withdrawn_or_moved_since_the_sample():
    rules = {"near": Similarity({"Tea": ["tea"], "Coffee": ["coffee"]}, threshold=0.5)}
    sample = pl.DataFrame({"text": ["green tea", "espresso", "black tea", "latte"]})
    assert votes(rules, sample, sample) == [0, 1, 0, 1]
    assert votes(rules, sample[1:], sample) == [1, 0, 1]
    appended = pl.DataFrame({"text": ["mocha", "white tea", "espresso"]})
    assert votes(rules, appended, sample, first=4) == [1, 0, 1]
    assert votes(rules, pl.concat([sample[2:], appended]), sample) == [0, 1, 1, 0, 1]
