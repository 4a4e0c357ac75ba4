"""The vote stage: an edited rule alone is computed, and the result is that of a fresh run."""

import polars as pl
import pytest

from wsal.pipeline import run_stage
from wsal.rules.patterns import Keyword


@pytest.fixture
def voted(composed, tmp_path):
    """A function that votes in the folder of a name, with overrides, and says what it wrote."""
    from wsal.config import check

    def vote(name, *overrides):
        run = check(composed("data=catalog_small", *overrides))
        folder = tmp_path / name
        run_stage(folder, "prepare", run.parts)
        return run_stage(folder, "vote", run.parts)

    return vote


def test_an_edited_rule_alone_is_computed(voted, monkeypatch):
    asked = []
    search = Keyword.search

    def spy(self):
        asked.append(self.label)
        return search(self)

    first = voted("edited").artifact.digest  # read before the folder is replaced
    monkeypatch.setattr(Keyword, "search", spy)
    edit = "rules.phone_words.words=[phone]"
    edited = voted("edited", edit)
    assert set(asked) == {"Phones"}
    assert edited.state == "made"
    fresh = voted("fresh", edit)
    assert edited.artifact.digest == fresh.artifact.digest != first


def test_added_and_removed_rules_leave_the_others(voted):
    voted("a")
    added = voted(
        "a", "+rules.more={_target_: wsal.rules.patterns.Regex, label: Phones, pattern: x}"
    )
    removed = voted("a", "~rules.phone_words")
    table = pl.read_parquet(added.artifact.path / "votes.parquet")
    assert table.columns[-1] != "phone_words"
    assert "phone_words" not in table.columns
    assert removed.artifact.digest == voted("b", "~rules.phone_words").artifact.digest


@pytest.mark.slow
def test_rules_by_meaning_vote_in_the_stage(voted):
    rule = (
        "+rules.near={_target_: wsal.rules.similarity.Similarity, threshold: -1, margin: 0, "
        "encoder: tiny, seeds: {Phones: [a phone], Coffee: [some beans]}}"
    )
    outcome = voted("near", rule)
    table = pl.read_parquet(outcome.artifact.path / "votes.parquet")
    assert set(table["near"].unique()) <= {-1, *range(20)}
    assert (table["near"] >= 0).all()
