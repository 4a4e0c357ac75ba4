"""The vote stage: an edited rule alone is computed, and the result is that of a fresh run."""

import json

import polars as pl
import pytest

from wsal.artifacts import Artifact
from wsal.errors import RuleError
from wsal.rounds.vote_tables import votes_file
from wsal.rules.patterns import Keyword
from wsal.run.pipeline import run_stage


@pytest.fixture
def voted(composed, tmp_path):
    """A function that votes in the folder of a name, with overrides, and says what it wrote."""
    from wsal.config.composed import check

    def vote(name, *overrides):
        run = check(composed("data=catalog_small", *overrides))
        folder = tmp_path / name
        run_stage(folder, "prepare", run.components)
        return run_stage(folder, "vote", run.components)

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
    def table(outcome):
        return pl.read_parquet(outcome.artifact.path / "votes.parquet")

    more = "+rules.more={_target_: wsal.rules.patterns.Regex, label: Phones, pattern: phone}"
    first = table(voted("a"))
    outcome = voted("a", more)
    added = table(outcome)  # read before the folder is replaced
    assert added.columns == [*first.columns, "more"]
    assert added.drop("more").equals(first)
    texts = pl.read_parquet(outcome.artifact.path.parent / "pool" / "pool.parquet")["text"]
    fires = texts.str.to_lowercase().str.contains("phone")
    assert ((added["more"] >= 0) == fires).all()
    assert 0 < fires.sum() < len(fires)
    assert outcome.artifact.digest == voted("b", more).artifact.digest
    removed = voted("a", "~rules.phone_words")
    assert table(removed).equals(first.drop("phone_words"))
    assert removed.artifact.digest == voted("c", "~rules.phone_words").artifact.digest


@pytest.mark.parametrize("without", ["rules=none", "~rules"])
def test_without_rules_every_text_stands_in_the_table_of_votes(voted, without):
    outcome = voted("a", without)
    pool = outcome.artifact.path.parent / "pool"
    for split in ("pool", "dev", "test"):
        table = pl.read_parquet(outcome.artifact.path / votes_file(split))
        assert table.columns == ["id"]
        assert table["id"].equals(pl.read_parquet(pool / f"{split}.parquet")["id"])
    assert outcome.artifact.facts["coverage"] == 0
    for name in ("rules", "examples", "pairs", "conflicts"):
        assert pl.read_parquet(outcome.artifact.path / f"{name}.parquet").is_empty()
    left = pl.read_parquet(outcome.artifact.path / "uncovered.parquet")
    assert left["n_texts"].sum() == len(pl.read_parquet(pool / "pool.parquet"))


def test_a_rule_has_a_name_of_its_own_in_the_table_of_votes(voted):
    rule = "+rules.id={_target_: wsal.rules.patterns.Regex, label: Phones, pattern: phone}"
    with pytest.raises(RuleError, match="rule 'id': the table of votes has a column of this name"):
        voted("a", rule)


@pytest.mark.slow
def test_rules_by_meaning_vote_in_the_stage_as_one_by_one(voted, tmp_path):
    from wsal.classifier.text_embedding import embed_texts  # torch, for this test alone

    voted("near", "rules=none")
    folder = tmp_path / "near" / "pool"
    texts = pl.read_parquet(folder / "pool.parquet")["text"].to_list()
    seeds = {"Phones": texts[7], "Coffee": texts[3], "Laptops": texts[11]}
    quoted = ", ".join(f"{label}: [{json.dumps(seed)}]" for label, seed in seeds.items())
    rules = [
        f"+rules.{name}={{_target_: wsal.rules.similarity.Similarity, encoder: tiny, "
        f"threshold: -1, margin: {margin}, seeds: {{{quoted}}}}}"
        for name, margin in {"near": 0, "sure": 0.02}.items()
    ]
    outcome = voted("near", "rules=none", *rules)
    names = Artifact.open(folder).facts["labels"]
    of_seed = [names.index(label) for label in seeds]
    for split in ("pool", "dev"):
        table = pl.read_parquet(outcome.artifact.path / votes_file(split))
        texts = pl.read_parquet(folder / f"{split}.parquet")["text"].to_list()
        vectors = embed_texts([*texts, *(2 * [*seeds.values()])], "tiny")
        cosines = vectors[: len(texts)] @ vectors[len(texts) : len(texts) + 3].T
        for name, margin in {"near": 0, "sure": 0.02}.items():
            expected = []
            for row in cosines:
                best, second = sorted(row.tolist(), reverse=True)[:2]
                sure = best - second >= margin
                expected.append(of_seed[int(row.argmax())] if sure else -1)
            assert table[name].to_list() == expected
        assert table["near"].n_unique() == 3
        assert -1 in table["sure"].to_list()
    voted_pool = pl.read_parquet(outcome.artifact.path / "votes.parquet")["near"]
    assert [voted_pool[row] for row in (7, 3, 11)] == of_seed
