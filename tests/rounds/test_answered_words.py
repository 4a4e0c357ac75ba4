"""Answered words vote beside the rules, and in the place of what rules make of these words."""

import numpy as np
import polars as pl
import pytest
from helpers import CONF, write_shards
from hydra import compose, initialize_config_dir

from wsal import schemas, tables
from wsal.active.words import PURE
from wsal.annotation import questions
from wsal.annotation.questions import DEPENDS
from wsal.artifacts import Artifact, create
from wsal.changes import ClassEdit
from wsal.config.composed import check
from wsal.data.base import Layout
from wsal.data.class_history import ClassHistory
from wsal.data.edited_classes import class_facts
from wsal.label_models.auto import Auto
from wsal.labels import LabelSet
from wsal.rounds.answered_words import AnsweredWords, rows_with
from wsal.rounds.vote_tables import read_votes
from wsal.rounds.word_gold import gold_of_words
from wsal.rules.voting import collect_by_term
from wsal.run.pipeline import run_stage

CLASSES = ("bag", "coffee", "tea")
WORDS = {"bag": ["tote", "satchel"], "coffee": ["arabica", "espresso"], "tea": ["oolong", "sencha"]}
RULES = [
    "+rules.coffee={_target_: wsal.rules.patterns.Keyword, label: coffee, words: [Espresso, cup]}",
    "+rules.tea={_target_: wsal.rules.patterns.Keyword, label: tea, words: [oolong, arabica]}",
    "+rules.long={_target_: wsal.rules.patterns.Regex, label: bag, pattern: satchel}",
]


def texts():
    """Titles with one or two words of their class; `cup` is in titles of two classes."""
    draw = np.random.default_rng(0)
    rows = []
    for number in range(600):
        label = CLASSES[number % 3]
        words = [WORDS[label][draw.integers(2)], f"item{number}"]
        if label != "bag" and draw.random() < 0.5:
            words.append("cup")
        rows.append({"text": " ".join(draw.permutation(words)), "label": label})
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """The pool and the votes of three rules, two of which have terms."""
    folder = tmp_path_factory.mktemp("words")
    texts().write_csv(folder / "shop.csv")
    overrides = ["data=csv", f"data.path={folder / 'shop.csv'}", "data.layout.text=text",
                 "data.layout.label=label", "data.layout.test_share=0.2", "rules=none",
                 *RULES]  # fmt: skip
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        run = check(compose("config", overrides=overrides))
    return [run_stage(folder, stage, run.components).artifact for stage in ("prepare", "vote")]


def answered(**answers):
    return AnsweredWords(LabelSet(CLASSES), answers)


def votes_of(matrix, row):
    """The classes that rules vote for on a text."""
    return sorted(matrix.classes[matrix.starts[row] : matrix.starts[row + 1]].tolist())


def test_without_answers_the_votes_are_those_of_the_rules(artifacts):
    pool, votes = artifacts
    own, with_none = read_votes(votes, "pool"), answered().read_votes(votes, pool, "pool")
    assert np.array_equal(own.classes, with_none.classes)
    assert with_none.by_term.bounds is None


@pytest.mark.parametrize("split", ["pool", "test"])
def test_the_votes_are_those_of_a_loop_over_texts(artifacts, split):
    pool, votes = artifacts
    words = {"arabica": "coffee", "satchel": "bag", "espresso": DEPENDS, "sencha": "tea"}
    matrix = answered(**words).read_votes(votes, pool, split)
    for row, text in enumerate(tables.read(pool.path / f"{split}.parquet")["text"]):
        has, expected = set(text.split()), []
        expected += [1] if has & {"espresso", "cup"} else []  # `coffee`; depends: it still votes
        expected += [2] if has & {"oolong"} else []  # `tea`: a person has contradicted `arabica`
        expected += [0] if has & {"satchel"} else []  # `long`, which has no terms
        expected += [c for c, word in enumerate(("satchel", "arabica", "sencha")) if word in has]
        assert votes_of(matrix, row) == sorted(expected)


def test_answers_bound_the_precisions(artifacts):
    pool, votes = artifacts
    words = answered(arabica="coffee", cup=DEPENDS)
    matrix = words.read_votes(votes, pool, "pool")
    table = words.voters_table(votes, pool)
    names = list(zip(table["rule"], table["term"], strict=True))
    n_votes = dict(zip(names, table["n_votes"], strict=True))
    assert n_votes["tea", "arabica"] == 0  # a person has contradicted it
    assert n_votes["answered words: coffee", "arabica"] > 50
    bounds = dict(zip(names, matrix.by_term.bounds.tolist(), strict=True))
    assert bounds["answered words: coffee", "arabica"] == [PURE, 1.0]
    assert bounds["coffee", "cup"] == [0.0, PURE]
    assert bounds["coffee", "Espresso"] == bounds["long", None] == [0.0, 1.0]
    precision = Auto().fit(matrix, 3).model.precision
    assert precision[names.index(("coffee", "cup"))].max() <= PURE
    assert precision[names.index(("answered words: coffee", "arabica"))].min() >= PURE


def test_gold_corrects_the_precision_of_an_answered_word(artifacts):
    pool, votes = artifacts
    words = answered(oolong="coffee", sencha="tea")  # the first answer is wrong
    matrix = words.read_votes(votes, pool, "pool")
    table = words.voters_table(votes, pool).with_row_index()
    gold = pl.read_parquet(pool.path / "pool.parquet", columns=["id"]).join(
        pl.read_parquet(pool.path / "gold.parquet"), on="id", how="left", maintain_order="left"
    )["label"]
    known = np.where(np.arange(len(gold)) % 4 == 0, gold.to_numpy(), -1)
    precision = Auto().fit(matrix, 3, gold=known).model.precision
    places = {
        word: table.filter((pl.col("term") == word) & pl.col("rule").str.starts_with("answered"))
        for word in ("oolong", "sencha")
    }
    assert precision[places["oolong"]["index"][0], 1] < 0.5
    assert precision[places["sencha"]["index"][0], 2] > 0.85


def test_answers_correct_wrong_words_and_cover_more_texts(artifacts):
    pool, votes = artifacts
    gold = tables.read(pool.path / "test.parquet")["label"].to_numpy()

    def right(words):
        own = words.read_votes(votes, pool, "pool")
        on_test = words.read_votes(votes, pool, "test")
        probs = Auto().fit(own, 3).predict_proba(on_test)
        return ((probs.argmax(axis=1) == gold) & (on_test.n_votes > 0)).mean()

    assert right(answered()) < 0.7
    every = {word: label for label, words in WORDS.items() for word in words}
    assert right(answered(**every, cup=DEPENDS)) > 0.97


def test_rows_with_a_word_whole_and_in_any_case(tmp_path):
    records = pl.DataFrame({"id": list("abcd"), "text": ["Tea Pot", "teapot", "tea, pot", "a tea"]})
    records = records.with_columns(fields=pl.struct(none=pl.lit(0)))
    write_shards(records, tmp_path / "pool.parquet", [1, 3], rows_of_group=1)
    rows = rows_with(["tea", "tea pot", "kettle"], tmp_path / "pool.parquet", LabelSet(CLASSES))
    assert {word: own.tolist() for word, own in rows.items()} == {
        "tea": [0, 2, 3], "tea pot": [0], "kettle": []
    }  # fmt: skip


def test_gold_answers_with_a_class_if_three_in_four_texts_have_it(tmp_path):
    n_tea = {"green": 3, "black": 2}  # of four texts each
    rows = [(f"{word} {i}", int(i < n)) for word, n in n_tea.items() for i in range(4)]
    records = pl.DataFrame({"id": [f"id{i}" for i in range(8)], "text": [text for text, _ in rows]})
    records = records.with_columns(n_copies=1, fields=pl.struct(none=pl.lit("")))
    records.write_parquet(tmp_path / "pool.parquet")
    gold = records.select("id", label=pl.Series([label for _, label in rows]))
    tables.write(gold, tmp_path / "gold.parquet", schemas.GOLD)
    answers = gold_of_words(
        Artifact(tmp_path), ["green", "black", "white"], LabelSet(("coffee", "tea"))
    )
    assert answers == {"green": "tea", "black": DEPENDS}


def test_words_answered_with_a_parent_vote_for_it_also_after_edits_of_the_classes(tmp_path):
    edits = (
        ClassEdit("rename", ("Pets",), ("Animals",)),
        ClassEdit("split", ("Food > Tea",), ("Food > Tea > Green", "Food > Tea > Black")),
        ClassEdit("remove", ("Phones",)),
    )
    first = ("Food > Tea", "Food > Coffee", "Pets", "Phones")
    history = ClassHistory(first, edits, is_tree=True)
    with create(tmp_path / "pool", {}, {}) as (_, facts):
        facts.update(class_facts(history, Layout(text=("text",))))
    answers = {
        "leaf": "Food",
        "sencha": "Food > Tea",
        "dog": "Pets",
        "sim": "Phones",
        "new": DEPENDS,
    }
    table = pl.DataFrame(
        [{"word": word, "label": label, "annotator": "ann"} for word, label in answers.items()]
    )
    with create(tmp_path / "annotations", {}, {}) as (work, _):
        missing = [
            pl.lit(None, kind).alias(n)
            for n, kind in questions.WORDS.items()
            if n not in table.columns
        ]
        table = table.with_columns(*missing).select(*questions.WORDS)
        tables.write(table, work / questions.WORDS_FILE, questions.WORDS)
    words = AnsweredWords.read(Artifact(tmp_path / "pool"), [Artifact(tmp_path / "annotations")])
    assert words.answers == {
        "leaf": "Food", "sencha": "Food > Tea", "dog": "Animals", "new": DEPENDS,
    }  # fmt: skip
    names = ("Food", "Food > Tea", "Animals")
    assert set(words.rules) == {f"answered words: {name}" for name in names}
    records = pl.DataFrame({"id": ["a"], "text": ["sencha leaf"], "fields": [{"x": None}]})
    votes = collect_by_term(words.rules, records, words.labels).votes[0].tolist()
    assert sorted(votes) == sorted([-1, *(words.labels.code(name) for name in names[:2])])


def test_words_answered_with_a_merged_class_are_left_out_once_the_merge_is_undone(tmp_path):
    """Then the pool knows of no edit any more, but the answers still name what the edit made."""
    first, edit = ("Coffee", "Tea", "Pets"), ClassEdit("merge", ("Coffee", "Tea"), ("Drinks",))
    with create(tmp_path / "pool", {}, {}) as (_, facts):
        facts.update(class_facts(ClassHistory(first), Layout(text=("text",))))
    table = pl.DataFrame({"word": ["arabica", "dog"], "label": ["Drinks", "Pets"]}).with_columns(
        annotator=pl.lit("ann"), seconds=pl.lit(1.0, pl.Float32)
    )
    with create(tmp_path / "annotations", {}, {}) as (work, facts):
        tables.write(table, work / questions.WORDS_FILE, questions.WORDS)
        facts["edits"] = [edit.as_node()]
    words = AnsweredWords.read(Artifact(tmp_path / "pool"), [Artifact(tmp_path / "annotations")])
    assert words.answers == {"dog": "Pets"}
