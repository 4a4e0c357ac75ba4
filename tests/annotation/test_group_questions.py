"""Questions about groups of texts in the queue of a round: answered, undone, resumed, settled."""

from io import StringIO

import numpy as np
import polars as pl
import pytest
from fastapi import HTTPException
from rich.console import Console

from wsal import schemas, tables
from wsal.annotation.annotators import File, Oracle
from wsal.annotation.collect import collected_answers
from wsal.annotation.journal import Event, Journal
from wsal.annotation.label_studio import LabelStudio
from wsal.annotation.llm_annotators import Cascade, Llm
from wsal.annotation.open_round import Item, OpenRound, with_questions
from wsal.annotation.query import Query
from wsal.annotation.questions import (
    GROUP,
    GROUPS,
    GROUPS_FILE,
    NO_QUESTIONS,
    NOT_ALL,
    QUESTIONS,
    QUESTIONS_FILE,
    check_kinds,
    group_id,
    groups_so_far,
    labels_of_groups,
    times_of_kinds,
)
from wsal.annotation.task_queue import TaskQueue
from wsal.annotation.terminal import TerminalRound
from wsal.artifacts import Artifact
from wsal.errors import ConfigError
from wsal.labels import LabelSet
from wsal.rounds.word_gold import gold_of_groups
from wsal.seeding import rng
from wsal.web import panel
from wsal.web.actions import Action, check
from wsal.web.annotator import Web
from wsal.web.items import shown

LABELS = ["Coffee", "Tea"]
TEXTS = {"Tea": ["green tea", "black tea", "white tea"], "Coffee": ["arabica", "robusta", "mocha"]}
TEA, COFFEE = (group_id(label, texts) for label, texts in TEXTS.items())


def questions():
    """Two groups of three texts."""
    rows = [
        {"id": group_id(label, texts), "kind": GROUP, "label": label, "examples": texts,
         "ids": [f"id of {text}" for text in texts], "n_texts": 3, "helps": 0.5}
        for label, texts in TEXTS.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=QUESTIONS)


def queue_of(tmp_path, number=1, n=4, **settings):
    items = {
        str(i): Item(str(i), f"text {i}", {}, "margin", "Tea", 0.9, [], [], blind=False)
        for i in range(n)
    }
    texts = OpenRound(number, items, np.eye(n, 8, dtype=np.float32), LABELS, query_digest="q")
    journal = Journal(tmp_path / "a.sqlite")
    return TaskQueue(journal, with_questions(texts, questions()), **settings)


def event(text_id, label, who="ann", kind="answer", number=1):
    key = f"{who}-{kind}-{text_id}-{number}.0"
    return Event(key, kind, who, number, text_id, label, 6.0)


def collected(queue):
    texts = [i for i, item in queue.round.items.items() if not item.is_group]
    query = Query(
        pl.DataFrame({"id": texts}), LabelSet(tuple(LABELS)), {}, None, questions=questions()
    )
    return {i: (label, who) for i, label, who, _ in collected_answers(queue, query).iter_rows()}


def test_groups_come_first_and_are_answered_undone_and_skipped(tmp_path):
    queue = queue_of(tmp_path)
    assert [i for i, _ in queue.assign("ann", 3, [])] == [TEA, COFFEE, "0"]
    queue.append([event(TEA, "Tea"), event(COFFEE, NOT_ALL)])
    assert collected(queue) == {TEA: ("Tea", "ann"), COFFEE: (NOT_ALL, "ann")}
    assert [e.text for e in queue.events] == ["\n".join(texts) for texts in TEXTS.values()]
    queue.append([Event("undo-1.0", "undo", "ann", 1)])
    assert queue.last_undone("ann") == COFFEE
    assert collected(queue) == {TEA: ("Tea", "ann")}
    queue.append([event(COFFEE, None, kind="skip")])
    assert collected(queue)[COFFEE] == (None, "ann")


def test_a_killed_round_goes_on_where_it_was_and_late_answers_count_in_the_next(tmp_path):
    queue = queue_of(tmp_path)
    queue.append([event(TEA, "Tea"), event("1", "Tea")])
    again = queue_of(tmp_path)
    again.refresh()
    assert collected(again) == {TEA: ("Tea", "ann"), "1": ("Tea", "ann")}
    again.close()
    again.append([event(COFFEE, NOT_ALL, "bob")])
    assert COFFEE not in collected(again)
    later = queue_of(tmp_path, number=2)
    later.refresh()
    assert collected(later)[COFFEE] == (NOT_ALL, "bob")


def test_people_who_disagree_on_a_group_settle_it(tmp_path):
    queue = queue_of(tmp_path, overlap=1.0)
    queue.append([event(TEA, "Tea"), event(TEA, NOT_ALL, "bob")])
    assert queue.ties(queue.answers()) == [TEA]
    assert TEA not in collected(queue)
    queue.append([event(TEA, NOT_ALL, "cy", "settle")])
    assert collected(queue)[TEA] == (NOT_ALL, "ann+bob+cy")


def test_groups_are_neither_rechecked_nor_moved(tmp_path):
    queue = queue_of(tmp_path, n=30, recheck=1.0)
    queue.append([event(i, "Tea") for i in (TEA, COFFEE, *map(str, range(24)))])
    assert len(queue.labelled()[0]) == 24
    queue.rerank()
    assert queue.order[:2] == [TEA, COFFEE]
    again = {i for i, recheck in queue.assign("ann", 20, []) if recheck}
    assert again == {"0", "1", "2", "3"}


def test_the_page_gets_all_texts_and_takes_yes_or_no(tmp_path):
    queue = queue_of(tmp_path)
    group = shown(queue, queue.round.items[TEA])
    assert (group["ask"], group["no"], group["group"]) == ("Tea", NOT_ALL, True)
    assert group["examples"] == TEXTS["Tea"]
    assert not {"group", "ask"} & shown(queue, queue.round.items["1"]).keys()
    action = {"key": "key-of-act", "kind": "answer", "round": 1}
    for label in ("Tea", NOT_ALL):
        check(Action(**action, ids=[TEA], label=label), queue)
    for text_id, label in ((TEA, "Coffee"), ("1", NOT_ALL)):
        with pytest.raises(HTTPException, match="unknown label"):
            check(Action(**action, ids=[text_id], label=label), queue)


def test_the_panel_counts_the_texts_of_a_group(tmp_path):
    queue = queue_of(tmp_path, overlap=1.0)
    for who in ("ann", "bob"):
        queue.append([event(TEA, "Tea", who), event(COFFEE, NOT_ALL, who), event("1", "Tea", who)])
    assert panel.distribution(queue) == [("Tea", 4)]
    assert panel.people(queue.events)["pairs"][0][2] == 1  # agreement is that on single texts


def test_the_terminal_shows_all_texts_and_takes_no_class_for_a_group(tmp_path):
    queue = queue_of(tmp_path, n=2)
    screen = StringIO()
    presses = iter(["1", "\r", "u", "0", "\r", "1", "2"])
    console = Console(file=screen, width=100)
    TerminalRound(queue, "ann", {}, lambda: next(presses), console).run()
    assert collected(queue) == {
        TEA: (NOT_ALL, "ann"),
        COFFEE: ("Coffee", "ann"),
        "0": ("Coffee", "ann"),
        "1": ("Tea", "ann"),
    }
    assert "Are all of these Tea?" in screen.getvalue()
    assert all(f"- {text}" in screen.getvalue() for text in TEXTS["Tea"])


def asked_of_oracle(oracle):
    query = Query(
        pl.DataFrame({"id": ["1"]}), LabelSet(tuple(LABELS)), {"1": 0}, None,
        questions=questions(), group_gold={TEA: "Tea", COFFEE: NOT_ALL},
    )  # fmt: skip
    answers = oracle.annotate(query, rng(0, "annotate"))
    return {row["id"]: (row["label"], row["seconds"]) for row in answers.iter_rows(named=True)}


def test_an_oracle_answers_by_gold_errs_and_skips():
    right = asked_of_oracle(Oracle(seconds=4.0))
    assert right == {"1": ("Coffee", 4.0), TEA: ("Tea", 6.0), COFFEE: (NOT_ALL, 6.0)}
    wrong = asked_of_oracle(Oracle(noise=1.0))
    assert (wrong[TEA][0], wrong[COFFEE][0]) == (NOT_ALL, "Coffee")
    assert {label for label, _ in asked_of_oracle(Oracle(abstains=1.0)).values()} == {None}


@pytest.mark.parametrize(
    ("gold", "expected"),
    [
        ([1, 1, 1, 0, 0, 0], {TEA: "Tea", COFFEE: "Coffee"}),
        ([1, 1, 0, 0, 0, -1], {TEA: NOT_ALL, COFFEE: NOT_ALL}),  # of the last there is no gold
    ],
)
def test_gold_says_yes_only_if_all_texts_have_the_class(tmp_path, gold, expected):
    texts = [text for own in TEXTS.values() for text in own]
    records = pl.DataFrame({"id": [f"id{i}" for i in range(6)], "text": texts})
    records.write_parquet(tmp_path / "pool.parquet")
    known = records.select("id", label=pl.Series(gold)).filter(pl.col("label") >= 0)
    tables.write(known, tmp_path / "gold.parquet", schemas.GOLD)
    labels = LabelSet(tuple(LABELS))
    assert gold_of_groups(Artifact(tmp_path), questions(), labels) == expected
    assert gold_of_groups(Artifact(tmp_path), NO_QUESTIONS, labels) == {}


def test_a_yes_labels_every_text_with_its_share_of_the_seconds(tmp_path):
    answers = pl.DataFrame(
        {"id": [TEA, COFFEE], "label": ["Tea", NOT_ALL], "annotator": "ann", "seconds": [6.0, 9.0],
         "texts": list(TEXTS.values())}, schema=GROUPS,
    )  # fmt: skip
    labels = labels_of_groups(questions(), answers)
    assert labels.rows() == [
        (f"id of {text}", "Tea", "ann", 2.0, text, schemas.TRAIN) for text in TEXTS["Tea"]
    ]
    query, done = tmp_path / "query", tmp_path / "annotations"
    for folder in (query, done):
        folder.mkdir()
    tables.write(questions(), query / QUESTIONS_FILE, QUESTIONS)
    tables.write(answers, done / GROUPS_FILE, GROUPS)
    own = pl.DataFrame({"id": "1", "label": "Tea", "annotator": "ann", "seconds": 4.0,
                        "text": "a text", "purpose": schemas.TRAIN})  # fmt: skip
    annotations = pl.concat([own.cast({"seconds": pl.Float32}), labels])
    tables.write(annotations, done / "annotations.parquet", schemas.ANNOTATIONS)
    queries, rounds = [Artifact(query)], [Artifact(done)]
    assert times_of_kinds(queries, rounds) == {
        "text": [4.0], "word": [], "class": [], "group": [6.0, 9.0]
    }  # fmt: skip
    so_far = groups_so_far(queries, rounds)
    assert so_far.rows() == [(TEXTS["Tea"], 0.5, True), (TEXTS["Coffee"], 0.5, False)]


@pytest.mark.parametrize(
    "annotator", [File(), Llm(), Cascade(people=Oracle()), LabelStudio("http://127.0.0.1:1")]
)
def test_annotators_that_ask_only_about_texts_are_refused(annotator):
    with pytest.raises(ConfigError, match=r"asks only about text, not group.*annotator=web"):
        check_kinds(annotator, ("text", "group"))
    check_kinds(Web(), ("text", "group"))
