"""What keeps strangers out, and what no client can break."""

import contextlib
import stat
import threading

import httpx
import polars as pl
import pytest
from page_fixtures import PATIENCE

from wsal.annotation.handed_out import HANDED_OUT, hand_out
from wsal.annotation.open_round import read_round
from wsal.artifacts import Artifact, write_manifest
from wsal.errors import ConfigError
from wsal.sockets import listening_socket, reachable_host
from wsal.web.annotator import Web
from wsal.web.app import make_app
from wsal.web.server import running, tokens_of
from wsal.web.site import Site

TOKEN = "a-token-for-this-test"


@contextlib.contextmanager
def served(site, host="127.0.0.1"):
    """The page, served in this process."""
    listening = listening_socket(host, 0, "annotator.port=")
    site.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with running(make_app(site), listening):
        yield site


@pytest.fixture
def site(run):
    """The page over a waiting run."""
    with served(Site(run / "runs" / "w", {TOKEN: ""}, blind=0.2)) as served_site:
        yield served_site


def person(site, name="ann"):
    return httpx.Client(
        base_url=site.url, cookies={"wsal": TOKEN, "wsal_name": name}, headers={"X-Wsal": "1"},
        timeout=PATIENCE,
    )  # fmt: skip


def act(client, text, label="Coffee", kind="answer", key=None, **more):
    body = {"key": key or f"{kind}-{text}-key", "kind": kind, "round": 1, "ids": [text],
            "label": label, **more}  # fmt: skip
    return client.post("/api/act", json=body)


def test_without_the_token_there_is_nothing(site):
    for path in (
        "/",
        "/api/state",
        "/api/next",
        "/api/settle",
        "/api/examples",
        "/docs",
        "/openapi.json",
    ):
        assert httpx.get(site.url + path).status_code in (403, 404), path
        assert httpx.get(site.url + path, cookies={"wsal": "wrong"}).status_code in (403, 404)
    assert httpx.post(f"{site.url}/api/act", json={}).status_code in (403, 422)
    answer = httpx.get(f"{site.url}/?token={TOKEN}")
    assert answer.status_code == 303
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert TOKEN not in answer.headers["location"]


def test_other_sites_cannot_post(site):
    with person(site) as client:
        text_id = client.get("/api/next").json()["items"][0]["id"]
        del client.headers["X-Wsal"]
        assert act(client, text_id).status_code == 403


def test_headers_sizes_and_paths(site):
    with person(site) as client:
        page = client.get("/")
        assert "script-src" not in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["x-frame-options"] == "DENY"
        assert client.post("/api/act", content=b"x" * 70_000).status_code == 413
        chunks = client.post("/api/act", content=iter([b"x" * 1000] * 100))
        assert chunks.status_code == 411
        for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2f..%2fcli.py"):
            assert client.get(path).status_code == 404, path


def test_a_name_is_text_and_never_markup(site):
    with httpx.Client(base_url=site.url, cookies={"wsal": TOKEN}) as client:
        client.cookies.set("wsal_name", "<script>alert(1)</script>")
        page = client.get("/").text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"label": "Tee"}, 422, "unknown label"),
        ({"label": None}, 422, "unknown label"),
        ({"ids": ["nobody"]}, 422, "was not asked"),
        ({"ids": []}, 422, "needs the id"),
        ({"round": 7}, 409, "is not open"),
        ({"kind": "delete"}, 422, ""),
        ({"key": "short"}, 422, ""),
        ({"seconds": -1}, 422, ""),
        ({"note": "x" * 5000}, 422, ""),
    ],
)
def test_a_wrong_action_is_refused_and_not_written_to_the_journal(site, change, status, words):
    with person(site) as client:
        text_id = client.get("/api/next").json()["items"][0]["id"]
        body = {
            "key": "key-of-act",
            "kind": "answer",
            "round": 1,
            "ids": [text_id],
            "label": "Coffee",
        }
        answer = client.post("/api/act", json=body | change)
        assert answer.status_code == status
        assert words in answer.text
        assert client.get("/api/state").json()["open"] == 50


def test_the_same_act_twice_counts_once(site):
    with person(site) as client:
        text_id = client.get("/api/next").json()["items"][0]["id"]
        assert act(client, text_id).json()["new"] == 1
        assert act(client, text_id).json()["new"] == 0
        assert client.get("/api/state").json()["people"]["people"][0]["answers"] == 1


def test_what_is_blind_never_leaves_the_server(site):
    with person(site) as client:
        items = client.get("/api/next?n=20").json()["items"]
        blind = [one for one in items if one["blind"]]
        assert blind
        assert all("guess" not in one and "votes" not in one for one in blind)
        assert all("guess" in one for one in items if not one["blind"])
        assert all(one["reason"] == "" for one in blind)  # it would tell which texts measure
        assert all(one["reason"] for one in items if not one["blind"])


def test_which_texts_measure_never_leaves_the_server(run):
    place = run / "runs" / "w" / "rounds" / "001" / "query" / "query.parquet"
    query = pl.read_parquet(place)
    half = pl.int_range(pl.len()) % 2 == 0
    query.with_columns(
        purpose=pl.when(half).then(pl.lit("evaluate")).otherwise("purpose")
    ).write_parquet(place)
    with served(Site(run / "runs" / "w", {TOKEN: ""}, blind=1.0)) as site, person(site) as client:
        items = client.get("/api/next?n=20").json()["items"]
        assert len(items) == 20
        assert {one["id"] for one in items} & set(query.filter(half)["id"])
        shapes = {(tuple(one), one["reason"], one["blind"], one["recheck"]) for one in items}
        assert len(shapes) == 1


def test_a_round_cannot_be_ended_before_the_first_answer(site):
    with person(site) as client:
        first = act(client, "", kind="finish", label=None, ids=[])
        assert first.status_code == 409
        assert "nothing to learn from yet" in first.json()["detail"]
        text_id = client.get("/api/next").json()["items"][0]["id"]
        assert not act(client, text_id).json()["finished"]
        assert act(client, "", kind="finish", label=None, ids=[], key="another-key").json()[
            "finished"
        ]


def test_while_a_round_is_being_opened_the_server_answers(run, monkeypatch):
    """Opening reads much of a large run: nobody else's request may wait for that."""
    reading, go_on = threading.Event(), threading.Event()

    def read(*arguments):
        reading.set()
        assert go_on.wait(PATIENCE)
        return read_round(*arguments)

    monkeypatch.setattr("wsal.web.site.read_round", read)
    shown = []
    with served(Site(run / "runs" / "w", {TOKEN: ""})) as site, person(site) as ann:
        first = threading.Thread(target=lambda: shown.append(ann.get("/api/next").json()["items"]))
        first.start()
        try:
            assert reading.wait(PATIENCE)
            page = httpx.get(f"{site.url}/static/page.css", timeout=PATIENCE)
            assert page.status_code == 200
            assert not shown
        finally:
            go_on.set()
            first.join()
    assert len(shown[0]) == 5


def test_a_query_that_nobody_was_handed_yet_is_not_shown(run):
    """It is chosen anew if anything before it changed: answers to it could be lost."""
    folder = run / "runs" / "w"
    (folder / "rounds/001" / HANDED_OUT).unlink()
    with served(Site(folder, {TOKEN: ""})) as site, person(site) as ann:
        assert ann.get("/api/next").json()["items"] == []
        assert ann.get("/api/state").json()["phase"] == "training"
        hand_out(folder / "rounds/001")
        assert len(ann.get("/api/next").json()["items"]) == 5


def test_while_the_pool_is_new_and_its_votes_are_not_no_text_is_shown(run):
    """Row n of the votes would be shown beside another text."""
    folder = run / "runs" / "w"
    with served(Site(folder, {TOKEN: ""})) as site, person(site) as ann:
        assert len(ann.get("/api/next").json()["items"]) == 5
        pool = Artifact.open(folder / "pool")
        write_manifest(pool.path, pool.manifest | {"digest": "of another pool"})
        assert ann.get("/api/next").json()["items"] == []
        assert act(ann, "0").status_code == 409
        write_manifest(pool.path, pool.manifest)
        assert len(ann.get("/api/next").json()["items"]) == 5


def test_the_address_of_a_page_for_a_network_can_be_opened(run):
    with served(Site(run / "runs" / "w", {TOKEN: ""}), "0.0.0.0") as site:
        port = site.url.rpartition(":")[2]
        address = f"http://{reachable_host('0.0.0.0')}:{port}"
        assert "0.0.0.0" not in address
        assert httpx.get(f"{address}/?token={TOKEN}").status_code == 303


def test_undo_brings_the_text_back(site):
    with person(site) as client:
        text_id = client.get("/api/next").json()["items"][0]["id"]
        act(client, text_id)
        answer = act(client, "", kind="undo", label=None, ids=[]).json()
        assert answer["undone"]["id"] == text_id
        assert answer["open"] == 50


def test_people_disagree_and_somebody_settles(run):
    overlapping = Site(run / "runs" / "w", {TOKEN: ""}, overlap=1.0)
    with served(overlapping) as site, person(site) as ann, person(site, "bob") as bob:
        items = ann.get("/api/next").json()["items"]
        assert [item["id"] for item in bob.get("/api/next").json()["items"]] == [
            item["id"] for item in items
        ]
        for n, item in enumerate(items):
            act(ann, item["id"], "Coffee", key=f"ann-{n}-key")
            act(bob, item["id"], "Coffee" if n else "Laptops", key=f"bob-{n}-key")
        state = ann.get("/api/state").json()
        assert state["ties"] == 1
        assert state["people"]["pairs"][0][:3] == ["ann", "bob", 5]
        assert state["people"]["alpha"] is not None
        wanted = ann.get("/api/settle").json()["items"]
        assert [item["id"] for item in wanted] == [items[0]["id"]]
        assert wanted[0]["answers"] == [["ann", "Coffee"], ["bob", "Laptops"]]
        act(ann, items[0]["id"], "Laptops", kind="settle")
        assert ann.get("/api/state").json()["ties"] == 0


def test_several_people_at_once_lose_nothing(site):
    """Each answers what it gets until nothing is left: every text once, by one of them."""
    answered, lock = [], threading.Lock()

    def work(name):
        with person(site, name) as client:
            while items := client.get("/api/next?n=3").json()["items"]:
                text_id = items[0]["id"]
                answer = act(client, text_id, key=f"{name}-{text_id}-key")
                assert answer.status_code == 200, answer.text
                with lock:
                    answered.append(text_id)

    threads = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(answered) == len(set(answered))
    with person(site) as client:
        state = client.get("/api/state").json()
        assert state["open"] == 0
        assert sum(one["answers"] for one in state["people"]["people"]) == len(answered)


def test_tokens_stay_and_are_private(tmp_path):
    first = tokens_of(tmp_path, ["ann", "bob"])
    assert tokens_of(tmp_path, ["ann", "bob"]) == first
    assert stat.S_IMODE((tmp_path / "web.json").stat().st_mode) == 0o600
    assert set(tokens_of(tmp_path, ["ann"]).values()) == {"ann"}


def test_a_network_wants_names():
    with pytest.raises(ConfigError, match="people"):
        Web(host="0.0.0.0")
    assert Web(host="0.0.0.0", people=("ann",)).people == ("ann",)


def test_a_port_in_use_is_reported():
    with listening_socket("127.0.0.1", 0, "annotator.port=") as listening:
        listening.listen()
        with pytest.raises(ConfigError, match=r"annotator\.port"):
            listening_socket("127.0.0.1", listening.getsockname()[1], "annotator.port=")
