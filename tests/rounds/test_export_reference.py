"""The reference in an export: which texts it is about, and what it does not hold."""

import shutil

import numpy as np
import polars as pl
import pytest
from helpers import tiny_classifier, with_head

from wsal.export.base import ExportContext
from wsal.rounds import export_reference as module
from wsal.serving.summaries import REFERENCE, Summary
from wsal.serving.words import FILE, Words

POOL = pl.Series([f"red kettle {n}" for n in range(60)])
TEST = [f"blue mug {n}" for n in range(8)]


@pytest.fixture
def context(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "out")
    classifier = with_head(tiny_classifier([*POOL, *TEST]), 30)
    return ExportContext(classifier, tmp_path / "out", tmp_path, TEST, None, TEST)


def written(context, compared_on):
    module.write_reference(context, POOL.gather, len(POOL), compared_on, 0)
    summary = Summary.read(context.out / REFERENCE)
    assert (summary.begin, summary.end) == ("", "")  # the same export has the same files
    return summary, Words.read(context.out)


def test_a_small_test_split_is_no_reference(context):
    summary, words = written(context, "test split")
    assert (summary.about, summary.n_texts) == ("pool", 30)
    _, new, _ = words.measure(pl.Series([text.split()[-1] for text in POOL]))
    assert new.sum() > 20  # the words of the texts that are summarised were not learnt
    assert summary.counts["new_words"][1] > 20


def test_a_large_test_split_is_the_reference(context, monkeypatch):
    monkeypatch.setattr(module, "FEWEST", 8)
    summary, words = written(context, "test split")
    assert (summary.about, summary.n_texts) == ("test split", 8)
    assert summary.counts["new_words"][2] == 8  # blue, mug
    _, new, _ = words.measure(POOL)
    assert not new.any()


def test_it_holds_no_text_and_no_word(context):
    written(context, "pool")
    for name in (REFERENCE, FILE):
        content = (context.out / name).read_bytes()
        assert b"kettle" not in content
        assert b"mug" not in content
    assert np.load(context.out / FILE, allow_pickle=False).dtype == np.uint8
