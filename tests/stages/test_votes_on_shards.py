"""Votes and weak labels of a pool in shards are those of the same pool in one file."""

import os
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from helpers import CONF, split_table
from hydra import compose, initialize_config_dir

from wsal import schemas, tables
from wsal.annotation.llm_tables import VOTES_FILE
from wsal.annotation.questions import DEPENDS, WORDS, WORDS_FILE
from wsal.artifacts import Artifact, Previous, create
from wsal.config.composed import check
from wsal.errors import ModelError, RuleError, TableError
from wsal.labels import LabelSet
from wsal.rounds import learning_votes, vote_tables
from wsal.rounds.answered import answered_rows
from wsal.rounds.disagreement import covered_and_disputed
from wsal.rounds.llm_sampling import DISPUTED, MEASURES, RANDOM
from wsal.rounds.vote_tables import read_terms, read_votes
from wsal.rounds.word_gold import gold_of_groups, gold_of_words
from wsal.rules import base
from wsal.rules.functions import rule
from wsal.rules.patterns import Keyword
from wsal.run.pipeline import run_stage
from wsal.settings import LauncherSettings
from wsal.shards import shard_files
from wsal.stages import vote as stage
from wsal.stages.aggregate import aggregate
from wsal.stages.reweigh import reweigh
from wsal.stages.vote import vote

ONE, TWO = LauncherSettings(), LauncherSettings(processes=2)
REPORTS = ("voters", "rules", "pairs", "conflicts", "examples", "uncovered")


@rule(tolerance=3)
def fails_on_three(record):
    """It fails on three texts of the pool, which is as many as are tolerated."""
    if record["text"] in FAIL_ON:
        raise ValueError("no")
    return "Phones" if "phone" in record["text"].lower() else None


FAIL_ON = set()
WORDS_ASKED = ["phone", "laptop"]


@dataclass(frozen=True)
class Killed:
    """Kills the process at a text, once."""

    flag: str
    text: str

    def vote(self, records, labels):
        if (records["text"] == self.text).any() and not Path(self.flag).exists():
            Path(self.flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return np.where(records["text"].str.len_chars() % 3 == 0, 0, -1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A pool in one file, and the rules of the configuration."""
    overrides = ["data=catalog_small", "data.n=420", "rules=catalog"]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        run = check(compose("config", overrides=overrides))
    return run_stage(tmp_path_factory.mktemp("run"), "prepare", run.components).artifact, run


@pytest.fixture(scope="module")
def shards(whole, tmp_path_factory):
    """The same pool in shards of seven rows; its gold in one file."""
    folder = tmp_path_factory.mktemp("shards") / "pool"
    shutil.copytree(whole[0].path, folder)
    split_table(folder / "pool.parquet", 7)
    assert len(shard_files(folder / "pool.parquet")) > 40
    return Artifact(folder)


def make(folder, function, **inputs):
    """The artifact that a stage writes."""
    with create(folder, {}, {}) as (work, facts):
        facts.update(function(work, **inputs))
    return Artifact.open(folder)


def check_same(single, other):
    """Check that two artifacts of the vote stage have the same contents."""
    assert single.facts == other.facts
    for name in ("votes", "votes_dev", "votes_test", *REPORTS):
        a, b = (tables.read(each.path / f"{name}.parquet") for each in (single, other))
        assert a.equals(b), name
    for name in ("rows", "rules", "terms"):
        a, b = (getattr(read_terms(each.path, "pool"), name) for each in (single, other))
        assert np.array_equal(a, b)
    assert not [*single.path.glob("counts*"), *other.path.glob("rare*"), *other.path.glob("rep*")]


def test_votes_voters_and_reports_do_not_depend_on_shards(whole, shards, tmp_path, monkeypatch):
    pool, run = whole
    rules = run.components["rules"]
    monkeypatch.setattr(vote_tables, "PART", 5)
    monkeypatch.setattr(stage, "REPORTED_VOTES", len(rules) * 200)  # every second text or so
    given = {"rules": rules, "seed": 0}
    single = make(tmp_path / "one", vote, pool=pool, launcher=ONE, **given)
    many = make(tmp_path / "many", vote, pool=shards, launcher=ONE, **given)
    assert 0 < single.facts["n_reported"] < single.facts["n_texts"]
    check_same(single, many)
    assert len(shard_files(many.path / "votes.parquet")) == len(
        shard_files(shards.path / "pool.parquet")
    )
    assert len(tables.read(single.path / "voters.parquet")) > len(rules)
    covered, disputed = covered_and_disputed(many)
    assert covered.tolist() == (read_votes(single, "pool").n_votes > 0).tolist()
    assert disputed.tolist() == covered_and_disputed(single)[1].tolist()
    # Some rules are edited; the votes of the others are taken over.
    edited = dict(list(rules.items())[1:]) | {"new": Keyword("Phones", ["phone"])}
    kept = frozenset(edited) - {"new"}
    given["rules"] = edited
    fresh = make(tmp_path / "fresh", vote, pool=pool, launcher=ONE, **given)
    previous = Previous(many, kept)
    reused = make(tmp_path / "reused", vote, pool=shards, launcher=ONE, previous=previous, **given)
    check_same(fresh, reused)


def test_processes_and_kills_change_nothing(shards, whole, tmp_path):
    text = pl.read_parquet(whole[0].path / "pool.parquet")["text"][200]
    rules = {"killed": Killed(str(tmp_path / "flag"), text), "f": fails_on_three}
    rules["word"] = Keyword("Phones", ["phone"])
    given = {"pool": shards, "rules": rules, "seed": 0}
    with pytest.raises(ModelError, match="exit code -9"):
        make(tmp_path / "killed", vote, launcher=TWO, **given)
    resumed = make(tmp_path / "killed", vote, launcher=ONE, **given)
    fresh = make(tmp_path / "fresh", vote, launcher=ONE, **given)
    assert resumed.digest == fresh.digest


def test_what_functions_may_fail_on_counts_in_all_shards(shards, whole, tmp_path, monkeypatch):
    texts = pl.read_parquet(whole[0].path / "pool.parquet")["text"]
    given = {"pool": shards, "rules": {"f": fails_on_three}, "seed": 0, "launcher": ONE}
    monkeypatch.setitem(globals(), "FAIL_ON", set(texts.gather([3, 100, 250])))
    make(tmp_path / "three", vote, **given)
    FAIL_ON.add(texts[280])
    with pytest.raises(RuleError, match=r"rule 'f': .*failed on record.*3 more; tolerance 3"):
        make(tmp_path / "four", vote, **given)


@pytest.mark.parametrize("learn_from", [1000, 15])
def test_rules_that_learn_from_texts_learn_the_same(whole, shards, tmp_path, monkeypatch,
                                                    learn_from):  # fmt: skip
    monkeypatch.setattr(base, "ALL_UP_TO", learn_from)
    monkeypatch.setattr(base, "OF_MORE", learn_from)
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        rules = check(compose("config", overrides=["data=catalog_small", "rules=names"]))
    rules = dict(rules.components["rules"])
    rules["name_similarity"] = replace(rules["name_similarity"], encoder="tiny")
    given = {"rules": rules, "seed": 0, "launcher": ONE}
    few = tmp_path / "few"  # of a larger pool, each shard would embed its texts for long
    shutil.copytree(whole[0].path, few / "pool")
    tables.read(few / "pool/pool.parquet")[:40].write_parquet(few / "pool/pool.parquet")
    shutil.copytree(few / "pool", few / "shards")
    split_table(few / "shards/pool.parquet", 7)
    single = make(tmp_path / "one", vote, pool=Artifact(few / "pool"), **given)
    many = make(tmp_path / "many", vote, pool=Artifact(few / "shards"), **given)
    check_same(single, many)
    votes = tables.read(many.path / "votes.parquet")["name_similarity"]
    assert 0.2 < (votes >= 0).mean() < 0.8


def test_gold_in_as_many_files_as_the_pool(whole, shards, tmp_path):
    folder = tmp_path / "pool"
    shutil.copytree(shards.path, folder)
    gold = tables.read(folder / "gold.parquet")
    (folder / "gold.parquet").unlink()
    files = shard_files(folder / "pool.parquet")
    for file in files:
        ids = pl.read_parquet(file, columns=["id"])
        own = gold.join(ids, on="id", how="semi", maintain_order="left")
        own.write_parquet(folder / file.name.replace("pool", "gold"))
    given = {"rules": {"tea": Keyword("Phones", ["phone"])}, "seed": 0, "launcher": ONE}
    single = make(tmp_path / "one", vote, pool=whole[0], **given)
    check_same(single, make(tmp_path / "many", vote, pool=Artifact(folder), **given))
    first, second = (folder / f"gold-0000{n}.parquet" for n in (0, 1))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(TableError, match=r"of which .* are of texts in the pool's file"):
        make(tmp_path / "wrong", vote, pool=Artifact(folder), **given)


def weak(artifact):
    """Probabilities, and the rest of the table."""
    table = tables.read(artifact.path / "weak_labels.parquet")
    return tables.probs_array(table), table.drop("probs")


def test_weak_labels_do_not_depend_on_shards(whole, shards, tmp_path, monkeypatch):
    pool, run = whole
    given = {"rules": run.components["rules"], "seed": 0, "launcher": ONE}
    single = make(tmp_path / "one", vote, pool=pool, **given)
    many = make(tmp_path / "many", vote, pool=shards, **given)
    given = {name: run.components[name] for name in ("label_model", "aggregate")}
    expected = make(tmp_path / "w1", aggregate, pool=pool, votes=single, launcher=ONE, **given)
    monkeypatch.setattr(vote_tables, "PART", 5)
    sharded = make(tmp_path / "w2", aggregate, pool=shards, votes=many, launcher=ONE, **given)
    assert sharded.facts == expected.facts
    assert sharded.facts["n_learned_from"] == sharded.facts["n_texts"]
    for a, b in zip(weak(expected), weak(sharded), strict=True):
        assert np.allclose(a, b, atol=1e-6) if isinstance(a, np.ndarray) else a.equals(b)
    # Of a large pool, the label model learns from some shards alone.
    monkeypatch.setattr(learning_votes, "LEARN_FROM", 100)
    some = make(tmp_path / "w3", aggregate, pool=shards, votes=many, launcher=ONE, **given)
    assert some.facts["n_learned_from"] == 14 * 7
    assert some.facts["n_covered"] == expected.facts["n_covered"]
    assert not np.allclose(weak(some)[0], weak(expected)[0], atol=1e-3)
    assert (weak(some)[0].argmax(axis=1) == weak(expected)[0].argmax(axis=1)).mean() > 0.8


def answered_by_model(pool, n):
    """What a language model answered, in a folder as the stage `ask` writes it."""
    texts = tables.read(pool.path / "pool.parquet").gather_every(3)[:n]
    names = pool.facts["labels"]
    return texts.select(
        "id",
        "text",
        label=pl.Series([names[i % len(names)] for i in range(len(texts))]),
        confidence=pl.Series(np.linspace(0.3, 0.95, len(texts)), dtype=pl.Float32),
        source=pl.lit("logprobs"),
        status=pl.lit("class"),
        calls=1,
        input_tokens=1,
        output_tokens=1,
        cost=0.0,
        reason=pl.Series([RANDOM, DISPUTED, RANDOM, MEASURES, RANDOM, DISPUTED] * (n // 6)),
    )


def test_answers_words_and_gold_count_in_their_shard(whole, shards, tmp_path, monkeypatch):
    pool, run = whole
    given = {"rules": run.components["rules"], "seed": 0, "launcher": ONE}
    votes = {
        "one": make(tmp_path / "one", vote, pool=pool, **given),
        "many": make(tmp_path / "many", vote, pool=shards, **given),
    }

    def ask(out):
        tables.write(answered_by_model(pool, 60), out / VOTES_FILE, schemas.LLM_ANSWERS)
        return {}

    def annotate(out):
        texts = tables.read(pool.path / "pool.parquet")[::9]
        gold = tables.read(pool.path / "gold.parquet")
        texts = texts.join(gold, on="id", maintain_order="left")
        rows = texts.select("id", "text", label=pl.Series(
            [pool.facts["labels"][label] for label in texts["label"]])).with_columns(
            annotator=pl.lit("a"), seconds=1.0,
            purpose=pl.Series([schemas.TRAIN, schemas.EVALUATE] * len(texts))[: len(texts)],
        )  # fmt: skip
        tables.write(rows, out / "annotations.parquet", schemas.ANNOTATIONS)
        words = pl.DataFrame({"word": WORDS_ASKED, "label": [pool.facts["labels"][0], DEPENDS]})
        words = words.with_columns(annotator=pl.lit("a"), seconds=1.0)
        tables.write(words, out / WORDS_FILE, WORDS)
        return {}

    llm_votes, annotations = make(tmp_path / "llm", ask), [make(tmp_path / "a", annotate)]
    settings = {name: run.components[name] for name in ("label_model", "aggregate")}
    made = {}
    for name, of_pool in (("one", pool), ("many", shards)):
        monkeypatch.setattr(vote_tables, "PART", 250_000 if name == "one" else 5)
        inputs = {"pool": of_pool, "votes": votes[name], "llm_votes": llm_votes, "launcher": ONE}
        made[name] = (
            make(tmp_path / f"w-{name}", aggregate, **inputs, **settings),
            make(tmp_path / f"r-{name}", reweigh, annotations=annotations, **inputs, **settings),
        )
    for single, many in zip(made["one"], made["many"], strict=True):
        assert single.facts["n_answered"] == many.facts["n_answered"] > 0
        assert single.facts["llm"] == many.facts["llm"]
        assert answered_rows(single).tolist() == answered_rows(many).tolist()
        for a, b in zip(weak(single), weak(many), strict=True):
            assert np.allclose(a, b, atol=1e-4) if isinstance(a, np.ndarray) else a.equals(b)
        alone = [tables.read(each.path / "rules_alone.parquet") for each in (single, many)]
        assert alone[0].drop("probability").equals(alone[1].drop("probability"))
        assert len(shard_files(many.path / "rules_alone.parquet")) > 40
        for name in ("voters.parquet", "metrics.json"):
            if (single.path / name).exists():
                assert (single.path / name).read_bytes() == (many.path / name).read_bytes()
    weighed = made["one"][1].facts
    assert weighed["n_answered"] == 50  # without those that measure
    assert weighed["llm"] == "answers weighed by 20 gold texts"  # half are of the sample
    assert made["one"][1].facts["n_words"] == len(WORDS_ASKED)
    labels = LabelSet(tuple(pool.facts["labels"]))
    words = [gold_of_words(each, [*WORDS_ASKED, "xyz"], labels) for each in (pool, shards)]
    assert words[0] == words[1]
    assert set(words[0]) == set(WORDS_ASKED)
    texts = tables.read(pool.path / "pool.parquet")["text"]
    groups = pl.DataFrame(
        {
            "id": ["a", "b"],
            "label": [labels.names[0]] * 2,
            "examples": [texts[:2].to_list(), [texts[9], "none"]],
        }
    )
    assert gold_of_groups(pool, groups, labels) == gold_of_groups(shards, groups, labels)
