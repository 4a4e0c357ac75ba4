"""The vote stage: an edited rule alone is computed, and the result is that of a fresh run."""

import json

import numpy as np
import polars as pl
import pytest
from helpers import CONF, run_here
from safetensors.numpy import save_file

from wsal import schemas, tables
from wsal.api.pool import Pool
from wsal.api.voting import vote
from wsal.artifacts import Artifact, create
from wsal.changes import Changes, ClassEdit
from wsal.config.composed import check, rules_in
from wsal.data.base import Layout
from wsal.data.catalog import Catalog
from wsal.data.frames import TableFrame
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rounds.vote_tables import read_votes, terms_file, votes_file
from wsal.rules import voting
from wsal.rules.functions import column_rule, rule
from wsal.rules.gazetteer import Gazetteer
from wsal.rules.lookup import Lookup
from wsal.rules.patterns import Keyword
from wsal.rules.similarity import Similarity
from wsal.run.pipeline import run_stage
from wsal.settings import LauncherSettings
from wsal.stages.prepare import prepare
from wsal.stages.vote import vote as vote_on


@pytest.fixture
def voted(composed, tmp_path):
    """A function that votes in the folder of a name, with overrides, and says what it wrote."""

    def vote_in(name, *overrides):
        run = check(composed("data=catalog_small", *overrides))
        folder = tmp_path / name
        run_stage(folder, "prepare", run.components)
        return run_stage(folder, "vote", run.components)

    return vote_in


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


def test_as_many_texts_as_rules_are_not_taken_for_rules(voted, monkeypatch):
    whole = voted("a").artifact
    monkeypatch.setattr(voting, "CHUNK", whole.facts["n_rules"])
    in_squares = voted("b").artifact
    for name in ("votes.parquet", "votes_test.parquet"):
        assert tables.read(in_squares.path / name).equals(tables.read(whole.path / name))


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


def forget_terms(folder):
    """Leave of an artifact what a version without terms wrote."""
    for path in [*folder.glob("terms*.parquet"), folder / "voters.parquet"]:
        path.unlink()


def test_terms_stay_with_their_rules_through_edits(voted):
    def by_name(outcome, split):
        names = tables.rule_names(outcome.artifact.path / votes_file(split))
        table = tables.read(outcome.artifact.path / terms_file(split), schemas.TERMS)
        return table.with_columns(rule=pl.Series([names[rule] for rule in table["rule"]]))

    first = voted("a")
    before = {split: by_name(first, split) for split in ("pool", "dev", "test")}
    assert all(len(table) for table in before.values())
    edited = voted("a", "~rules.phone_words", "rules.laptop_words.words=[laptop]")
    for split, table in before.items():
        now = by_name(edited, split)
        others = ~pl.col("rule").is_in(["phone_words", "laptop_words"])
        assert now.filter(others).equals(table.filter(others))
        assert set(now["rule"]) == set(table["rule"]) - {"phone_words"}
        assert now.filter(rule="laptop_words")["term"].unique().to_list() == [0]


def test_votes_without_terms_are_read_as_rules_and_cast_again(voted):
    old = voted("a").artifact
    with_terms = read_votes(old, "pool")
    forget_terms(old.path)
    without = read_votes(old, "pool")
    assert without.by_term is None
    assert with_terms.by_term is not None
    assert np.array_equal(without.rules, with_terms.rules)
    edit = "rules.phone_words.words=[phone]"
    edited = voted("a", edit)  # nothing of the old artifact can be used
    assert edited.artifact.digest == voted("b", edit).artifact.digest
    assert read_votes(edited.artifact, "test").by_term is not None


def test_the_python_api_has_the_voters_of_the_stage(voted):
    rule = "{_target_: wsal.rules.lookup.Lookup, field: brand, values: {Fonwick: Phones}}"
    outcome = voted("a", f"+rules.brand={rule}")
    source = Catalog(n=400)
    layout = source.layout
    pool = Pool(
        source.read(), text=layout.text, label=layout.label, id=layout.id, keep=layout.keep,
        split=layout.split, test_share=layout.test_share, dev_share=layout.dev_share,
    )  # fmt: skip
    rules, _ = rules_in(CONF / "rules" / "catalog.yaml")
    votes = vote(rules | {"brand": Lookup("brand", {"Fonwick": "Phones"})}, pool)
    for split in ("pool", "dev", "test"):
        by_stage = read_votes(outcome.artifact, split)
        by_api = votes.sparse if split == "pool" else votes.sparse_of(split)
        for name in ("starts", "rules", "classes"):
            for a, b in ((by_stage, by_api), (by_stage.by_term.votes, by_api.by_term.votes)):
                assert np.array_equal(getattr(a, name), getattr(b, name)), (split, name)
        assert np.array_equal(by_stage.by_term.rule_of, by_api.by_term.rule_of)
        n_terms, n_votes = by_stage.by_term.votes.n_votes, by_stage.n_votes
        assert ((n_terms >= n_votes) & ((n_terms > 0) == (n_votes > 0))).all()
    written = tables.read(outcome.artifact.path / "voters.parquet", schemas.VOTERS)
    assert votes.report().voters.equals(written)
    assert len(written) > len(rules) + 1


def test_the_report_unfolds_the_words_of_rules(composed, tmp_path, monkeypatch):
    run = check(composed("data=catalog_small"))
    folder = tmp_path / "run"
    for stage in ("prepare", "vote", "aggregate"):
        outcome = run_stage(folder, stage, run.components)
    (folder / "config.json").write_text("{}")
    monkeypatch.setenv("COLUMNS", "200")
    assert "terms:" not in run_here(tmp_path, "rules", "run").stdout
    shown = run_here(tmp_path, "rules", "run", "--terms", "2", "--examples", "0").stdout
    lines = shown[shown.index("terms: what each is worth") :].splitlines()
    voters = tables.read(folder / "votes" / "voters.parquet", schemas.VOTERS)
    mine = voters.filter(pl.col("rule") == "laptop_words", pl.col("term").is_not_null())
    best = mine.sort(-pl.col("n_votes"), maintain_order=True)
    at = next(n for n, line in enumerate(lines) if "laptop_words" in line)
    for line, row in zip(lines[at:], best.head(2).iter_rows(named=True), strict=False):
        cells = [cell.strip() for cell in line.split("│")[1:-1]]
        assert cells[1:4] == [row["term"], "Laptops", f"{row['n_votes']:,}"]
    # What the label model learned is shown where it has learned something of each voter.
    precision = np.linspace(0.1, 0.9, len(voters))[:, None] * np.ones((1, 12))
    classes = json.loads((folder / "pool" / "manifest.json").read_text())["facts"]["labels"]
    save_file({"precision": precision[:, : len(classes)].copy()},
              outcome.artifact.path / "label_model.safetensors")  # fmt: skip
    shown = run_here(tmp_path, "rules", "run", "--terms", "1", "--examples", "0").stdout
    voter = voters["term"].to_list().index(best["term"][0])
    lines = shown[shown.index("terms: what each is worth") :].splitlines()
    line = next(line for line in lines if "laptop_words" in line)
    assert line.split("│")[-2].strip() == f"{precision[voter, 0]:.3f}"
    forget_terms(folder / "votes")
    assert "earlier version" in run_here(tmp_path, "rules", "run", "--terms", "2").stdout


@rule
def by_word(record):
    return "Tea" if "tea" in record["text"] else None


@column_rule
def by_column(frame):
    return pl.when(pl.col("text").str.contains("tea")).then(pl.lit("Tea"))


@column_rule
def of_others(frame):
    return pl.when(pl.col("text").str.contains("pets")).then(pl.lit("Pets"))


def test_every_kind_of_rule_that_names_a_removed_class_abstains_and_is_reported(tmp_path):
    """And follows a renamed one, also if its name was given to another class."""
    rows = pl.DataFrame({"text": [f"{w} {n}" for n in range(9) for w in ("tea", "coffee", "pets")]})
    labels = pl.Series(["Tea", "Coffee", "Pets"] * 9)
    edits = (ClassEdit("remove", ("Tea",)), ClassEdit("rename", ("Pets",), ("Animals",)),
             ClassEdit("add", ("Tea",)))  # fmt: skip
    data = TableFrame(rows.with_columns(label=labels), Layout(text=("text",), label="label"))
    (tmp_path / "terms.csv").write_text("term,label\ntea,Tea\npets,Pets\n")
    rules = {
        "keyword": Keyword("Tea", ["tea"]),
        "gazetteer": Gazetteer(str(tmp_path / "terms.csv")),
        "lookup": Lookup("text", {"tea 1": "Tea", "pets 1": "Pets"}),
        "function": by_word,
        "column": by_column,
        "others": of_others,
        "pets": Keyword("Pets", ["pets"]),
    }
    launcher = LauncherSettings()
    for changes, expected in ((Changes(), []), (Changes(edits), list(rules)[:5])):
        folder = tmp_path / str(len(expected))
        with create(folder / "pool", {}, {}) as (work, facts):
            facts.update(prepare(work, data=data, changes=changes, seed=0, shard_rows=99))
        pool = Artifact(folder / "pool")
        with create(folder / "votes", {}, {}) as (work, facts):
            facts.update(vote_on(work, pool=pool, rules=rules, seed=0, launcher=launcher))
        assert facts.get("abstaining", []) == expected
        votes = tables.read(folder / "votes/votes.parquet").drop("id")
        texts, names = tables.column(pool.path / "pool.parquet", "text"), pool.facts["labels"]
        of_tea = votes.filter(texts.str.contains("tea"))
        cast = {names[v] for v in np.unique(of_tea.to_numpy()) if v >= 0}
        assert cast == (set() if expected else {"Tea"})
        of_pets = votes.select("gazetteer", "others", "pets").filter(texts.str.contains("pets"))
        assert {names[v] for v in np.unique(of_pets.to_numpy())} == {
            "Animals" if expected else "Pets"
        }


def test_similarity_to_texts_of_a_removed_class_or_of_a_parent_votes_for_no_other_class():
    names = {"Tea": ("a",), "Food": ("b",), "Pets": ("c",)}
    labels = LabelSet(("Pets", "Bread", "Cake"), {"Food": ("Bread", "Cake")}, {}, {"Tea": None})
    own = np.eye(3, dtype=np.float32)
    assert Similarity(names).vote_on(own, own, labels).tolist() == [-1, 4, 0]
