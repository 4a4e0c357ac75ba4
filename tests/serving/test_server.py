"""Requests to `wsal serve`: answers, refusals, batches, a shutdown under load."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

import fork_server
import httpx
import numpy as np
import pytest
import schemathesis
from fastapi.testclient import TestClient
from helpers import by_default
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

from wsal.files.objects import columns
from wsal.serving.app import make_app
from wsal.serving.limits import Limits
from wsal.serving.predictions import row_of

ALL = list(HealthCheck)
CHECKS = (not_a_server_error, response_schema_conformance, status_code_conformance)
TEXTS = ["red kettle 2 l", "gaming laptop 15 inch", "a novel", "kettle lid"]


@pytest.fixture
def asked(engine):
    """A client of a server with given limits and token."""
    opened = []

    def client(token=None, engine=engine, **limits):
        opened.append(TestClient(make_app(engine, Limits(**limits), token)).__enter__())
        return opened[-1]

    yield client
    for client in opened:
        client.__exit__(None, None, None)


def test_one_text_and_many_get_the_classes_of_the_engine(asked, engine):
    client, exported = asked(), engine.exported
    probs = engine.probs(exported.pieces(TEXTS))
    many = client.post("/predict", json={"texts": TEXTS, "top": 3}).json()
    assert many["model"] == exported.digest
    for row, made in zip(probs, many["predictions"], strict=True):
        order = np.argsort(-row, kind="stable")
        assert [pair["label"] for pair in made["top"]] == [exported.labels[c] for c in order]
        assert [pair["probability"] for pair in made["top"]] == pytest.approx(row[order], abs=1e-5)
        assert (made["label"], made["probability"]) == tuple(made["top"][0].values())
        assert made["abstain"] == (row[order[0]] < exported.thresholds[order[0]])
    for text, made in zip(TEXTS, many["predictions"], strict=True):
        (alone,) = client.post("/predict", json={"text": text, "top": 3}).json()["predictions"]
        assert alone["label"] == made["label"]
        assert alone["probability"] == pytest.approx(made["probability"], abs=1e-5)


def test_fields_are_cleaned_and_composed_as_for_training(asked):
    client = asked()
    whole, fields, missing = client.post(
        "/predict",
        json={
            "texts": [
                "kettle lid | Brand",
                {"title": " kettle \t lid ", "brand": "Brand", "price": 3.5},
                {"brand": "Brand", "title": None},
            ]
        },
    ).json()["predictions"]
    assert fields["probability"] == pytest.approx(whole["probability"], abs=1e-5)
    assert missing["label"] is not None


@pytest.mark.parametrize("nothing", ["", "  \t ", {"title": None}, {"title": "", "brand": " "}])
def test_a_text_without_characters_is_abstained_on(asked, nothing):
    made = asked().post("/predict", json={"texts": [nothing, "a novel"]}).json()["predictions"]
    assert made[0] == {"label": None, "probability": None, "abstain": True, "top": []}
    assert made[1]["label"] is not None


def test_no_texts_get_no_predictions(asked):
    assert asked().post("/predict", json={"texts": []}).json()["predictions"] == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"texts": ["a"] * 9}, 413, "found 9 texts; expected at most 8"),
        ({"texts": ["a", "b" * 101]}, 413, "text 1 has more than 100 characters"),
        ({"text": {"title": "b" * 60, "brand": "b" * 60}}, 413, "text 0 has more than 100"),
        ({"text": "a" * 3000}, 413, "the body has more than 2000 bytes"),
        ({}, 422, "expected either `text` or `texts`"),
        ({"text": "a", "texts": ["a"]}, 422, "expected either `text` or `texts`"),
        ({"text": {"name": "a"}}, 422, "the fields ['name']; expected ['title', 'brand']"),
        ({"text": "a", "top": 0}, 422, "greater than or equal to 1"),
        ({"text": "a", "topp": 2}, 422, "Extra inputs are not permitted"),
        (b"{", 422, "JSON decode error"),
        (b'{"text": {"title": NaN}}', 422, "title is nan, which is not a JSON number"),
        (b'{"texts": ["a", {"title": -Infinity}]}', 422, "title is -inf"),
        (b'{"text": {"title": 1e400}}', 422, "title is inf"),
        (b"\xff", 400, "error parsing the body"),
    ],
)  # fmt: skip
def test_what_is_not_taken_says_why(asked, body, status, message):
    client = asked(texts=8, characters=100, body=2000)
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = client.post("/predict", headers={"content-type": "application/json"}, **sent)
    assert answer.status_code == status
    assert message in json.dumps(answer.json(), ensure_ascii=False).replace('\\"', '"')
    assert client.post("/predict", json={"text": "a novel"}).status_code == 200


def test_values_that_are_no_text_are_read_as_in_a_file():
    values = {"a": True, "b": 1.50, "c": 7, "d": None, "e": "x"}
    in_a_file = columns([values]).to_pylist()[0]
    assert row_of(values, tuple(values)) == list(in_a_file.values())


def test_half_a_surrogate_pair_is_read_as_a_question_mark(asked):
    sent = b'{"texts": ["kettle \\ud83d", "kettle ?", {"brand": "kettle \\ud83d"}]}'
    headers = {"content-type": "application/json"}
    first, *others = asked().post("/predict", content=sent, headers=headers).json()["predictions"]
    assert others == [first, first]


def wait_for(condition):
    """Until it holds, or for a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


class Gate:
    """The engine, which computes nothing before the gate is open."""

    def __init__(self, engine):
        self.reached, self.open, self.sizes = threading.Event(), threading.Event(), []

        def run(ids, mask):
            self.reached.set()
            assert self.open.wait(60)
            self.sizes.append(len(ids))
            return engine.run(ids, mask)

        self.engine = replace(engine, run=run, n_threads=1)


def test_requests_that_wait_are_computed_together(asked, engine):
    gate = Gate(engine)
    client = asked(engine=gate.engine)
    with ThreadPoolExecutor(21) as threads:
        jobs = [
            threads.submit(client.post, "/predict", json={"text": "a novel"}) for _ in range(21)
        ]
        wait_for(lambda: client.app.state.batcher.n_waiting == 21)
        gate.open.set()
        assert [job.result().status_code for job in jobs] == [200] * 21
    assert sum(gate.sizes) == 21
    assert len(gate.sizes) <= 4


def test_too_many_waiting_are_refused_and_those_that_wait_are_answered(asked, engine):
    gate = Gate(engine)
    client = asked(engine=gate.engine, waiting=2)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(client.post, "/predict", json={"texts": ["a novel", "b"]})
        assert gate.reached.wait(60)
        second = client.post("/predict", json={"text": "a novel"})
        assert (second.status_code, second.headers["retry-after"]) == (503, "1")
        gate.open.set()
        assert first.result().status_code == 200
    assert client.post("/predict", json={"text": "a novel"}).status_code == 200


def test_a_request_that_takes_too_long_is_given_up_and_later_ones_are_answered(asked, engine):
    gate = Gate(engine)
    client = asked(engine=gate.engine, seconds=0.2)
    assert client.post("/predict", json={"texts": ["a novel", "b"]}).status_code == 504
    assert client.app.state.batcher.n_waiting == 0
    gate.open.set()
    wait_for(lambda: client.post("/predict", json={"text": "a novel"}).status_code == 200)


def test_an_engine_that_fails_costs_only_those_that_asked(engine):
    broken = [True]

    def run(ids, mask):
        if broken.pop() if broken else False:
            raise RuntimeError("out of memory")
        return engine.run(ids, mask)

    with TestClient(
        make_app(replace(engine, run=run), Limits()), raise_server_exceptions=False
    ) as client:
        assert client.post("/predict", json={"text": "a novel"}).status_code == 500
        assert client.post("/predict", json={"text": "a novel"}).status_code == 200
        counted = client.get("/metrics").text
    assert 'wsal_requests_total{path="/predict",status="500"} 1.0' in counted


def test_with_a_token_only_health_is_open(asked):
    client = asked("secret")
    for headers in ({}, {"authorization": "Bearer other"}, {"authorization": "Basic secret"}):
        assert client.post("/predict", json={"text": "a"}, headers=headers).status_code == 401
        assert client.get("/metrics", headers=headers).status_code == 401
    right = {"authorization": "Bearer secret"}
    assert client.post("/predict", json={"text": "a"}, headers=right).status_code == 200
    assert client.get("/metrics", headers=right).status_code == 200
    assert client.get("/health").json()["status"] == "ok"


def test_metrics_count_requests_texts_and_seconds(asked):
    client = asked()
    client.post("/predict", json={"texts": TEXTS})
    client.post("/predict", json={"text": "a", "top": 0})
    client.get("/nowhere")
    client.get("/nowhere/else")
    counted = client.get("/metrics").text
    assert 'wsal_requests_total{path="/predict",status="200"} 1.0' in counted
    assert 'wsal_requests_total{path="/predict",status="422"} 1.0' in counted
    assert 'wsal_requests_total{path="other",status="404"} 2.0' in counted
    assert "wsal_texts_total 4.0" in counted
    assert "wsal_seconds_count 1.0" in counted
    assert "wsal_waiting_texts 0.0" in counted


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_no_request_that_the_description_allows_or_forbids_breaks_the_server(engine):
    app = make_app(engine, Limits(texts=16, characters=2000, body=20_000))
    for operation in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        seen = statuses(operation.ok(), GenerationMode.POSITIVE)
        assert 200 in seen
        if operation.ok().body:
            assert 422 in statuses(operation.ok(), GenerationMode.NEGATIVE)


def statuses(operation, mode):
    """What the server answers to requests made from its description."""
    seen = []

    @settings(
        max_examples=by_default(50, thorough=150),
        deadline=None,
        database=None,
        suppress_health_check=ALL,
    )
    @seed(0)
    @given(operation.as_strategy(mode))
    def ask(case):
        answer = case.call()
        case.validate_response(answer, checks=CHECKS)
        seen.append(answer.status_code)

    ask()
    return seen


class Server:
    """`wsal serve` in a process of its own."""

    def __init__(self, folder, out, *arguments):
        self.errors = out / "errors"
        command = [sys.executable, "-c", "from wsal.cli import main; main()", "serve", folder]
        with self.errors.open("w") as errors:
            self.process = fork_server.Popen(
                [*command, "--port", "0", "--backend", "onnx", *arguments],
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip

    @cached_property
    def url(self):
        """The address, once it listens."""
        line = self.process.stdout.readline()
        assert line, self.errors.read_text()
        return re.search(r"(http://[^/]+)/predict", line)[1]

    def status(self):
        return httpx.get(f"{self.url}/health").status_code

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


@pytest.mark.slow
def test_sigterm_under_load_loses_no_request(folder, tmp_path):
    server, answered, lost = Server(folder, tmp_path, "--drain", "2"), [], []
    url = server.url

    def ask():
        with httpx.Client() as client:
            while True:
                try:
                    answer = client.post(f"{url}/predict", json={"text": "red kettle"})
                    answered.append(answer.status_code)
                except httpx.ConnectError:
                    return  # the server has gone
                except httpx.HTTPError as error:
                    lost.append(error)

    with ThreadPoolExecutor(16) as threads:
        asking = [threads.submit(ask) for _ in range(16)]
        wait_for(lambda: len(answered) > 32)
        assert server.status() == 200
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: server.status() == 503)
        for thread in asking:
            thread.result()
    assert server.process.wait(60) == 0
    server.process.stdout.close()
    assert lost == []
    assert set(answered) == {200}
    assert server.errors.read_text() == ""


@pytest.mark.slow
def test_a_body_that_does_not_come_holds_no_connection(folder, tmp_path):
    server = Server(folder, tmp_path, "--timeout", "0.5")
    try:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=10) as slow_client:
            slow_client.sendall(
                b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b'Content-Length: 100\r\n\r\n{"text": '
            )
            answer = slow_client.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"did not arrive within 0.5 seconds" in answer
        assert server.status() == 200
    finally:
        server.stop()


@pytest.mark.slow
def test_where_it_cannot_listen_it_says_so(folder, tmp_path):
    first = Server(folder, tmp_path)
    port = first.url.rpartition(":")[2]
    try:
        for arguments, message in [
            (("--port", port), f"cannot listen on 127.0.0.1:{port}"),
            (("--host", "0.0.0.0"), "set a token first"),
        ]:
            other = Server(folder, tmp_path, *arguments)
            assert other.process.wait(60) == 1
            other.process.stdout.close()
            assert message in other.errors.read_text()
    finally:
        first.stop()


@pytest.mark.parametrize(
    ("headers", "message"),
    [({}, "Content-Type is missing"), ({"content-type": "text/plain"}, "is text/plain")],
)
def test_a_body_that_is_not_called_json_is_refused_with_the_header_to_send(asked, headers, message):
    answer = asked().post("/predict", content=b'{"text": "kettle"}', headers=headers)
    assert answer.status_code == 415
    assert message in answer.json()["detail"]
    assert "`Content-Type: application/json`" in answer.json()["detail"]
    named = {"content-type": "application/json; charset=utf-8"}
    answer = asked().post("/predict", content=b'{"text": "kettle"}', headers=named)
    assert answer.status_code == 200
