"""The page of `wsal serve`: what it is given, who is given it, and that it works in a browser."""

import shutil
import threading

import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient

from wsal.classifier.nearest import LabelledTexts
from wsal.errors import ConfigError
from wsal.serving.app import make_app
from wsal.serving.backends import open_engine
from wsal.serving.exported import Exported
from wsal.serving.limits import Limits
from wsal.serving.torch_backend import open_embedding
from wsal.sockets import listening_socket

TEXTS = ["red kettle 2 l", "gaming laptop 15 inch", "a novel <i>", "kettle lid | Brand"]
LABELS = ["Kettles & Co", "laptop", "Büros", "Kettles & Co"]


@pytest.fixture(scope="module")
def with_texts(folder, tmp_path_factory):
    """The exported folder with labelled texts in it."""
    copy = tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(folder, copy)
    embeddings = open_embedding(Exported.open(copy))(TEXTS)
    LabelledTexts(TEXTS, LABELS, embeddings).write(copy)
    return copy


@pytest.fixture(scope="module")
def client(with_texts):
    app = make_app(open_engine(Exported.open(with_texts), "onnx"), Limits(texts=8))
    with TestClient(app, base_url="http://localhost") as opened:
        yield opened


def test_labelled_texts_are_written_and_read(with_texts):
    read = LabelledTexts.read(with_texts)
    assert (read.texts, read.labels) == (TEXTS, LABELS)
    np.testing.assert_allclose(np.linalg.norm(read.embeddings, axis=1), 1, atol=2e-3)
    nearest = read.nearest(read.embeddings, 9)
    assert [found[0][0] for found in nearest] == [0, 1, 2, 3]
    assert all(len(found) == 4 for found in nearest)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("texts.jsonl", '{"text": "a", "label": "b"}\n'),
        ("texts.jsonl", "{"),
        ("texts.jsonl", '{"text": "a"}\n'),
        ("embeddings.safetensors", "x"),
    ],
)
def test_damaged_files_are_refused(with_texts, tmp_path, name, content):
    shutil.copytree(with_texts / "nearest", tmp_path / "nearest")
    (tmp_path / "nearest" / name).write_text(content)
    with pytest.raises(ConfigError, match="nearest is damaged"):
        LabelledTexts.read(tmp_path)


def test_the_page_runs_only_its_own_script(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert "style=" not in page.text
    assert "onclick" not in page.text
    assert page.text.count("<script") == page.text.count('<script src="page.js"') == 1
    for name in ("page.js", "page.css"):
        assert client.get(f"/{name}").headers["x-content-type-options"] == "nosniff"
        assert "http" not in client.get(f"/{name}").text  # nothing comes from elsewhere


def test_the_page_learns_thresholds_and_fields(client):
    model = client.get("/model").json()
    assert (model["fields"], model["separator"], model["n_nearest"]) == (
        ["title", "brand"], " | ", 4,
    )  # fmt: skip
    assert model["classes"] == [
        {"label": "Kettles & Co", "threshold": None, "never": False, "shared": False},
        {"label": "laptop", "threshold": 0.999, "never": False, "shared": True},
        {"label": "Büros", "threshold": None, "never": True, "shared": False},
    ]


def test_the_nearest_texts_are_found_as_composed_for_training(client):
    asked = [{"title": " kettle  lid", "brand": "Brand"}, "", "gaming laptop 15 inch"]
    found = client.post("/nearest", json={"texts": asked, "top": 2}).json()["nearest"]
    assert [len(near) for near in found] == [2, 0, 2]
    for near, text in ((found[0], TEXTS[3]), (found[2], TEXTS[1])):
        assert (near[0]["text"], near[0]["label"]) == (text, LABELS[TEXTS.index(text)])
        assert near[0]["similarity"] == pytest.approx(1, abs=2e-3)
        assert near[1]["similarity"] < near[0]["similarity"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"texts": ["a"] * 9}}, 413),
        ({"json": {"text": {"name": "a"}}}, 422),
        ({"content": '{"text": "a"}', "headers": {"content-type": "text/plain"}}, 415),
        ({"json": {"text": "a"}, "headers": {"host": "evil.example"}}, 403),
    ],
)
def test_what_is_refused(client, sent, status):
    assert client.post("/nearest", **sent).status_code == status


def test_too_many_waiting_texts_are_refused(with_texts):
    app = make_app(open_engine(Exported.open(with_texts), "onnx"), Limits(waiting=1))
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.post("/nearest", json={"texts": ["a novel", "b"]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_with_a_token_only_the_empty_page_is_open(with_texts):
    app = make_app(open_engine(Exported.open(with_texts), "onnx"), Limits(), "secret")
    with TestClient(app) as client:
        assert client.get("/").status_code == 200
        assert client.get("/model").status_code == 401
        assert client.post("/nearest", json={"text": "a novel"}).status_code == 401
        right = {"authorization": "Bearer secret"}
        assert client.get("/model", headers=right).status_code == 200
        found = client.post("/nearest", json={"text": "a novel"}, headers=right)
        assert found.status_code == 200  # under any name: the token is enough


def test_without_labelled_texts_there_is_no_route_for_them(engine):
    with TestClient(make_app(engine, Limits())) as client:
        assert client.get("/model").json()["n_nearest"] == 0
        assert client.post("/nearest", json={"text": "a"}).status_code == 404


@pytest.fixture
def address(with_texts):
    """Of a server with a token, in a thread of this process."""
    app = make_app(open_engine(Exported.open(with_texts), "onnx"), Limits(), "secret")
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with listening_socket("127.0.0.1", 0, "--port") as listening:
        listening.listen()
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.mark.slow
def test_the_page_in_a_browser(address, browser):
    from axe_playwright_python.sync_playwright import Axe

    page, problems = browser.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    page.fill("#secret", "secret")
    page.keyboard.press("Enter")
    page.wait_for_selector("#fields:not(:empty)")
    page.keyboard.type("gaming laptop 15 inch")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("red <b>kettle</b> 2 l")
    page.keyboard.press("Enter")
    page.wait_for_selector("article:nth-child(2) .near", timeout=60_000)
    assert page.locator("article h2").all_inner_texts()[1] == "red <b>kettle</b> 2 l"
    assert page.locator("article:nth-child(2) .classes tbody tr").count() == 3
    assert page.locator("article:nth-child(2) .near tbody tr").count() == 4
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert Axe().run(page).violations_count == 0
    assert problems == []
