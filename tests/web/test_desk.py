"""Who gets which text: leases, overlap, ranking, ties, the end of a round."""

import time
from dataclasses import replace

import numpy as np
import pytest

from wsal.active.journal import Event, Journal
from wsal.web.desk import Desk
from wsal.web.rounds import Item, OpenRound

LABELS = ["Coffee", "Tea"]


def item(number, **more):
    text = f"text number {number}"
    return Item(str(number), text, {"title": text}, "margin", "Tea", 0.5, [], [], False, **more)


def desk(tmp_path, n=30, **more):
    draw = np.random.default_rng(0)
    side = np.arange(n) % 2
    vectors = draw.normal(size=(n, 8)).astype(np.float32)
    vectors[:, 0] += 6 * side
    items = {str(number): item(number) for number in range(n)}
    return Desk(Journal(tmp_path / "a.sqlite"), OpenRound(1, items, vectors, LABELS), **more)


def answer(text, who="ann", label="Tea", key=None, kind="answer"):
    return Event(key or f"{who}-{text}-{kind}.0", kind, who, 1, text, label, 1.0)


def ids(found):
    return [one for one, _ in found]


def test_no_two_people_get_the_same_text(tmp_path):
    at = desk(tmp_path)
    ann, bob = ids(at.next("ann", 10, [])), ids(at.next("bob", 10, []))
    assert len(ann) == len(bob) == 10
    assert not set(ann) & set(bob)
    assert ids(at.next("ann", 10, [])) == ann  # after a reload, one's own come again
    assert not set(ids(at.next("ann", 5, ann))) & set(ann)


def test_a_lease_ends(tmp_path):
    at = desk(tmp_path, lease_seconds=0.05)
    ann = ids(at.next("ann", 30, []))
    assert ids(at.next("bob", 30, [])) == []
    time.sleep(0.06)
    assert ids(at.next("bob", 30, [])) == ann


def test_overlap_asks_two_people_and_never_three(tmp_path):
    at = desk(tmp_path, overlap=1.0)
    first = ids(at.next("ann", 5, []))
    assert ids(at.next("bob", 5, [])) == first
    assert not set(ids(at.next("cy", 5, []))) & set(first)
    at.append([answer(first[0], "ann", "Tea"), answer(first[0], "bob", "Coffee")])
    assert at.ties(at.decided()) == [first[0]]
    assert first[0] not in at.open_ids(at.decided())
    at.append([answer(first[0], "cy", "Tea", kind="settle")])
    assert at.ties(at.decided()) == []


def test_ranked_anew_least_sure_first_and_what_is_on_a_screen_stays(tmp_path):
    at = desk(tmp_path)
    held = ids(at.next("ann", 3, []))
    at.append([answer(str(n), "bob", LABELS[n % 2]) for n in range(10, 20)])
    before = list(at.ranked)
    at.rank()
    assert at.ranked != before
    assert sorted(at.ranked) == sorted(before)
    assert ids(at.next("ann", 3, held))  # further ones
    assert not set(ids(at.next("ann", 3, held))) & set(held)


def test_ranking_is_due_once_for_so_many_answers(tmp_path):
    at = desk(tmp_path)
    assert not at.due()
    at.append([answer(str(n), "bob", LABELS[n % 2]) for n in range(10)])
    assert at.due()
    assert not at.due()


def test_ranking_prefers_what_the_answers_leave_unsure(tmp_path):
    at = desk(tmp_path, n=40)
    at.round.vectors[39] = 0.5 * (at.round.vectors[0] + at.round.vectors[1])
    at.append([answer(str(n), "bob", LABELS[n % 2]) for n in range(30)])
    at.rank()
    assert at.open_ids(at.decided())[0] != "30" or at.ranked.index("39") < 39
    assert at.ranked.index("39") < 9


def test_near_duplicates_wait_for_their_first(tmp_path):
    at = desk(tmp_path, n=4)
    at.round.items["0"] = replace(at.round.items["0"], alike=["1", "2"])
    assert ids(at.next("ann", 9, [])) == ["0", "3"]
    at.append([answer("0")])
    assert ids(at.next("ann", 9, ["3"])) == ["1", "2"]


def test_own_answers_are_asked_again_and_do_not_count_twice(tmp_path):
    at = desk(tmp_path, again=1.0)
    for n in range(30):
        at.append([answer(str(n))])
    again = at.next("ann", 3, [])
    assert again and all(repeated for _, repeated in again)
    assert at.finished()  # the round does not wait for them
    at.append([answer(again[0][0], kind="again", label="Coffee")])
    assert at.decided()[again[0][0]]["ann"].label == "Tea"
    assert again[0] not in at.next("ann", 3, [])


def test_the_end_of_a_round(tmp_path):
    at = desk(tmp_path, n=3)
    assert not at.finished()
    at.append([Event("f1.0", "finish", "ann", 1)])
    assert not at.finished()  # nothing was answered
    at.append([answer("0")])
    assert at.finished()


def test_a_new_desk_knows_what_the_old_one_did(tmp_path):
    at = desk(tmp_path)
    at.append([answer("0"), answer("1", kind="skip", label=None)])
    new = desk(tmp_path)
    new.refresh()
    assert new.decided().keys() == {"0", "1"}
    assert not {"0", "1"} & set(ids(new.next("bob", 30, [])))


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_undo_gives_the_text_back(tmp_path, who):
    at = desk(tmp_path)
    at.append([answer("4", who), answer("5", who)])
    at.append([Event("undo1.0", "undo", who, 1)])
    assert at.undone(who) == "5"
    assert "5" in at.open_ids(at.decided())
    at.append([Event("undo2.0", "undo", who, 1)])
    assert at.undone(who) == "4"
