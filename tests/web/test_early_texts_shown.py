"""What people are shown when no text of an open round is left for them."""

import polars as pl
import pytest
from web.test_app import TOKEN, act, person, served

from wsal.annotation.early import EARLY_FILE
from wsal.annotation.journal import ANSWER, Event
from wsal.digests import MANIFEST
from wsal.rounds.early import early_kept
from wsal.web.site import Site


@pytest.fixture
def early(run):
    """The page of a run with a second round to come, once its early texts are there."""
    site = Site(run / "runs" / "w", {TOKEN: ""}, early_until=2)
    site.update()  # the first time, it prepares the early texts, too
    with served(site):
        yield site


def end_round(site):
    """What the command does when it takes the round's answers."""
    site.open_queue.close()


def test_who_has_no_text_of_the_round_left_goes_on_with_texts_of_the_next(early):
    with person(early) as ann, person(early, "bob") as bob:
        (held,) = bob.get("/api/next?n=1").json()["items"]
        items = [held]
        while not items[-1]["early"]:
            items = ann.get("/api/next?n=1").json()["items"]
            ids = [items[0]["id"], *(one["id"] for one in items[0]["duplicates"])]
            body = {"round": items[0]["round"], "ids": ids, "key": f"{ids[0]}-of-ann"}
            assert act(ann, ids[0], **body).status_code == 200
        news = ann.get("/api/state").json()
        assert (news["phase"], news["round"], news["early"]) == ("round", 1, len(ids))
        assert news["open"] >= 1
        early_event = early.early_queue.events[-1]
        assert (early_event.round, early_event.shown) == (2, "early")
        assert not set(early.early_queue.round.items) & set(early.open_queue.round.items)
        frame = pl.read_parquet(early.run_dir / "rounds/001/query/frame.parquet")
        assert not set(early.early_queue.round.items) & set(frame["id"])


def test_while_a_round_is_trained_there_are_early_texts_and_no_round_to_end(early):
    with person(early) as ann:
        (on_screen,) = ann.get("/api/next?n=1").json()["items"]
        (answered,) = ann.get("/api/next", params={"n": 1, "on_page": on_screen["id"]}).json()[
            "items"
        ]
        act(ann, answered["id"])
        end_round(early)
        (item,) = ann.get("/api/next?n=1").json()["items"]
        assert (item["early"], item["round"]) == (True, 2)
        news = ann.get("/api/state").json()
        assert (news["phase"], news["round"], news["early"]) == ("early", 2, 0)
        refused = act(ann, "", kind="finish", label=None, ids=[], round=2)
        assert refused.status_code == 409
        act(ann, "", kind="undo", label=None, ids=[], round=2)  # the round is trained: no effect
        assert answered["id"] in early.open_queue.answers()
        assert act(ann, on_screen["id"]).status_code == 200  # it came too late for the round
        assert early.open_queue.answers().keys() == {answered["id"]}
        last = early.early_queue.journal.events()[-1][1]
        assert (last.id, last.round, last.shown) == (on_screen["id"], 2, "early")


def test_early_texts_are_shared_out_and_ranked_by_all_answers(early):
    end_round(early)
    with person(early) as ann, person(early, "bob") as bob:
        mine = [one["id"] for one in ann.get("/api/next?n=9").json()["items"]]
        theirs = [one["id"] for one in bob.get("/api/next?n=9").json()["items"]]
        assert len({*mine, *theirs}) == 18
        before = list(early.early_queue.order)
        for n, text_id in enumerate(mine):
            act(ann, text_id, label=early.early_queue.round.labels[n % 2], round=2)
        early.rank(anew=True)
        assert early.early_queue.order != before


def test_after_a_restart_early_texts_are_the_same_and_those_answered_are_not_asked(early, run):
    end_round(early)
    with person(early) as ann:
        items = ann.get("/api/next?n=3").json()["items"]
        act(ann, items[0]["id"], round=2)
    again = Site(run / "runs" / "w", {TOKEN: ""}, early_until=2)
    with served(again), person(again) as ann:
        assert act(ann, items[1]["id"], round=2).status_code == 200  # at once, from an open page
        assert again.early_queue.round.items.keys() == early.early_queue.round.items.keys()
        rest = [one["id"] for one in ann.get("/api/next?n=9").json()["items"]]
        assert not {items[0]["id"], items[1]["id"]} & set(rest)
        assert items[2]["id"] in rest


def test_who_waits_gets_no_early_texts(run):
    with served(Site(run / "runs" / "w", {TOKEN: ""})) as site, person(site) as ann:
        site.update()
        end_round(site)
        assert ann.get("/api/next").json()["items"] == []
        assert ann.get("/api/state").json()["phase"] == "training"


def test_when_the_run_is_over_nothing_is_asked_and_what_is_on_a_screen_is_kept(early):
    end_round(early)
    with person(early) as ann:
        (item,) = ann.get("/api/next?n=1").json()["items"]
        early.over = "The last round is done."
        assert ann.get("/api/next").json()["items"] == []
        assert ann.get("/api/state").json()["phase"] == "over"
        assert act(ann, item["id"], round=2).status_code == 200
    assert early_kept(early.run_dir, 1).startswith("1 early answer kept")
    assert early_kept(early.run_dir, 2).startswith("1 early answer kept")


def test_only_answers_that_will_count_are_said_to_be_kept(early):
    frame = pl.read_parquet(early.run_dir / "rounds/001/query/frame.parquet")
    text_id, text = frame.select("id", "text").row(0)
    with person(early) as ann:
        act(ann, next(iter(early.early_queue.round.items)), round=2)
        end_round(early)
    too_late = Event("late.0", ANSWER, "bob", 1, text_id, "Laptops", text=text)
    early.early_queue.journal.append([too_late])  # to a text that measures
    assert early_kept(early.run_dir, 1).startswith("1 early answer kept")


def test_early_texts_of_a_pool_with_other_classes_have_no_guesses(early):
    path = early.run_dir / "rounds/002" / EARLY_FILE
    table = pl.read_parquet(path).with_columns(predicted=pl.lit(99, pl.Int16))
    table.write_parquet(path)  # there were more classes then
    (early.run_dir / "pool" / MANIFEST).touch()
    again = Site(early.run_dir, {TOKEN: ""}, early_until=2)
    again.update()
    items = again.early_queue.round.items.values()
    assert {item.text for item in items} == set(table["text"])
    assert {item.guess for item in items} == {""}
