"""Questions about words, and by yes or no, in the queue of a round: answered, undone, resumed."""

from dataclasses import replace
from io import StringIO

import numpy as np
import polars as pl
import pytest
from fastapi import HTTPException
from rich.console import Console

from wsal.annotation.annotators import File, Oracle
from wsal.annotation.collect import collected_answers
from wsal.annotation.journal import Event, Journal
from wsal.annotation.label_studio import LabelStudio
from wsal.annotation.llm_annotators import Cascade, Llm
from wsal.annotation.open_round import Item, OpenRound, with_questions
from wsal.annotation.query import Query
from wsal.annotation.questions import (
    CLASS,
    DEPENDS,
    NO_QUESTIONS,
    WORD,
    check_kinds,
    question_about,
    word_id,
)
from wsal.annotation.task_queue import TaskQueue
from wsal.annotation.terminal import TerminalRound
from wsal.errors import ConfigError
from wsal.labels import LabelSet
from wsal.seeding import rng
from wsal.web import panel
from wsal.web.actions import Action, check
from wsal.web.annotator import Web
from wsal.web.items import shown

LABELS = ["Coffee", "Tea"]
ARABICA, VENDOR = word_id("arabica"), word_id("vendor")


def questions(*more):
    """Two words, and what `more` says."""
    words = [
        {"id": word_id(word), "kind": WORD, "word": word, "n_texts": 90, "examples": [f"a {word}"]}
        for word in ("arabica", "vendor")
    ]
    return pl.concat([NO_QUESTIONS, pl.DataFrame([*words, *more])], how="diagonal_relaxed")


def queue_of(tmp_path, *more, number=1, n=6, **settings):
    items = {
        str(i): Item(str(i), f"text {i}", {}, "margin", "Tea", 0.9, [], [], blind=i == 0)
        for i in range(n)
    }
    vectors = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    texts = OpenRound(number, items, vectors, LABELS, query_digest=f"of {number}")
    opened = with_questions(texts, questions(*more))
    return TaskQueue(Journal(tmp_path / "a.sqlite"), opened, **settings)


def event(text_id, label, who="ann", kind="answer", number=1, key=None):
    return Event(
        key or f"{who}-{kind}-{text_id}-{number}.0", kind, who, number, text_id, label, 5.0
    )


def collected(queue):
    texts = pl.DataFrame({"id": [i for i, item in queue.round.items.items() if not item.is_word]})
    query = Query(texts, LabelSet(tuple(LABELS)), {}, None, questions=questions())
    return {i: (label, who) for i, label, who, _ in collected_answers(queue, query).iter_rows()}


def test_words_come_first_and_are_answered_undone_and_skipped(tmp_path):
    queue = queue_of(tmp_path)
    assert [i for i, _ in queue.assign("ann", 3, [])] == [ARABICA, VENDOR, "0"]
    queue.append([event(ARABICA, "Coffee"), event(VENDOR, DEPENDS)])
    assert collected(queue) == {ARABICA: ("Coffee", "ann"), VENDOR: (DEPENDS, "ann")}
    queue.append([Event("undo-1.0", "undo", "ann", 1)])
    assert queue.last_undone("ann") == VENDOR
    assert collected(queue) == {ARABICA: ("Coffee", "ann")}
    queue.append([event(VENDOR, None, kind="skip")])
    assert collected(queue)[VENDOR] == (None, "ann")


def test_a_text_whose_id_looks_like_that_of_a_word_is_asked_too(tmp_path):
    items = {"word:arabica": Item("word:arabica", "a", {}, "", "Tea", 0.9, [], [], blind=False)}
    texts = OpenRound(1, items, np.zeros((1, 4), np.float32), LABELS)
    kinds = [item.kind for item in with_questions(texts, questions()).items.values()]
    assert kinds == [WORD, WORD, "text"]


def test_a_killed_round_goes_on_where_it_was(tmp_path):
    queue_of(tmp_path).append([event(ARABICA, "Coffee"), event("1", "Tea")])
    again = queue_of(tmp_path)
    again.refresh()
    assert collected(again) == {ARABICA: ("Coffee", "ann"), "1": ("Tea", "ann")}
    assert ARABICA not in again.open_ids(again.answers())


def test_people_who_disagree_on_a_word_settle_it(tmp_path):
    queue = queue_of(tmp_path, overlap=1.0)
    queue.append([event(ARABICA, "Coffee"), event(ARABICA, DEPENDS, "bob")])
    assert queue.ties(queue.answers()) == [ARABICA]
    assert ARABICA not in collected(queue)
    queue.append([event(ARABICA, DEPENDS, "cy", "settle")])
    assert collected(queue)[ARABICA] == (DEPENDS, "ann+bob+cy")


def test_an_answer_that_came_too_late_counts_when_the_word_is_asked_again(tmp_path):
    queue = queue_of(tmp_path)
    queue.append([event("1", "Tea"), Event("end-of-1.0", "finish", "ann", 1)])
    assert queue.finished()
    queue.close()
    queue.append([event(ARABICA, "Coffee", "bob")])
    assert ARABICA not in collected(queue)
    later = queue_of(tmp_path, number=2)
    later.refresh()
    assert collected(later) == {ARABICA: ("Coffee", "bob")}


def test_answers_to_words_alone_do_not_end_the_first_round(tmp_path):
    queue = queue_of(tmp_path)
    queue.append([event(ARABICA, "Coffee"), Event("end-of-1.0", "finish", "ann", 1)])
    assert not queue.finished()
    queue.append([event("1", "Tea"), Event("end-of-1.1", "finish", "ann", 1)])
    assert queue.finished()


def test_texts_are_ranked_and_words_keep_their_places(tmp_path):
    queue = queue_of(tmp_path, n=30)
    queue.append([event(ARABICA, "Coffee"), *(event(str(i), LABELS[i % 2]) for i in range(8))])
    vectors, labels = queue.labelled()
    assert len(vectors) == len(labels) == 8
    queue.rerank()
    assert queue.order[:2] == [ARABICA, VENDOR]
    assert sorted(queue.order) == sorted(queue.round.items)


def test_the_page_gets_words_with_examples_and_guesses_to_be_confirmed(tmp_path):
    asked = {"id": "1", "kind": CLASS, "label": "Tea"}
    queue = queue_of(tmp_path, asked, asked | {"id": "0"})
    items = queue.round.items
    word = shown(queue, items[ARABICA])
    assert word["text"] == question_about("arabica")
    assert (word["word"], word["examples"], word["depends"]) == ("arabica", ["a arabica"], DEPENDS)
    assert shown(queue, items["1"])["ask"] == "Tea"
    assert not {"ask", "word"} & shown(queue, items["0"]).keys()  # guesses of it are never shown
    assert not {"ask", "word"} & shown(queue, items["2"]).keys()


def test_only_a_word_may_depend(tmp_path):
    queue = queue_of(tmp_path)
    action = {"key": "key-of-act", "kind": "answer", "round": 1, "label": DEPENDS}
    check(Action(**action, ids=[ARABICA]), queue)
    with pytest.raises(HTTPException, match="unknown label"):
        check(Action(**action, ids=["1"]), queue)
    with pytest.raises(HTTPException, match="unknown label"):
        check(Action(**action, ids=[ARABICA, "1"]), queue)


def test_the_panel_counts_labels_of_texts_only(tmp_path):
    queue = queue_of(tmp_path, overlap=1.0)
    queue.append([event(i, "Tea", who) for i in ("1", ARABICA) for who in ("ann", "bob")])
    assert panel.distribution(queue) == [("Tea", 1)]
    assert panel.people(queue.events)["pairs"][0][2] == 1


def test_the_terminal_asks_words_and_confirms_guesses(tmp_path):
    queue = queue_of(tmp_path, {"id": "1", "kind": CLASS, "label": "Tea"}, n=2)
    screen = StringIO()
    presses = iter(["1", "0", "u", "2", "2", "\r"])
    console = Console(file=screen, width=100)
    TerminalRound(queue, "ann", {}, lambda: next(presses), console).run()
    assert collected(queue) == {
        ARABICA: ("Coffee", "ann"), VENDOR: ("Tea", "ann"), "0": ("Tea", "ann"), "1": ("Tea", "ann")
    }  # fmt: skip
    assert "- a vendor" in screen.getvalue()
    assert "0 it depends" in screen.getvalue()
    assert "is this Tea? Enter: yes" in screen.getvalue()


def asked_of_oracle(oracle, n=400):
    gold = rng(0, "gold").integers(0, 2, n)
    table = pl.DataFrame({"id": [str(i) for i in range(n)]})
    yes_or_no = [{"id": str(i), "kind": CLASS, "label": "Tea"} for i in range(100)]
    query = Query(
        table, LabelSet(tuple(LABELS)), dict(zip(table["id"], gold, strict=True)), None,
        questions=questions(*yes_or_no), word_gold={"arabica": "Coffee", "vendor": DEPENDS},
    )  # fmt: skip
    return gold, oracle.annotate(query, rng(0, "annotate"))


def test_an_oracle_answers_words_by_gold_and_takes_the_time_of_each_kind():
    gold, table = asked_of_oracle(Oracle(seconds=4.0))
    answers = {row["id"]: row for row in table.iter_rows(named=True)}
    assert answers[ARABICA]["label"] == "Coffee"
    assert answers[VENDOR]["label"] == DEPENDS
    assert answers[ARABICA]["seconds"] == 5.0
    for i in range(400):
        own = answers[str(i)]
        assert own["label"] == LABELS[gold[i]]
        assert own["seconds"] == (4.0 if i >= 100 else 2.0 if gold[i] else 6.0)


def test_an_oracle_errs_and_skips_on_words_too():
    _, wrong = asked_of_oracle(Oracle(noise=1.0))
    by_id = dict(wrong.select("id", "label").iter_rows())
    assert by_id[ARABICA] == "Tea"
    assert by_id[VENDOR] in LABELS
    _, skipped = asked_of_oracle(Oracle(abstains=1.0))
    assert skipped["label"].null_count() == len(skipped)


@pytest.mark.parametrize(
    "annotator", [File(), Llm(), Cascade(people=Oracle()), LabelStudio("http://127.0.0.1:1")]
)
def test_annotators_that_ask_only_about_texts_are_refused(annotator):
    check_kinds(annotator, ("text",))
    with pytest.raises(ConfigError, match=r"asks only about text, not word.*annotator=web"):
        check_kinds(annotator, ("text", "word"))


def test_the_page_asks_all_kinds():
    check_kinds(Web(), ("text", "word", "class"))
    assert replace(Web(), port=1).asks == Oracle().asks
