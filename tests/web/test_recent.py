"""The last answers of a person: which are listed, and which can still be changed."""

import pytest
from annotation.test_task_queue import answer, queue_of
from fastapi import HTTPException
from web.test_app import TOKEN, act, person, served

from wsal.annotation.journal import ANSWER, Event
from wsal.web.actions import Action
from wsal.web.items import undone
from wsal.web.recent import MOST, is_in_force, queue_to_change, recent
from wsal.web.site import Site


def changed(text, label, who="ann", n=0):
    return Event(f"{who}-{text}-changed-{n}.0", ANSWER, who, 1, text, label, 1.0)


def listed(name, queue):
    return [(one["item"]["id"], one["label"]) for one in recent(name, [queue], [queue])]


def change_of(*ids, kind="answer"):
    return Action(key="key-of-change", kind=kind, round=1, ids=list(ids), label="Tea", change=True)


def test_the_newest_ten_come_first_and_each_text_once(tmp_path):
    queue = queue_of(tmp_path)
    queue.append([answer(str(n)) for n in range(12)])
    queue.append([answer("20", "bob")])
    assert [text for text, _ in listed("ann", queue)] == [str(n) for n in range(11, 1, -1)]
    queue.append([changed("5", "Coffee")])
    assert listed("ann", queue)[:2] == [("5", "Coffee"), ("11", "Tea")]
    assert len(listed("ann", queue)) == MOST
    assert listed("bob", queue) == [("20", "Tea")]
    queue.append([answer("5", kind="recheck")])  # whether it differs is measured
    assert listed("ann", queue)[0] == ("5", "Coffee")


def test_an_undo_brings_the_answer_before_the_change_back(tmp_path):
    queue = queue_of(tmp_path)
    queue.append([answer("5"), answer("6")])
    queue.append([changed("5", "Coffee")])
    assert queue.answers()["5"]["ann"].label == "Coffee"
    queue.append([Event("undo-1", "undo", "ann", 1)])
    assert queue.answers()["5"]["ann"].label == "Tea"
    assert undone("ann", [queue])["answered"] == {"kind": ANSWER, "label": "Tea"}
    assert listed("ann", queue) == [("6", "Tea"), ("5", "Tea")]


def test_texts_decided_together_are_changed_together(tmp_path):
    queue = queue_of(tmp_path)
    both = [Event(f"one-action.{n}", ANSWER, "ann", 1, str(n), "Tea") for n in (3, 4)]
    queue.append(both)
    (entry,) = recent("ann", [queue], [queue])
    assert [one["id"] for one in entry["item"]["duplicates"]] == ["4"]
    queue.append([changed("4", "Coffee")])  # on its own
    newest, older = recent("ann", [queue], [queue])
    assert (newest["item"]["id"], newest["item"]["duplicates"]) == ("4", [])
    assert (older["item"]["id"], older["item"]["duplicates"]) == ("3", [])


def test_only_ones_own_answers_can_be_changed_and_not_what_another_has_settled(tmp_path):
    queue = queue_of(tmp_path, overlap=1.0)
    queue.append([answer("5"), answer("5", "bob", "Coffee"), answer("6", "bob")])
    assert queue_to_change(change_of("5"), "ann", [queue]) is queue
    for ids in (["6"], ["7"], ["5", "6"], []):
        with pytest.raises(HTTPException, match="too late"):
            queue_to_change(change_of(*ids), "ann", [queue])
    with pytest.raises(HTTPException, match="cannot be changed into 'recheck'"):
        queue_to_change(change_of("5", kind="recheck"), "ann", [queue])
    queue.append([answer("5", "bob", kind="settle")])
    (entry,) = recent("ann", [queue], [queue])
    assert ("item" in entry, entry["why"]) == (False, "bob has settled it")
    assert listed("bob", queue) == [("5", "Tea"), ("6", "Tea")]
    with pytest.raises(HTTPException, match="too late"):
        queue_to_change(change_of("5"), "ann", [queue])


def test_an_answer_of_a_round_that_was_trained_on_stays(tmp_path):
    queue = queue_of(tmp_path)
    queue.append([answer("5")])
    queue.close()
    (entry,) = recent("ann", [], [queue])
    assert entry["why"] == "its round has been trained on"
    assert entry["text"] == "text number 5"
    late = [changed("5", "Coffee")]
    queue.append(late)
    assert not is_in_force(late, queue)
    assert queue.answers()["5"]["ann"].label == "Tea"


def test_a_changed_answer_is_rechecked_once(tmp_path):
    queue = queue_of(tmp_path, recheck=1.0)
    queue.append([answer(str(n)) for n in range(25)])
    queue.append([changed("0", "Coffee"), changed("1", "Coffee")])
    due = [text for text, again in queue.assign("ann", 30, []) if again]
    assert due == ["2", "3", "4", "5", "6"]  # those changed count as answered just now, and once


@pytest.fixture
def early(run):
    """The page of a run with a second round to come."""
    site = Site(run / "runs" / "w", {TOKEN: ""}, early_until=2)
    site.update()
    with served(site):
        yield site


def recent_of(client):
    return client.get("/api/state").json()["recent"]


def test_over_the_end_of_a_round_only_answers_that_still_count_can_be_changed(early):
    with person(early) as ann, person(early, "bob") as bob:
        taken = ann.get("/api/next?n=1").json()["items"][0]["id"]
        act(ann, taken)
        assert recent_of(bob) == []
        assert recent_of(ann)[0]["item"]["answered"] == {"kind": "answer", "label": "Coffee"}
        assert act(bob, taken, "Laptops", change=True).status_code == 409
        done = act(ann, taken, "Laptops", key="key-of-change", change=True)
        assert (done.status_code, "late" in done.json()) == (200, False)
        assert recent_of(ann)[0]["label"] == "Laptops"

        early.open_queue.close()
        item = ann.get("/api/next?n=1").json()["items"][0]
        assert item["early"]
        act(ann, item["id"], round=2)
        newest, older = recent_of(ann)
        assert (newest["item"]["id"], older["why"]) == (item["id"], "its round has been trained on")
        n_events = len(early.early_queue.journal.events())
        refused = act(ann, taken, "Phones", key="late-change", change=True)
        assert (refused.status_code, "trained on" in refused.json()["detail"]) == (409, True)
        assert len(early.early_queue.journal.events()) == n_events
        act(ann, item["id"], "Phones", round=2, key="early-change", change=True)
        (answers,) = early.early_queue.answers().values()
        assert (answers["ann"].label, answers["ann"].shown) == ("Phones", "early")
        assert early.open_queue.answers()[taken]["ann"].label == "Laptops"
        early.over = "The last round is done."
        assert [one["why"] for one in recent_of(ann)] == [
            "nothing is asked any more",
            "its round has been trained on",
        ]


def test_a_round_that_ends_while_an_answer_is_changed_is_reported(early, monkeypatch):
    with person(early) as ann:
        taken = ann.get("/api/next?n=1").json()["items"][0]["id"]
        act(ann, taken)
        queue = early.open_queue
        append = queue.append

        def ended_before(events):
            monkeypatch.setattr(queue, "append", append)
            queue.close()
            return append(events)

        monkeypatch.setattr(queue, "append", ended_before)
        done = act(ann, taken, "Laptops", key="key-of-change", change=True).json()
        assert done["late"] == "its round has been trained on"
        assert queue.answers()[taken]["ann"].label == "Coffee"
