"""The workspace: whom it serves, what it writes, and that labels go to texts that were shown."""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from wsal.annotation.early import early_texts, texts_to_ask_again
from wsal.annotation.journal import JOURNAL_FILE, Event, Journal
from wsal.commands import workspace as command
from wsal.inspection.groups import Population
from wsal.inspection.judged import judged_texts
from wsal.inspection.preview_file import nodes_in
from wsal.inspection.run_view import RunView
from wsal.rounds.assessment import assess_rounds
from wsal.web.app import make_app
from wsal.web.site import Site

TOKEN = "a-token-for-this-test"
DRAFT = {"name": "grinder", "label": "Coffee Machines", "words": ["grinder", "portafilter"]}


@pytest.fixture
def folder(run):
    return run / "runs" / "w"


@pytest.fixture
def site(folder):
    return Site(folder, {TOKEN: ""}, blind=0.2)


@pytest.fixture
def client(site):
    with TestClient(make_app(site), cookies={"wsal": TOKEN}, headers={"X-Wsal": "1"}) as client:
        yield client


def opened(client, section="uncertain"):
    groups = client.get(f"/api/workspace/groups?section={section}").json()["groups"]
    answer = client.get(f"/api/workspace/group?section={section}&key={groups[0]['key']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def body(group, ids=None, key="key-of-action", **more):
    ids = [text["id"] for text in group["texts"]] if ids is None else ids
    return {"section": group["section"], "group": group["key"], "ids": ids, "key": key, **more}


def journal(folder):
    return [event for _, event in Journal(folder / JOURNAL_FILE).events()]


def test_strangers_and_other_sites_are_kept_out(site, client):
    stranger = TestClient(make_app(site))
    for path in ("/workspace", "/api/workspace", "/api/workspace/groups?section=errors",
                 "/api/workspace/group?section=errors&key=x", "/api/workspace/slices",
                 "/api/workspace/proposals?section=errors&key=x"):  # fmt: skip
        assert stranger.get(path).status_code == 403, path
    del client.headers["X-Wsal"]
    for path in ("preview", "write", "seen", "label", "again", "undo"):
        content = {**DRAFT, "draft": DRAFT, "digest": "", "section": "errors", "group": "x",
                   "ids": ["x"], "key": "key-of-action", "of": "key-of-action"}  # fmt: skip
        assert client.post(f"/api/workspace/{path}", json=content).status_code == 403, path
    answer = client.get(f"/workspace?token={TOKEN}", follow_redirects=False)
    assert answer.headers["location"] == "/workspace"
    assert 'href="/workspace"' in client.get("/").text


def test_where_several_people_annotate_it_is_for_none_of_them(folder):
    client = TestClient(make_app(Site(folder, {TOKEN: "ann", "another": "bob"})))
    client.cookies.set("wsal", TOKEN)
    answer = client.get("/api/workspace")
    assert answer.status_code == 403
    assert "wsal workspace" in answer.json()["detail"]
    assert "/workspace" not in client.get("/").text


def test_a_rule_is_written_only_as_it_was_previewed(client, folder):
    file = folder / "workspace" / "rules" / "edited.yaml"
    refused = client.post("/api/workspace/write", json={"draft": DRAFT, "digest": "x"})
    assert refused.status_code == 409
    effect = client.post("/api/workspace/preview", json=DRAFT).json()
    assert "+grinder:" in effect["diff"]
    assert not file.exists()
    other = {"draft": {**DRAFT, "words": ["tea"]}, "digest": effect["digest"]}
    assert client.post("/api/workspace/write", json=other).status_code == 409
    edit = {"draft": DRAFT, "digest": effect["digest"]}
    written = client.post("/api/workspace/write", json=edit).json()
    assert written == {
        "file": str(file),
        "override": f"--config-dir {file.parents[1]} rules=edited",
        "is_used": False,
    }
    assert nodes_in(file.read_text(), file)["grinder"]["words"] == DRAFT["words"]
    assert client.post("/api/workspace/write", json=edit).status_code == 409  # it has changed
    again = client.post("/api/workspace/preview", json=DRAFT).json()
    assert again["diff"] == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"words": []}, "at least one word"),
        ({"label": "Tee"}, "Tee"),
        ({"name": "id"}, "name"),
        ({"name": "_target_"}, ""),
        ({"name": "a: b"}, ""),
        ({"name": "phone_storage"}, "another kind"),
        ({"words": ["${oc.env:HOME}"]}, "meaning"),
        ({"words": ["x" * 200]}, ""),
        ({"is_pattern": True, "pattern": "(?=x)"}, "look-around"),
        ({"is_pattern": True, "pattern": r"(\w{500}){500}"}, ""),
    ],
)
def test_a_wrong_rule_is_refused_with_a_reason(client, change, words):
    answer = client.post("/api/workspace/preview", json=DRAFT | change)
    assert answer.status_code == 422, answer.text
    assert words in answer.text


def test_a_group_is_labelled_only_after_all_of_it_was_shown(client, folder, site):
    group = opened(client)
    ids = [text["id"] for text in group["texts"]]
    label = group["label"]
    other = body(group, ["dev-1"], label=label)
    assert client.post("/api/workspace/label", json=other).status_code == 409
    client.post("/api/workspace/seen", json=body(group, [*ids[1:], "unknown"]))
    early = client.post("/api/workspace/label", json=body(group, label=label))
    assert early.status_code == 409
    assert "1 texts" in early.json()["detail"]
    assert not journal(folder)
    assert client.post("/api/workspace/seen", json=body(group, ids[:1])).json()["seen"] == len(ids)
    wrong = client.post("/api/workspace/label", json=body(group, label="Tee"))
    assert wrong.status_code == 422
    given = client.post("/api/workspace/label", json=body(group, ids[1:], label=label, seconds=37))
    assert given.json()["new"] == len(ids) - 1
    again = client.post("/api/workspace/label", json=body(group, ids[1:], label=label))
    assert again.json()["new"] == 0
    events = journal(folder)
    assert [event.id for event in events] == ids[1:]
    assert all(event.note == f"group: {group['name']}" for event in events)
    texts = dict(pl.read_parquet(folder / "pool" / "pool.parquet").select("id", "text").rows())
    assert all(event.text == texts[event.id] for event in events)
    assert [text["id"] for text in opened(client)["texts"]] == ids[:1]  # nobody is asked again
    asked = site.queue().round.items
    assert {e.id for e in events if e.round == 1} == {i for i in ids[1:] if i in asked}
    site.queue().refresh()
    of_round = site.queue().answers()
    assert of_round.keys() == {i for i in ids[1:] if i in asked}
    later = early_texts(folder, 2, {1: {item.text for item in asked.values()}})
    assert set(later) == {texts[i] for i in ids[1:] if i not in asked}
    assert later


def test_labels_of_a_group_can_be_taken_back_while_they_are_the_newest(client, folder, site):
    group = opened(client)
    client.post("/api/workspace/seen", json=body(group))
    client.post("/api/workspace/label", json=body(group, label=group["label"]))
    undo = {"key": "key-of-undo", "of": "key-of-action"}
    assert client.post("/api/workspace/undo", json=undo).json() == {"new": 1}
    assert client.post("/api/workspace/undo", json=undo).status_code == 409
    assert len(opened(client)["texts"]) == len(group["texts"])
    assert not early_texts(folder, 2, {1: set()})
    assert not site.queue().answers()


def test_the_other_page_says_what_became_of_labels_of_a_group(client, site):
    group = opened(client)
    client.post("/api/workspace/seen", json=body(group))
    asked = site.queue().round.items
    ids = [text["id"] for text in group["texts"] if text["id"] not in asked]
    client.post("/api/workspace/label", json=body(group, ids, label=group["label"]))
    (entry,) = client.get("/api/state").json()["recent"]
    assert entry["why"] == "it was labelled in the workspace, with its group"
    undo = {"key": "key-of-undo", "kind": "undo", "round": 1}
    answer = client.post("/api/act", json=undo).json()
    assert (answer["taken_back"], "undone" in answer) == (len(ids), False)


def test_a_label_never_goes_to_another_text_of_the_same_id(client, folder):
    group = opened(client)
    client.post("/api/workspace/seen", json=body(group))
    inspected = client.app.state.workspace.current().inspected
    records = inspected.uncertain.records.with_columns(text=pl.col("text") + " (edited)")
    inspected.__dict__["uncertain"] = dataclasses.replace(inspected.uncertain, records=records)
    answer = client.post("/api/workspace/label", json=body(group, label=group["label"]))
    assert answer.status_code == 409
    assert "changed since they were shown" in answer.json()["detail"]
    assert not journal(folder)


def test_texts_that_measure_cannot_be_labelled(client):
    group = opened(client, "errors")
    client.post("/api/workspace/seen", json=body(group))
    answer = client.post("/api/workspace/label", json=body(group, label=group["label"]))
    assert answer.status_code == 422


def test_doubtful_labels_are_asked_again_in_the_next_round(client, folder):
    answer = client.get("/api/workspace/groups?section=doubtful").json()
    assert answer["groups"] == []
    assert "answered" in answer["why"]
    workspace = client.app.state.workspace
    inspected = workspace.current().inspected
    records = inspected.uncertain.records.head(4).select("id", "text", "fields")
    first, second = np.zeros(4, np.int64), np.ones(4, np.int64)
    inspected.__dict__["doubtful"] = Population(
        records, inspected.view.labels, first, second, np.ones(4), np.ones(4, bool), np.ones(4),
        False, "labelled {}, looks like {}", np.empty((4, 0), np.int16),
    )  # fmt: skip
    workspace.opened.groups.clear()
    group = opened(client, "doubtful")
    ids = [text["id"] for text in group["texts"]][:3]
    marked = client.post("/api/workspace/again", json=body(group, ids)).json()
    assert marked == {"new": 3, "round": 2}
    texts = [text["text"] for text in group["texts"]][:3]
    assert texts_to_ask_again(folder, 2) == texts
    assert texts_to_ask_again(folder, 1) == texts_to_ask_again(folder, 3) == []
    Journal(folder / JOURNAL_FILE).append([Event("opened-2", "opened", "", 2)])
    late = body(group, [group["texts"][3]["id"]], key="key-of-late-mark")
    client.post("/api/workspace/again", json=late)
    assert texts_to_ask_again(folder, 2) == texts
    assert texts_to_ask_again(folder, 3) == [group["texts"][3]["text"]]


def test_a_group_of_a_run_that_went_on_is_gone(client, folder):
    group = opened(client)
    manifest = folder / "embeddings" / "manifest.json"
    manifest.write_text(manifest.read_text())
    answer = client.get("/api/workspace/group?section=uncertain&key=0123456789abcdef")
    assert answer.status_code == 409
    assert opened(client)["key"] == group["key"]  # the same texts make the same group


def test_proposals_come_after_the_texts_of_a_group(client, folder):
    group = opened(client, "errors")
    where = f"section=errors&key={group['key']}"
    found = client.get(f"/api/workspace/proposals?{where}").json()
    assert found["rules"]
    assert all(proposal["node"]["label"] for proposal in found["proposals"])


def test_slices_are_groups_of_the_texts_that_measure(client):
    answer = client.get("/api/workspace/slices").json()
    assert answer["groups"]
    assert all(group["kind"] == "slice" for group in answer["groups"])


def test_the_command_serves_one_person_and_keeps_all_tokens(folder, monkeypatch, capsys):
    (folder / "web.json").write_text(json.dumps({"t-ann": "ann", "t-bob": "bob"}))
    served = []

    class AtOnce:
        def set(self):
            """Nobody calls it."""

        def wait(self):
            """As if Ctrl-C was pressed at once."""

    monkeypatch.setattr(command.threading, "Event", AtOnce)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    monkeypatch.setattr("wsal.web.app.make_app", lambda site, rules: served.append(site))
    monkeypatch.setattr("wsal.web.server.running", lambda app, listening: listening)
    parser = command.argparse.ArgumentParser()
    command.add_options(parser)
    command.run(parser.parse_args([str(folder), "--port", "0", "--no-browser"]))
    assert "workspace?token=t-ann\n" in capsys.readouterr().out  # nothing to copy along
    assert served[0].tokens == {"t-ann": "ann"}
    assert json.loads((folder / "web.json").read_text()) == {"t-ann": "ann", "t-bob": "bob"}
    assert not served[0].asks  # annotator=file: answers on the page would not count
    assert served[0].queues() == []


def test_the_accuracy_is_that_which_a_round_prints(client, folder):
    judged = judged_texts(RunView(folder))
    seed = json.loads((folder / "config.json").read_text())["seed"]
    (assessed,) = assess_rounds(judged.reference.sample, [judged.frame_probs], [0], seed)["rounds"]
    quality = client.get("/api/workspace").json()["quality"]
    shown = [quality[key] for key in ("accuracy", "low", "high")]
    expected = [assessed["accuracy"][key] for key in ("value", "low", "high")]
    assert shown == pytest.approx(expected, abs=1e-6)
