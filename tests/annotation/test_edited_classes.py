"""Answers, gold labels and queries across the stages of a run whose classes are edited."""

import csv
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from test_answers import answer, answered_round, artifact, asked, parts, write_csv

from wsal import schemas, tables
from wsal.annotation.answers import coded_answers, gold_answers, named_answers, read_query
from wsal.annotation.collect import collected_answers, open_queue
from wsal.annotation.journal import JOURNAL_FILE, Event, Journal
from wsal.annotation.majority import majority_labels
from wsal.annotation.none_answers import none_answers, none_of_present
from wsal.annotation.query import Query
from wsal.annotation.set_aside import left_open, of_removed_classes, of_removed_message
from wsal.artifacts import Artifact, write_manifest
from wsal.changes import ClassEdit
from wsal.data.base import Layout
from wsal.data.prepared import preparation
from wsal.data.table_file import TableFile
from wsal.errors import ConfigError, WaitingForAnnotations
from wsal.labels import NONE, LabelSet
from wsal.rounds.rejection_texts import RejectionTexts
from wsal.run.changes import with_changes
from wsal.run.class_changes import concerned, opened_classes, record, restore, undo
from wsal.run.pipeline import run_stage

ROWS = [("a", "red mug"), ("b", "big pan"), ("c", "jar"), ("d", "lid"), ("e", "old cup")]
OF_TEXT = {"red mug": "Cat", "big pan": "Cat", "jar": "Dog", "lid": "Fish", "old cup": "Cat"}


def edit(run, action, names, into=()):
    """Record an edit; the next command applies it."""
    return record(opened_classes(run), ClassEdit(action, tuple(names), tuple(into)), "ann")


def prepared(run, source):
    """The pool, made by the next command."""
    run_stage(run, "prepare", with_changes(parts(source, True), run))
    return Artifact.open(run / "pool")


@pytest.fixture
def answered(tmp_path):
    """A run whose first round was answered in a sheet, and its source."""
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    answered_round(run, source, ROWS, True, OF_TEXT.get)
    return run, source


def gold(run, names=None):
    """Text -> the class that trains."""
    pool = Artifact.open(run / "pool")
    rows, classes = gold_answers(pool, [Artifact.open(run / "rounds/001/annotations")])
    texts = tables.read(pool.path / "pool.parquet")["text"].to_list()
    return {
        texts[r]: (names or pool.facts["labels"])[c] for r, c in zip(rows, classes, strict=True)
    }


def test_answers_follow_renamed_and_merged_classes_and_those_of_removed_ones_are_kept(answered):
    run, source = answered
    first = Artifact.open(run / "pool").digest
    edit(run, "rename", ["Cat"], ["Kitten"])
    pool = prepared(run, source)
    assert gold(run)["red mug"] == "Kitten"
    edit(run, "merge", ["Kitten", "Fish"], ["Pet"])
    prepared(run, source)
    assert gold(run) == {t: "Dog" if label == "Dog" else "Pet" for t, label in OF_TEXT.items()}
    edit(run, "add", ["Bird"])
    made = edit(run, "remove", ["Dog"])
    assert concerned(opened_classes(run), made) == 1
    pool = prepared(run, source)
    annotations = [Artifact.open(run / "rounds/001/annotations")]
    assert "jar" not in gold(run)
    counts = of_removed_classes(pool, annotations)
    assert counts == {"Dog (before edit 4)": 1}
    assert of_removed_message(counts) == (
        "1 answer does not count, as its class was removed: Dog (before edit 4)"
    )
    assert named_answers(pool, annotations)["label"].null_count() == 1
    undo(opened_classes(run), "ann")
    prepared(run, source)
    assert gold(run)["jar"] == "Dog"
    restore(opened_classes(run), 0, "ann")
    assert prepared(run, source).digest == first  # all artifacts are up to date again
    assert gold(run) == OF_TEXT


def test_a_name_that_was_freed_does_not_take_over_old_answers_rules_and_gold(answered):
    run, source = answered
    edit(run, "rename", ["Cat"], ["Kitten"])
    edit(run, "rename", ["Dog"], ["Cat"])
    pool = prepared(run, source)
    assert gold(run)["red mug"] == "Kitten"
    assert gold(run)["jar"] == "Cat"
    rules, answers = LabelSet.of_configuration(pool.facts), LabelSet.of_pool(pool.facts)
    assert pool.facts["labels"][rules.index("Cat")] == "Kitten"
    assert pool.facts["labels"][answers.index("Cat")] == "Cat"


def test_what_a_split_leaves_open_is_asked_until_it_is_answered_or_skipped(answered):
    run, source = answered
    edit(run, "split", ["Cat"], ["Kitten", "Tomcat"])
    pool = prepared(run, source)
    first = Artifact.open(run / "rounds/001/annotations")
    assert gold(run) == {"jar": "Dog", "lid": "Fish"}
    rows, codes = coded_answers(pool, [first])
    labels = LabelSet.of_pool(pool.facts)
    assert [labels.answers[code] for code in codes] == ["Cat", "Cat", "Dog", "Fish", "Cat"]
    texts = tables.read(pool.path / "pool.parquet")["text"].to_list()
    opened = left_open(pool, [first])
    assert [texts[row] for row in opened["row"]] == ["red mug", "big pan", "old cup"]
    assert set(opened["purpose"]) == {"train"}
    later = pl.DataFrame(
        {
            "id": ["a-again-2", "b-again-2", "e-again-2"],
            "label": ["Tomcat", None, "Cat"],  # finer, skipped, and the whole on purpose
            "annotator": ["ann"] * 3,
            "seconds": pl.Series([None] * 3, dtype=pl.Float32),
            "text": ["red mug", "big pan", "old cup"],
            "purpose": ["train"] * 3,
        }
    )
    second = artifact(
        run / "rounds/002/annotations", {"edits": pool.facts["edits"]},
        annotations=(later, schemas.ANNOTATIONS),
    )  # fmt: skip
    assert left_open(pool, [first, second]).is_empty()
    rows, codes = coded_answers(pool, [first, second])
    by_text = {texts[r]: labels.answers[c] for r, c in zip(rows, codes, strict=True)}
    assert by_text["red mug"] == "Tomcat"  # one finer answer counts more than the old one
    assert by_text["big pan"] == by_text["old cup"] == "Cat"
    opened = left_open(pool, [second, first])  # a finer answer counts, whichever came last
    assert [texts[row] for row in opened["row"]] == ["big pan", "old cup"]


def test_a_finer_answer_counts_more_than_two_coarse_ones():
    answers = pl.DataFrame(
        {"row": [0, 0, 0, 1, 1], "label": ["Cat", "Cat", "Tomcat", "Cat", "Dog"]}
    )
    finest = majority_labels(answers, "row", {"Cat": ("Kitten", "Tomcat")})
    assert dict(finest.iter_rows()) == {0: "Tomcat", 1: "Dog"}


def test_a_sheet_that_comes_back_after_edits_means_what_it_meant_when_it_was_handed_out(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    write_csv(source, ROWS)
    prepared(run, source)
    asked(run)
    with pytest.raises(WaitingForAnnotations):
        run_stage(run, "annotate", with_changes(parts(source, True), run), 1)
    edit(run, "rename", ["Cat"], ["Kitten"])
    edit(run, "rename", ["Dog"], ["Cat"])
    edit(run, "split", ["Fish"], ["Cod", "Eel"])
    pool = prepared(run, source)
    answer(run, OF_TEXT | {"big pan": "Cod"})  # old names, and a new one
    done = run_stage(run, "annotate", with_changes(parts(source, True), run), 1).artifact
    labels = dict(
        tables.read(done.path / "annotations.parquet").select("text", "label").iter_rows()
    )
    assert labels == {"red mug": "Kitten", "big pan": "Cod", "jar": "Cat", "lid": "Fish",
                      "old cup": "Kitten"}  # fmt: skip
    opened = left_open(pool, [done])
    texts = tables.read(pool.path / "pool.parquet")["text"].to_list()
    assert [texts[row] for row in opened["row"]] == ["lid"]


def page(run, source):
    """The queue of the open round, as the page opens it."""
    pool = prepared(run, source)
    query = Artifact.open(run / "rounds/001/query")
    n = len(tables.read(pool.path / "pool.parquet"))
    ids = tables.read(pool.path / "pool.parquet").select("id")
    for name, frame in {"votes": ids, "embeddings": None}.items():
        folder = run / name
        if frame is not None:
            made = artifact(folder, votes=(frame, {"id": pl.String}))
        else:
            made = artifact(folder)
            np.save(folder / "embeddings.npy", np.zeros((n, 2), np.float16))
        inputs = {"pool": pool.digest}
        assert made.path == folder
        _with_inputs(made, inputs)
    (run / "config.json").write_text('{"rules": {}}')
    asked_now = Query(read_query(pool, query), LabelSet.of_pool(pool.facts), {}, query.path.parent)
    queue = open_queue(asked_now, blind=0.0, overlap=0.0, recheck=0.0)
    queue.refresh()
    return queue, asked_now


def _with_inputs(made, inputs):
    write_manifest(made.path, Artifact.open(made.path).manifest | {"inputs": inputs})


def test_answers_on_a_page_that_was_opened_before_an_edit_keep_their_meaning(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    write_csv(source, ROWS)
    prepared(run, source)
    asked(run)
    queue, _ = page(run, source)
    queue.append([Event("1", "answer", "ann", 1, "a", "Cat", 1.0)])
    edit(run, "rename", ["Cat"], ["Kitten"])
    edit(run, "rename", ["Dog"], ["Cat"])
    queue.append([Event("2", "answer", "ann", 1, "b", "Cat", 1.0)])  # the page still shows Cat
    queue, query = page(run, source)  # the command was run again
    queue.append([Event("3", "answer", "bob", 1, "c", "Cat", 1.0)])
    assert queue.events[-1].shown == "classes 2"
    labels = dict(collected_answers(queue, query).select("id", "label").iter_rows())
    assert labels == {"a": "Kitten", "b": "Kitten", "c": "Cat"}
    undo(opened_classes(run), "ann")
    undo(opened_classes(run), "ann")
    queue, query = page(run, source)
    labels = dict(collected_answers(queue, query).select("id", "label").iter_rows())
    assert labels == {"a": "Cat", "b": "Cat", "c": "Dog"}
    queue.append([Event("4", "undo", "bob", 1)])
    assert "c" not in queue.answers()
    assert len(Journal(run / JOURNAL_FILE).events()) == 8  # nothing was deleted


def test_answers_in_a_state_that_was_undone_are_asked_again_and_count_if_it_is_restored(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    write_csv(source, ROWS)
    prepared(run, source)
    asked(run)
    edit(run, "merge", ["Cat", "Dog"], ["Pet"])
    queue, _ = page(run, source)
    queue.append([Event("1", "answer", "ann", 1, "a", "Pet", 1.0)])
    undo(opened_classes(run), "ann")
    queue, _ = page(run, source)
    assert "a" in queue.open_ids(queue.answers())
    queue.append([Event("2", "answer", "ann", 1, "b", "Cat", 1.0)])
    restore(opened_classes(run), 1, "ann")
    queue, query = page(run, source)
    labels = dict(collected_answers(queue, query).select("id", "label").iter_rows())
    assert labels == {"a": "Pet", "b": "Pet"}


def test_an_answer_at_a_merged_class_is_asked_again_once_the_merge_is_undone(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    write_csv(source, ROWS)
    prepared(run, source)
    edit(run, "merge", ["Cat", "Dog"], ["Pet"])
    edit(run, "add", ["Bird"])
    prepared(run, source)
    asked(run)
    made = with_changes(parts(source, True), run)
    with pytest.raises(WaitingForAnnotations):
        run_stage(run, "annotate", made, 1)
    answer(run, dict.fromkeys(OF_TEXT, "Fish") | {"red mug": "Pet", "jar": "Bird"})
    done = run_stage(run, "annotate", made, 1).artifact
    restore(opened_classes(run), 0, "ann")
    pool = prepared(run, source)
    texts = tables.read(pool.path / "pool.parquet")["text"].to_list()
    assert [texts[row] for row in left_open(pool, [done])["row"]] == ["red mug"]
    assert of_removed_classes(pool, [done]) == {"Bird (undone)": 1}
    restore(opened_classes(run), 2, "ann")
    prepared(run, source)
    assert gold(run)["red mug"] == "Pet"


def test_gold_labels_of_the_data_follow_and_those_of_a_removed_class_are_left_out(tmp_path):
    file = tmp_path / "shop.csv"
    with file.open("w", newline="") as opened:
        rows = [("A" * (n + 1), ["Cat", "Dog", "Fish", "Kitten"][n % 4]) for n in range(40)]
        csv.writer(opened).writerows([("title", "class"), *rows])
    # the data has a class already that an edit makes
    source = TableFile(file, Layout(("title",), label="class", test_share=0.4))
    edits = (
        ClassEdit("rename", ("Cat",), ("Kitten",)),
        ClassEdit("remove", ("Dog",)),
        ClassEdit("split", ("Fish",), ("Cod", "Eel")),
    )
    made = preparation(source, 0, tmp_path / "scratch", edits=edits)
    before = preparation(source, 0, tmp_path / "before")
    assert made.labels.names == ("Kitten", "Cod", "Eel")
    assert made.decisions.n_lost == 10
    assert made.decisions.n_pool_gold + made.sizes["n_test"] == 30
    assert made.sizes["n_pool"] == before.sizes["n_pool"]  # no text moved between splits
    assert made.n_duplicates == before.n_duplicates == 0
    parts_ = pl.concat([part["test"] for part in made.taken()])
    assert set(parts_["label"]) == {0, made.labels.code("Fish")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("rename", ["Cta"], ["X"]), "no class 'Cta'; did you mean 'Cat'"),
        (("rename", ["Cat"], ["Dog"]), "the name 'Dog' is taken; .* merge 'Cat' 'Dog'"),
        (("split", ["Cat"], ["Dog", "Eel"]), "merge the new class with the existing one"),
        (("split", ["Cat"], ["Eel"]), "at least two classes to split"),
        (("merge", ["Cat", "Dog", "Fish"], ["Pet"]), "only 1 class would be left"),
        (("remove", ["Cat", "Dog"]), "only 1 class would be left"),
        (("add", ["none of these"]), "another meaning in answers"),
        (("move", ["Cat"], ["Pet > Cat"]), "have no tree"),
        (("add", ["Cat (before edit 1)"]), "looks like a former name"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused_before_it_is_recorded(answered, change, words):
    run, _ = answered
    with pytest.raises(ConfigError, match=words):
        edit(run, *change)
    assert not opened_classes(run).log


def test_merging_the_parts_of_a_split_closes_it_again(answered):
    run, source = answered
    edit(run, "split", ["Cat"], ["Kitten", "Tomcat"])
    edit(run, "merge", ["Kitten", "Tomcat"], ["Cat"])
    pool = prepared(run, source)
    assert gold(run) == OF_TEXT
    assert left_open(pool, [Artifact.open(run / "rounds/001/annotations")]).is_empty()
    classes = opened_classes(run)
    assert classes.at(1).parents == {"Cat": ("Kitten", "Tomcat")}
    assert replace(classes.now, edits=()).names == ("Cat", "Dog", "Fish")


def test_none_of_these_says_nothing_about_classes_that_were_added_since(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    none = {"lid": NONE, "jar": NONE}
    answered_round(run, source, ROWS, True, (OF_TEXT | none).get)
    annotations = [Artifact.open(run / "rounds/001/annotations")]
    assert len(none_of_present(prepared(run, source), annotations)) == 2
    edit(run, "rename", ["Cat"], ["Kitten"])
    edit(run, "merge", ["Kitten", "Dog"], ["Pet"])
    assert len(none_of_present(prepared(run, source), annotations)) == 2
    edit(run, "add", ["Glass"])
    pool = prepared(run, source)
    assert len(none_answers(pool, annotations)) == 2
    assert not len(none_of_present(pool, annotations))
    assert not RejectionTexts.read(pool, [], annotations).none_texts
    frame = tables.read(annotations[0].path / "annotations.parquet")
    facts = {"edits": pool.facts["edits"]}
    later = artifact(
        run / "rounds/002/annotations", facts,
        annotations=(frame.filter(pl.col("text") == "lid"), schemas.ANNOTATIONS),
    )  # fmt: skip
    assert len(none_of_present(pool, [*annotations, later])) == 1
    edit(run, "remove", ["Glass"])
    assert len(none_of_present(prepared(run, source), annotations)) == 2


def test_none_of_these_on_a_page_of_before_a_class_was_added_says_nothing_about_it(tmp_path):
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    write_csv(source, ROWS)
    prepared(run, source)
    asked(run)
    with pytest.raises(WaitingForAnnotations):
        run_stage(run, "annotate", parts(source, True), 1)
    edit(run, "add", ["Glass"])
    pool = prepared(run, source)
    answer(run, OF_TEXT | {"jar": NONE})
    run_stage(run, "annotate", with_changes(parts(source, True), run), 1)
    annotations = [Artifact.open(run / "rounds/001/annotations")]
    assert len(none_answers(pool, annotations)) == 1
    assert not len(none_of_present(pool, annotations))
