"""A new kind of rule is one class in one file, here in this one: no code of wsal knows of it."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from test_patterns import LABELS, records

from wsal.config.composed import check
from wsal.errors import RuleError
from wsal.rules import voting
from wsal.rules.base import Rule, naming
from wsal.rules.patterns import Keyword
from wsal.rules.voting import collect_votes
from wsal.run.pipeline import run_stage

CALLS = []


@dataclass(frozen=True)
class LongerThan:
    """Votes for texts with many characters; has nothing but `vote`."""

    label: str
    length: int

    def vote(self, records, labels):
        return [labels.index(self.label) if len(t) > self.length else -1 for t in records["text"]]


@dataclass(frozen=True)
class WithLetter:
    """Votes for texts with a letter; all its rules are computed together."""

    label: str
    letter: str

    def vote(self, records, labels):
        hits = records["text"].str.contains(self.letter, literal=True)
        return np.where(hits, labels.index(self.label), -1)

    @classmethod
    def vote_together(cls, rules, context):
        CALLS.append(list(rules))

        def vote(chunk, first):
            votes = []
            for name, rule in rules.items():
                with naming(name):
                    if rule.letter == "!":
                        raise RuleError("no letter")
                    votes.append(rule.vote(chunk, context.labels))
            return np.column_stack(votes)

        return vote


RULES = {
    "long": LongerThan("hit", 3),
    "a": WithLetter("hit", "a"),
    "tea": Keyword("hit", ["tea"]),
    "b": WithLetter("other", "b"),
    "longer": LongerThan("other", 7),
}


@pytest.mark.parametrize("chunk", [2, 100])
def test_rules_of_a_new_kind_vote_beside_the_others(monkeypatch, chunk):
    monkeypatch.setattr(voting, "CHUNK", chunk)
    assert all(isinstance(rule, Rule) for rule in RULES.values())
    texts = ["a tea pot", "bab", "tea", "", "b", "x" * 9, "abcd", "no"]
    CALLS.clear()
    votes = collect_votes(RULES, records(texts), LABELS)
    assert CALLS == [["a", "b"]]  # once for all chunks
    for column, rule in zip(votes.T, RULES.values(), strict=True):
        assert column.tolist() == list(rule.vote(records(texts), LABELS))
        assert set(column) > {-1}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (LongerThan("hitt", 0), "rule 'new': unknown label 'hitt'; did you mean 'hit'"),
        (WithLetter("hitt", "a"), "rule 'new': unknown label 'hitt'; did you mean 'hit'"),
        (WithLetter("hit", "!"), "rule 'new': no letter"),
    ],
)
def test_errors_of_a_new_kind_name_the_rule(rule, message):
    with pytest.raises(RuleError, match=message):
        collect_votes({"tea": Keyword("hit", ["tea"]), "new": rule}, records(["a"]), LABELS)


def test_too_few_votes_are_refused():
    class OneVote:
        def vote(self, records, labels):
            return [0][: len(records)]

    with pytest.raises(RuleError, match=r"rule 'new': its `vote` returned .* expected \(2,\)"):
        collect_votes({"new": OneVote()}, records(["a", "b"]), LABELS)


def test_rules_of_a_new_kind_vote_in_the_stage(composed, tmp_path):
    overrides = [
        "+rules.long={_target_: test_new_kind.LongerThan, label: Phones, length: 40}",
        "+rules.e={_target_: test_new_kind.WithLetter, label: Coffee, letter: e}",
        "+rules.z={_target_: test_new_kind.WithLetter, label: Laptops, letter: z}",
    ]
    trusted = ["test_new_kind"]
    config = composed("data=catalog_small", f"trusted={trusted}", *overrides)
    run = check(config, trusted=trusted)
    pool = run_stage(tmp_path, "prepare", run.components).artifact
    voted = run_stage(tmp_path, "vote", run.components).artifact
    texts = pl.read_parquet(pool.path / "pool.parquet")["text"]
    votes = pl.read_parquet(voted.path / "votes.parquet")
    labels = list(pool.facts["labels"])
    expected = {
        "long": (texts.str.len_chars() > 40, "Phones"),
        "e": (texts.str.contains("e"), "Coffee"),
        "z": (texts.str.contains("z"), "Laptops"),
    }
    for name, (hits, label) in expected.items():
        assert 0 < hits.sum() < len(texts)
        assert (votes[name] == pl.select(pl.when(hits).then(labels.index(label)).otherwise(-1))
                .to_series()).all()  # fmt: skip
    code = voted.manifest["config"]["rules"]["content"]["long"]["code"]["files"]
    assert "tests/rules/test_new_kind.py" in code
