"""The states of a run, and what changed between two of them."""

import numpy as np
import polars as pl
import pytest
from test_answers import answer, answered_round, parts, write_csv

from wsal.artifacts import create
from wsal.changes import ClassEdit
from wsal.commands.data_diff import lines_of
from wsal.errors import ConfigError
from wsal.run.changes import with_changes
from wsal.run.class_changes import opened_classes, record, undo
from wsal.run.history import record_state, state_numbered, states_of
from wsal.run.history_diff import difference
from wsal.run.pipeline import run_stage

ROWS = [("a", "red mug"), ("b", "big pan"), ("c", "jar"), ("d", "lid")]
OF_TEXT = {"red mug": "Cat", "big pan": "Cat", "jar": "Dog", "lid": "Fish"}


def went_on(run, source, predicted, rules=()):
    """What a command would have made, with these predictions, and the state after it."""
    components = with_changes(parts(source, True), run)
    pool = run_stage(run, "prepare", components).artifact
    labels = pool.facts["labels"]
    numbers = [labels.index(name) for name in predicted]
    inputs = {"pool": pool.digest}
    with create(run / "embeddings", {}, inputs) as (work, _):
        np.save(work / "probs.npy", np.eye(len(labels), dtype=np.float16)[numbers])
    with create(run / "votes", {"rules": {"node": dict(rules), "content": {}}}, inputs):
        pass
    record_state(run)


@pytest.fixture
def went_through(tmp_path):
    """A run with three states: an edit of classes, then another table, rules and answers."""
    run, source = tmp_path / "run", tmp_path / "shop.csv"
    answered_round(run, source, ROWS, True, OF_TEXT.get)
    rules = {"cats": {"words": ["mug"]}, "dogs": {"words": ["jar"]}}
    went_on(run, source, ["Cat", "Dog", "Dog", "Fish"], rules)
    record(opened_classes(run), ClassEdit("rename", ("Cat",), ("Kitten",)), "ann")
    went_on(run, source, ["Kitten", "Kitten", "Dog", "Fish"], rules)
    write_csv(source, [("a", "red mug"), ("b", "big pan with a lid"), ("c", "jar"), ("e", "cup")])
    answer(run, OF_TEXT | {"jar": "Fish"})  # corrected
    run_stage(run, "prepare", with_changes(parts(source, True), run))
    run_stage(run, "annotate", with_changes(parts(source, True), run), 1)
    new_rules = {"cats": {"words": ["mugs"]}, "fish": {"words": ["lid"]}}
    went_on(run, source, ["Kitten", "Kitten", "Dog", "Fish"], new_rules)
    return run


def test_a_renamed_class_changes_no_answer_and_a_prediction_counts_once(went_through):
    run = went_through
    first, second, third = states_of(run)
    assert (first.number, third.number) == (1, 3)
    assert second.facts["texts_in"] == "002"
    diff = difference(first, second)
    assert diff.edits == ["rename Cat to Kitten"]
    assert not diff.new_classes
    assert not diff.dropped_classes
    assert diff.answers.is_empty()
    assert diff.flipped.rows() == [("b", "Dog", "Kitten")]
    assert diff.in_words == ["1 edit of classes", "1 prediction of 4 flipped"]


def test_texts_rules_and_answers_that_changed_are_told_apart(went_through):
    _, second, third = states_of(went_through)
    diff = difference(second, third)
    assert (diff.added, diff.withdrawn, diff.changed) == (["e"], ["d"], ["b"])
    assert diff.new_rules == ["fish"]
    assert diff.dropped_rules == ["dogs"]
    assert diff.edited_rules == ["cats"]
    assert diff.answers.rows() == [
        ("b", "Kitten", None), ("c", "Dog", "Fish"), ("d", "Fish", None)]  # fmt: skip
    lines = lines_of(diff, most=1)
    assert lines[0] == "texts added (1): e"
    assert "answers (3)" in lines
    assert "  and 2 other kinds" in lines
    back = difference(third, second)
    assert (back.added, back.withdrawn) == (["d"], ["e"])


def test_a_state_is_added_only_when_something_has_changed(went_through, tmp_path):
    run = went_through
    record_state(run)
    assert len(states_of(run)) == 3
    (run / "history/004.unfinished").mkdir()  # of a command that was killed
    undo(opened_classes(run), "ann")
    went_on(run, tmp_path / "shop.csv", ["Cat", "Cat", "Dog", "Fish"])
    assert [state.number for state in states_of(run)] == [1, 2, 3, 4]
    assert not (run / "history/004.unfinished").exists()
    diff = difference(*states_of(run)[2:])
    assert diff.edits == ["rename Cat to Kitten (undone)"]
    assert diff.flipped.is_empty()
    with pytest.raises(ConfigError, match="no state 9; its states are 1 to 4"):
        state_numbered(run, 9)
    assert isinstance(state_numbered(run, 4).texts, pl.DataFrame)
