"""Who gets which text: leases, overlap, ranking, ties, the end of a round."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsal.annotation.collect import collected_answers
from wsal.annotation.highlights import highlights
from wsal.annotation.journal import Event, Journal
from wsal.annotation.near_duplicates import SIMILAR, group_duplicates
from wsal.annotation.open_round import Item, OpenRound
from wsal.annotation.query import Query
from wsal.annotation.task_queue import TaskQueue
from wsal.guidelines import read_guidelines
from wsal.labels import LabelSet

LABELS = ["Coffee", "Tea"]


def item(number, **more):
    text = f"text number {number}"
    return Item(str(number), text, {"title": text}, "margin", "Tea", 0.5, [], [], False, **more)


def queue_of(tmp_path, n=30, **more):
    draw = np.random.default_rng(0)
    side = np.arange(n) % 2
    vectors = draw.normal(size=(n, 8)).astype(np.float32)
    vectors[:, 0] += 6 * side
    items = {str(number): item(number) for number in range(n)}
    return TaskQueue(Journal(tmp_path / "a.sqlite"), OpenRound(1, items, vectors, LABELS), **more)


def answer(text, who="ann", label="Tea", key=None, kind="answer"):
    return Event(key or f"{who}-{text}-{kind}.0", kind, who, 1, text, label, 1.0)


def ids(assigned):
    return [one for one, _ in assigned]


def test_no_two_people_get_the_same_text(tmp_path):
    queue = queue_of(tmp_path)
    ann, bob = ids(queue.assign("ann", 10, [])), ids(queue.assign("bob", 10, []))
    assert len(ann) == len(bob) == 10
    assert not set(ann) & set(bob)
    assert ids(queue.assign("ann", 10, [])) == ann  # after a reload, one's own come again
    assert not set(ids(queue.assign("ann", 5, ann))) & set(ann)


def test_a_lease_ends(tmp_path):
    now = 0.0
    queue = queue_of(tmp_path, lease_seconds=60.0, clock=lambda: now)
    ann = ids(queue.assign("ann", 30, []))
    now = 59.9
    assert ids(queue.assign("bob", 30, [])) == []
    now = 60.1
    assert ids(queue.assign("bob", 30, [])) == ann


def test_overlap_asks_two_people_and_never_three(tmp_path):
    queue = queue_of(tmp_path, overlap=1.0)
    first = ids(queue.assign("ann", 5, []))
    assert ids(queue.assign("bob", 5, [])) == first
    assert not set(ids(queue.assign("cy", 5, []))) & set(first)
    queue.append([answer(first[0], "ann", "Tea"), answer(first[0], "bob", "Coffee")])
    assert queue.ties(queue.answers()) == [first[0]]
    assert first[0] not in queue.open_ids(queue.answers())
    queue.append([answer(first[0], "cy", "Tea", kind="settle")])
    assert queue.ties(queue.answers()) == []


def test_ranked_anew_least_sure_first_and_what_is_on_a_screen_stays(tmp_path):
    queue = queue_of(tmp_path)
    held = ids(queue.assign("ann", 3, []))
    assert held == ["0", "1", "2"]
    queue.append([answer(str(n), "bob", LABELS[n % 2]) for n in range(10, 20)])
    for n, share in ((25, 0.5), (27, 0.45)):  # between the two classes
        queue.round.vectors[n] = (1 - share) * queue.round.vectors[
            10
        ] + share * queue.round.vectors[11]
    queue.rerank()
    left = queue.open_ids(queue.answers())
    assert sorted(left, key=int) == [str(n) for n in (*range(10), *range(20, 30))]
    assert {left.index("25"), left.index("27")} <= set(range(10))  # they were 15th and 17th
    assert ids(queue.assign("ann", 3, held)) == [one for one in left if one not in held][:3]


def test_ranking_is_due_once_for_so_many_answers(tmp_path):
    queue = queue_of(tmp_path)
    assert not queue.ranking_is_due()
    queue.append([answer(str(n), "bob", LABELS[n % 2]) for n in range(10)])
    assert queue.ranking_is_due()
    assert not queue.ranking_is_due()


def test_ranking_prefers_what_the_answers_leave_unsure(tmp_path):
    queue = queue_of(tmp_path, n=40)
    queue.round.vectors[39] = 0.5 * (queue.round.vectors[0] + queue.round.vectors[1])
    queue.append([answer(str(n), "bob", LABELS[n % 2]) for n in range(30)])
    queue.rerank()
    left = queue.open_ids(queue.answers())
    assert sorted(left) == [str(n) for n in range(30, 40)]
    assert left.index("39") < 9  # it was the last; its place counts for as much as its margin


def test_near_duplicates_wait_for_their_first(tmp_path):
    queue = queue_of(tmp_path, n=4)
    queue.round.items["0"] = replace(queue.round.items["0"], duplicates=["1", "2"])
    assert ids(queue.assign("ann", 9, [])) == ["0", "3"]
    queue.append([answer("0")])
    assert ids(queue.assign("ann", 9, ["3"])) == ["1", "2"]


def test_own_answers_are_asked_again_and_do_not_count_twice(tmp_path):
    queue = queue_of(tmp_path, recheck=1.0)
    for n in range(30):
        queue.append([answer(str(n))])
    again = queue.assign("ann", 3, [])
    assert again and all(repeated for _, repeated in again)
    assert queue.finished()  # the round does not wait for them
    queue.append([answer(again[0][0], kind="recheck", label="Coffee")])
    assert queue.answers()[again[0][0]]["ann"].label == "Tea"
    assert again[0] not in queue.assign("ann", 3, [])


def with_evaluation(tmp_path, which, n=30, number=1, **more):
    """A queue with some evaluation texts."""
    queue = queue_of(tmp_path, n, **more)
    items = {
        one: replace(some, evaluates=int(one) in which) for one, some in queue.round.items.items()
    }
    return replace(queue, round=replace(queue.round, items=items, number=number), order=[])


def test_what_measures_keeps_its_place_whatever_is_answered(tmp_path):
    which = {1, 4, 5, 11, 20, 21, 22, 29}
    queue = with_evaluation(tmp_path, which)
    before = list(queue.order)
    events = [answer(str(n), "bob", LABELS[n % 2]) for n in (0, 2, 3, 1, 4, 12, 13, 25)]
    for n, event in enumerate(events, 1):
        queue.append([event])
        queue.rerank()
        assert [queue.order[i] for i in sorted(which)] == [str(i) for i in sorted(which)]
        assert sorted(queue.order) == sorted(before)
        done = {one.id for one in events[:n]}
        training = [one for one in queue.order if int(one) not in which]
        assert set(training[: len(done - {"1", "4"})]) == done - {"1", "4"}  # those left come next
    assert queue.order != before


def test_answers_to_what_measures_rank_nothing(tmp_path):
    queue = with_evaluation(tmp_path, set(range(20)))
    queue.round.vectors[29] = 0.5 * (queue.round.vectors[0] + queue.round.vectors[1])
    before = list(queue.order)
    queue.append([answer(str(n), "bob", LABELS[n % 2]) for n in range(20)])
    queue.rerank()
    assert queue.order == before


def finish(key="f1.0", number=1):
    return Event(key, "finish", "ann", number)


def test_the_end_of_a_round_is_not_the_end_of_another_query_of_the_same_number(tmp_path):
    queue = queue_of(tmp_path, n=4)
    queue.round = replace(queue.round, query_digest="first")
    queue.append([answer("0"), finish()])
    assert queue.finished()
    other = queue_of(tmp_path, n=6)  # the folder was deleted, and texts were chosen once more
    other.round = replace(other.round, query_digest="second")
    other.refresh()
    assert list(other.answers()) == ["0"]
    assert not other.finished()
    queue.refresh()
    assert queue.finished()


def test_a_round_cannot_be_ended_before_there_is_something_to_learn_from(tmp_path):
    queue = with_evaluation(tmp_path, {2})
    queue.append([finish()])
    assert not queue.finished()
    queue.append([answer("0")])
    assert not queue.finished()  # it was pressed too early, and has no effect later
    queue.append([finish("f2.0")])
    assert queue.finished()
    queue.append([Event("u.0", "undo", "ann", 1)])
    assert not queue.finished()


@pytest.mark.parametrize(("number", "ended"), [(1, False), (2, True)])
def test_in_the_first_round_skips_and_what_measures_are_not_enough(tmp_path, number, ended):
    queue = with_evaluation(tmp_path, {2}, number=number)
    queue.append([
        replace(event, round=number)
        for event in (answer("2"), answer("0", kind="skip", label=None), finish())
    ])  # fmt: skip
    assert queue.finished() == ended


def test_a_person_called_settle_is_a_person(tmp_path):
    queue = queue_of(tmp_path, overlap=1.0)
    queue.append([answer("0", "settle", "Tea")])
    assert "0" in queue.open_ids(queue.answers())
    queue.append([answer("0", "bob", "Coffee")])
    assert queue.ties(queue.answers()) == ["0"]


def collected(queue):
    table = collected_answers(
        queue, Query(pl.DataFrame({"id": list(queue.round.items)}), LabelSet(()), {}, None)
    )
    return {one: (label, who) for one, label, who, _ in table.iter_rows()}


def test_only_what_people_decided_is_collected(tmp_path):
    queue = queue_of(tmp_path, n=9)
    queue.append([
        answer("0"), answer("1", kind="skip", label=None), answer("2", kind="unsure", label=None),
        answer("3"), Event("u.0", "undo", "ann", 1), finish(),
    ])  # fmt: skip
    assert collected(queue) == {"0": ("Tea", "ann"), "1": (None, "ann"), "2": (None, "ann")}
    assert collected(queue_of(tmp_path / "..", n=9)) == {}


def test_a_tie_left_open_counts_by_chance_where_it_measures_and_else_not_at_all(tmp_path):
    queue = with_evaluation(tmp_path, set(range(100)), n=110, overlap=1.0)
    for who, label in (("ann", "Tea"), ("bob", "Coffee")):
        queue.append([answer(str(n), who, label) for n in range(110)])
    answers = collected(queue)
    assert answers.keys() == {str(n) for n in range(100)}
    n_tea = sum(label == "Tea" for label, _ in answers.values())
    assert 35 < n_tea < 65
    assert collected(queue) == answers  # as often as it is collected
    assert set(answers.values()) == {("Tea", "ann+bob"), ("Coffee", "ann+bob")}


def test_a_new_queue_knows_what_the_old_one_did(tmp_path):
    queue = queue_of(tmp_path)
    queue.append([answer("0"), answer("1", kind="skip", label=None)])
    new = queue_of(tmp_path)
    new.refresh()
    assert new.answers().keys() == {"0", "1"}
    assert not {"0", "1"} & set(ids(new.assign("bob", 30, [])))


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_undo_gives_the_text_back(tmp_path, who):
    queue = queue_of(tmp_path)
    queue.append([answer("4", who), answer("5", who)])
    queue.append([Event("undo1.0", "undo", who, 1)])
    assert queue.last_undone(who) == "5"
    assert "5" in queue.open_ids(queue.answers())
    queue.append([Event("undo2.0", "undo", who, 1)])
    assert queue.last_undone(who) == "4"


def slowly_grouped(items):
    """Which texts each text brings along, by comparing all pairs."""
    words = [set(one.text.split()) for one in items]
    duplicates, taken = {}, set()
    for i in range(len(items)):
        if i in taken or items[i].blind:
            continue
        for j in range(i + 1, len(items)):
            either = words[i] | words[j]
            free = j not in taken and not items[j].blind
            if free and either and len(words[i] & words[j]) >= SIMILAR * len(either):
                duplicates.setdefault(items[i].id, []).append(items[j].id)
                taken.add(j)
    return duplicates


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from("abcdefghijkl"), max_size=12), st.booleans()), max_size=25
    )
)
def test_near_duplicates_are_those_that_a_comparison_of_all_pairs_finds(texts):
    items = [
        replace(item(n), text=" ".join(sorted(words)), blind=blind, duplicates=[])
        for n, (words, blind) in enumerate(texts)
    ]
    group_duplicates(items)
    assert {one.id: one.duplicates for one in items if one.duplicates} == slowly_grouped(items)


def test_marks_are_what_the_rules_found_in_linear_time():
    rules = [
        {"words": ["Tea pot", "cup"]}, {"words": ["big"], "case": True},
        {"words": ["ash"], "whole_words": False}, {"pattern": r"\d+\s?ml"},
        {"pattern": r"(?<x>r)e\b"}, {"pattern": "("}, {"_target_": "other.Rule"},
    ]  # fmt: skip
    text = "BIG tea  pot, washable, 250 ml or 300ml, cups"
    assert highlights(text, rules) == ["tea  pot", "ash", "250 ml", "300ml"]
    hangs = {"pattern": r"(\w+\s?)+:"}  # for days, in an engine that tries all ways
    assert highlights("a" * 60 + "!", [hangs]) == []


def test_guidelines_may_name_a_class_as_the_source_writes_it(tmp_path):
    file = tmp_path / "classes.yaml"
    file.write_text("Kids\u2019 toys: for children", "utf-8")
    assert read_guidelines(str(file)) == {"Kids' toys": "for children"}
