"""Which early answers count for which round, by the order of events in the journal alone."""

from dataclasses import replace

import pytest

from wsal.annotation.annotators import Oracle
from wsal.annotation.early import early_texts, keeps_journal, open_in_journal
from wsal.annotation.journal import CLOSED, JOURNAL_FILE, Event, Journal
from wsal.annotation.llm_annotators import Cascade
from wsal.annotation.questions import question_about, word_id
from wsal.annotation.terminal import Terminal
from wsal.web.annotator import Web

ASKED = {1: {"one", "two"}}


@pytest.fixture
def write(tmp_path):
    """A function that appends events to the journal of the run."""
    journal = Journal(tmp_path / JOURNAL_FILE)
    return lambda *events: journal.append(events)


def answer(text, number, who="ann", shown="early", kind="answer"):
    return Event(f"{text}-{number}-{who}-{kind}.0", kind, who, number, text, "Tea", 1.0, shown,
                 text=text)  # fmt: skip


def closed(number):
    return Event(f"closed-{number}", CLOSED, "", number)


def test_what_is_answered_before_the_query_is_part_of_it_and_the_rest_of_the_next(tmp_path, write):
    write(answer("one", 1, shown=""), closed(1), answer("b", 2), answer("a", 2, "bob"))
    assert early_texts(tmp_path, 2, ASKED) == ["b", "a"]
    open_in_journal(tmp_path, 2)
    write(answer("late", 2))  # the page did not know yet that there is a query
    open_in_journal(tmp_path, 2)  # made again: it has the same texts
    assert early_texts(tmp_path, 2, ASKED) == ["b", "a"]
    asked = ASKED | {2: {"a", "b", "c"}}
    write(closed(2), answer("d", 3))
    assert early_texts(tmp_path, 3, asked) == ["late", "d"]
    assert early_texts(tmp_path, 4, asked | {3: {"late", "d"}}) == []
    assert early_texts(tmp_path, 4, asked | {3: {"d"}}) == ["late"]


def test_answers_to_words_are_no_early_texts(tmp_path, write):
    late = replace(answer("tea", 1, shown=""), id=word_id("tea"), text=question_about("tea"))
    write(answer("one", 1, shown=""), closed(1), late)
    assert early_texts(tmp_path, 2, ASKED) == []


def test_what_was_undone_before_the_query_is_not_part_of_it(tmp_path, write):
    write(closed(1), answer("a", 2), answer("b", 2), Event("u.0", "undo", "ann", 2))
    assert early_texts(tmp_path, 2, ASKED) == ["a"]
    open_in_journal(tmp_path, 2)
    write(Event("v.0", "undo", "ann", 2))  # it is asked again, in the open round
    assert early_texts(tmp_path, 2, ASKED) == ["a"]


def test_an_answer_to_a_round_that_was_closed_is_early(tmp_path, write):
    """Somebody ended the round while another person was reading one of its texts."""
    write(answer("one", 1, shown=""), closed(1), answer("two", 1, "bob", shown=""))
    assert early_texts(tmp_path, 2, ASKED) == ["two"]
    assert early_texts(tmp_path, 3, ASKED | {2: {"two"}}) == []


def test_a_text_whose_round_left_it_undecided_does_not_come_back_by_itself(tmp_path, write):
    write(closed(1), answer("a", 2), answer("a", 2, "bob"))
    open_in_journal(tmp_path, 2)
    write(closed(2))
    assert early_texts(tmp_path, 3, ASKED | {2: {"a"}}) == []


def test_answers_that_a_person_gives_twice_to_measure_consistency_are_none(tmp_path, write):
    write(closed(1), answer("a", 2, kind="recheck"))
    assert early_texts(tmp_path, 2, ASKED) == []


def test_who_keeps_a_journal():
    assert keeps_journal(Web())
    assert keeps_journal(Cascade(Terminal()))
    assert not keeps_journal(Cascade(Oracle()))
