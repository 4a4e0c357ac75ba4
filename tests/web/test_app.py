"""What keeps strangers out, and what no client can break."""

import stat
import threading
import time

import httpx
import pytest

from wsal.errors import ConfigError
from wsal.listening import bound
from wsal.web.annotator import Web
from wsal.web.app import make_app
from wsal.web.server import running, tokens_of
from wsal.web.site import Site

TOKEN = "a-token-for-this-test"


@pytest.fixture
def site(run):
    """The page over a waiting run, served in this process."""
    found = Site(run / "runs" / "w", {TOKEN: ""}, blind=0.2)
    listening = bound("127.0.0.1", 0, "annotator.port=")
    found.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with running(make_app(found), listening):
        yield found


def person(site, name="ann"):
    return httpx.Client(
        base_url=site.url, cookies={"wsal": TOKEN, "wsal_name": name}, headers={"X-Wsal": "1"},
        timeout=30,
    )  # fmt: skip


def act(client, text, label="Coffee", kind="answer", key=None, **more):
    body = {"key": key or f"{kind}-{text}-key", "kind": kind, "round": 1, "ids": [text],
            "label": label, **more}  # fmt: skip
    return client.post("/api/act", json=body)


def test_without_the_token_there_is_nothing(site):
    for path in ("/", "/api/state", "/api/next", "/api/settle", "/docs", "/openapi.json"):
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
        found = client.get("/api/next").json()["items"][0]["id"]
        del client.headers["X-Wsal"]
        assert act(client, found).status_code == 403


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
        ({"round": 7}, 409, "takes no more answers"),
        ({"kind": "delete"}, 422, ""),
        ({"key": "short"}, 422, ""),
        ({"seconds": -1}, 422, ""),
        ({"note": "x" * 5000}, 422, ""),
    ],
)
def test_a_wrong_act_is_told_and_not_journaled(site, change, status, words):
    with person(site) as client:
        found = client.get("/api/next").json()["items"][0]["id"]
        body = {
            "key": "key-of-act",
            "kind": "answer",
            "round": 1,
            "ids": [found],
            "label": "Coffee",
        }
        answer = client.post("/api/act", json=body | change)
        assert answer.status_code == status
        assert words in answer.text
        assert client.get("/api/state").json()["open"] == 50


def test_the_same_act_twice_counts_once(site):
    with person(site) as client:
        found = client.get("/api/next").json()["items"][0]["id"]
        assert act(client, found).json()["new"] == 1
        assert act(client, found).json()["new"] == 0
        assert client.get("/api/state").json()["people"]["people"][0]["answers"] == 1


def test_what_is_blind_never_leaves_the_server(site):
    with person(site) as client:
        items = client.get("/api/next?n=20").json()["items"]
        blind = [one for one in items if one["blind"]]
        assert blind
        assert all("guess" not in one and "votes" not in one for one in blind)
        assert all("guess" in one for one in items if not one["blind"])


def test_undo_brings_the_text_back(site):
    with person(site) as client:
        found = client.get("/api/next").json()["items"][0]["id"]
        act(client, found)
        told = act(client, "", kind="undo", label=None, ids=[]).json()
        assert told["undone"]["id"] == found
        assert told["open"] == 50


def test_people_disagree_and_somebody_settles(run):
    site = Site(run / "runs" / "w", {TOKEN: ""}, overlap=1.0)
    listening = bound("127.0.0.1", 0, "annotator.port=")
    site.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with running(make_app(site), listening), person(site) as ann, person(site, "bob") as bob:
        found = ann.get("/api/next").json()["items"]
        assert [o["id"] for o in bob.get("/api/next").json()["items"]] == [o["id"] for o in found]
        for n, one in enumerate(found):
            act(ann, one["id"], "Coffee", key=f"ann-{n}-key")
            act(bob, one["id"], "Coffee" if n else "Laptops", key=f"bob-{n}-key")
        told = ann.get("/api/state").json()
        assert told["ties"] == 1
        assert told["people"]["pairs"][0][:3] == ["ann", "bob", 5]
        assert told["people"]["alpha"] is not None
        wanted = ann.get("/api/settle").json()["items"]
        assert [one["id"] for one in wanted] == [found[0]["id"]]
        assert wanted[0]["answers"] == [["ann", "Coffee"], ["bob", "Laptops"]]
        act(ann, found[0]["id"], "Laptops", kind="settle")
        assert ann.get("/api/state").json()["ties"] == 0


def test_several_people_at_once_lose_nothing(site):
    """Each answers what it gets until nothing is left: every text once, by one of them."""
    said, lock = [], threading.Lock()

    def work(name):
        with person(site, name) as client:
            while found := client.get("/api/next?n=3").json()["items"]:
                one = found[0]["id"]
                answer = act(client, one, key=f"{name}-{one}-key")
                assert answer.status_code == 200, answer.text
                with lock:
                    said.append(one)
                time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(said) == len(set(said))
    with person(site) as client:
        told = client.get("/api/state").json()
        assert told["open"] == 0
        assert sum(one["answers"] for one in told["people"]["people"]) == len(said)


def test_tokens_stay_and_are_private(tmp_path):
    first = tokens_of(tmp_path, ["ann", "bob"])
    assert tokens_of(tmp_path, ["ann", "bob"]) == first
    assert stat.S_IMODE((tmp_path / "web.json").stat().st_mode) == 0o600
    assert set(tokens_of(tmp_path, ["ann"]).values()) == {"ann"}


def test_a_network_wants_names():
    with pytest.raises(ConfigError, match="people"):
        Web(host="0.0.0.0")
    assert Web(host="0.0.0.0", people=("ann",)).people == ("ann",)


def test_a_taken_port_is_told():
    with bound("127.0.0.1", 0, "annotator.port=") as taken:
        taken.listen()
        with pytest.raises(ConfigError, match=r"annotator\.port"):
            bound("127.0.0.1", taken.getsockname()[1], "annotator.port=")
