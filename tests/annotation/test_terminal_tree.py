"""Walking down a class tree at the terminal."""

import numpy as np
import pytest
from rich.console import Console

from wsal.annotation.journal import Journal
from wsal.annotation.keyboard import DOWN, ESCAPE, LEFT
from wsal.annotation.open_round import Item, OpenRound
from wsal.annotation.task_queue import TaskQueue
from wsal.annotation.terminal import TerminalRound
from wsal.annotation.terminal_tree import best_match
from wsal.data.class_history import ClassHistory
from wsal.data.taxonomy import Taxonomy

PATHS = ["Food > Hot > Tea", "Food > Hot > Cocoa", "Food > Cola", "Pets"]


def answered(tmp_path, pressed, paths=PATHS):
    """The answers and the screens of somebody who presses keys and then ends the round."""
    taxonomy = Taxonomy.of(paths)
    texts = [f"text {i}" for i in range(4)]
    items = {t: Item(t, t, {}, "unsure", paths[0], 0.5, [], [], blind=False) for t in texts}
    classes = ClassHistory(taxonomy.leaves, is_tree=True, aliases=taxonomy.names)
    opened = OpenRound(
        1, items, np.zeros((4, 2), np.float32), list(taxonomy.leaves), classes=classes,
        descriptions={"Food": "What people eat or drink."},
    )  # fmt: skip
    journal = Journal(tmp_path / "answers.sqlite")
    console = Console(record=True, width=100, highlight=False)
    keys = iter([*pressed, "e", "e"])
    TerminalRound(TaskQueue(journal, opened), "ann", {}, lambda: next(keys), console).run()
    events = [event for _, event in journal.events() if event.id]
    return [(event.kind, event.label) for event in events], console.export_text()


@pytest.mark.parametrize(
    ("pressed", "label"),
    [
        ("112", "Food > Hot > Cocoa"),
        ("11.", "Food > Hot"),
        ("1.", "Food"),
        (".2", "Pets"),  # nothing stops at the top
        ("1\x7f2", "Pets"),
        (["1", "1", LEFT, LEFT, "2"], "Pets"),
        (["/", *"foo co", "\r"], "Food > Cola"),
        (["/", *"co", DOWN, "\r"], "Food > Hot > Cocoa"),
        (["/", *"ho", "\r", "1"], "Food > Hot > Tea"),
        (["/", *"ho", ESCAPE, "2"], "Pets"),
        (["/", *"nothing", "\r", ESCAPE, "2"], "Pets"),
    ],
)
def test_keys_lead_to_answers(tmp_path, pressed, label):
    answers, _ = answered(tmp_path, pressed)
    assert answers == [("answer", label)]


def test_each_text_begins_at_the_top_and_undo_works(tmp_path):
    answers, screen = answered(tmp_path, ["1", "2", "1", ".", "u", "2"])
    assert answers == [("answer", "Food > Cola"), ("answer", "Food"), ("answer", "Pets")]
    assert screen.count("text 1") > 2  # which is asked again
    assert "All classes > Food" in screen
    assert "What people eat or drink." in screen
    assert "stop here" in screen


def test_a_flat_pool_has_no_keys_for_trees(tmp_path):
    answers, screen = answered(tmp_path, [".", "\x7f", "2"], ["tea", "cola", "pets"])
    assert answers == [("answer", "cola")]
    assert "All classes" not in screen
    assert "stop here" not in screen


def test_the_class_that_begins_with_what_was_typed_comes_first():
    assert best_match("cl", ["vacuum cleaners", "clothes"]) == "clothes"
    assert best_match("", ["a"]) is None
    assert best_match("x", ["a"]) == ""
