"""Against a real Label Studio server, from an environment of its own."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx
import polars as pl
import pytest

from wsal.annotation.label_studio import TOKEN, LabelStudio
from wsal.annotation.query import Query
from wsal.errors import AnnotationError, ConfigError, WaitingForAnnotations
from wsal.labels import LabelSet
from wsal.seeding import rng

LABELS = LabelSet(("Kühl & Co.", 'The "best", <ones>', "فئة", "plain"))
KEY = "0123456789abcdef0123456789abcdef01234567"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    program = os.environ.get("WSAL_LABEL_STUDIO") or shutil.which("label-studio")
    if program is None or not Path(program).exists():
        pytest.skip("no Label Studio: install it elsewhere, set WSAL_LABEL_STUDIO to its program")
    data, port = tmp_path_factory.mktemp("studio"), free_port()
    given = {"LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "false",
             "LABEL_STUDIO_BASE_DATA_DIR": str(data)}  # fmt: skip
    with (data / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "start", "--no-browser", "--port", str(port), "--username", "a@b.example",
             "--password", "a-password-for-a-test", "--user-token", KEY],
            stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **given},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(1)
            assert process.poll() is None, (data / "log").read_text()[-3000:]
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server, headers={"Authorization": f"Token {KEY}"}) as one:
        yield one


def ask(tmp_path):
    texts = ["emoji 👩‍👩‍👧 mug", "two\nlines", "שלום עולם", 'a "quoted" <b>', "=1+1", "plain"]
    table = pl.DataFrame(
        {"id": [f"id {n}/é" for n in range(6)], "text": texts, "predicted": [0] * 6,
         "confidence": [0.5] * 6, "reason": ["margin"] * 6, "purpose": ["train"] * 6},
        schema_overrides={"predicted": pl.Int16},
    )  # fmt: skip
    place = tmp_path / "shop" / "rounds" / "001"
    place.mkdir(parents=True)
    return Query(table, LABELS, {}, place)


@pytest.mark.slow
def test_pushed_once_polled_and_pulled(server, client, tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN, KEY)
    annotator, asked = LabelStudio(server, wait=False), ask(tmp_path)
    for _ in range(2):  # the second push adds nothing
        with pytest.raises(WaitingForAnnotations, match="6 of 6"):
            annotator.annotate(asked, rng(0))
    projects = client.get("/api/projects").json()["results"]
    assert [one["title"][:14] for one in projects] == ["shop round 001"]
    path = f"/api/projects/{projects[0]['id']}/export"
    tasks = client.get(path, params={"exportType": "JSON", "download_all_tasks": "true"}).json()
    assert sorted(one["data"]["text"] for one in tasks) == sorted(asked.table["text"])
    expected = {}
    for number, task in enumerate(tasks):
        one, label = task["data"]["id"], LABELS.names[number % len(LABELS)]
        body = {"lead_time": 3.0, "was_cancelled": number == 4, "result": [] if number == 4 else [
            {"from_name": "label", "to_name": "text", "type": "choices",
             "value": {"choices": [label]}}]}  # fmt: skip
        client.post(f"/api/tasks/{task['id']}/annotations", json=body).raise_for_status()
        expected[one] = None if number == 4 else label
        if number == 2:
            with pytest.raises(WaitingForAnnotations, match="3 of 6"):
                annotator.annotate(asked, rng(0))
    answers = LabelStudio(server, poll_seconds=0.1).annotate(asked, rng(0))
    assert dict(answers.select("id", "label").iter_rows()) == expected
    assert answers["seconds"].to_list() == [3.0] * 6


@pytest.mark.slow
def test_a_wrong_token_is_told(server, tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN, "f" * 40)
    with pytest.raises(AnnotationError, match="401"):
        LabelStudio(server).annotate(ask(tmp_path), rng(0))


def test_no_server_and_no_token(tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN, KEY)
    annotator, asked = LabelStudio(f"http://127.0.0.1:{free_port()}"), ask(tmp_path)
    with pytest.raises(AnnotationError, match="does not answer"):
        annotator.annotate(asked, rng(0))
    monkeypatch.delenv(TOKEN)
    with pytest.raises(ConfigError, match=TOKEN):
        annotator.annotate(asked, rng(0))
