"""Faults of servers, each over a real socket."""

import http.server
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fake_server import FakeServer

from wsal.errors import ConfigError, LLMError
from wsal.llm.asking import LLM
from wsal.llm.questions import Question
from wsal.llm.settings import LLMSettings, check_ready

OPTIONS = ("Tea", "Coffee", "Mugs")
KEY = "sk-0123456789secret"
QUESTIONS = [Question(f"text {n}", OPTIONS) for n in range(30)]


def right(text):
    return OPTIONS[int(text.split()[-1]) % 3], 80


@pytest.fixture
def asked(tmp_path):
    """A function that asks a server about some texts: the answers, and how long it waited."""

    def ask(server, questions=QUESTIONS, *, folder=tmp_path, **changes):
        waits = []
        url = server if isinstance(server, str) else server.url
        settings = LLMSettings(**{"url": url, "model": "fake", "parallel": 4, **changes})
        answers = LLM(settings, folder / "llm.sqlite", waits.append).ask(questions, "vote")
        return answers.answers, waits

    return ask


def labels(answers):
    return [answer.label for answer in answers]


RIGHT = [right(question.text)[0] for question in QUESTIONS]


@pytest.mark.parametrize("fault", ["429", "500", "broken", "dropped", "truncated"])
def test_what_passes_is_tried_again_and_paid_once(asked, fault):
    with FakeServer(right, faults=lambda _, attempt: fault if attempt < 2 else None) as server:
        answers, waits = asked(server)
    assert labels(answers) == RIGHT
    assert all(a.calls == 1 and a.status == "class" for a in answers)
    assert len(server.replied) == 30
    assert len(server.requests) == 90
    assert len(waits) == 60
    if fault not in ("dropped", "truncated"):  # where the server notices later than the client
        assert server.most_at_once <= 4
    if fault != "429":  # exponential, with jitter
        assert 0.25 <= min(waits) < 0.5 < max(waits) <= 1
        assert len(set(waits)) == 60


def test_a_slow_reply_is_given_up(asked):
    slow = lambda text, attempt: "slow" if (text, attempt) == ("text 3", 0) else None  # noqa: E731
    with FakeServer(right, faults=slow) as server:
        answers, waits = asked(server, QUESTIONS[:5], timeout_seconds=0.5)
        assert labels(answers) == RIGHT[:5]
        assert waits
        assert server.attempts["text 3"] > 1


def test_retry_after_is_honoured_up_to_a_limit(asked):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    for value, low, high in (("7", 7, 8), (later, 40, 51), ("86400", 120, 120), ("soon", 0, 1)):
        fault = lambda text, attempt: "429" if attempt == 0 else None  # noqa: E731
        with FakeServer(right, faults=fault, retry_after=value) as server:
            _, waits = asked(server, [Question(f"{value} 1", OPTIONS)])
        assert low <= waits[0] <= high


def test_what_does_not_pass_ends_with_what_to_do_and_answers_are_kept(asked):
    broken = lambda text, _: "500" if text == "text 20" else None  # noqa: E731
    with FakeServer(right, faults=broken) as server:
        with pytest.raises(
            LLMError, match=r"replies 500 \(internal error\); tried 3 times.*same com"
        ):
            asked(server, retries=2)
        paid = len(server.replied)
        server.faults = lambda *_: None
        answers, _ = asked(server)
    assert labels(answers) == RIGHT
    assert paid >= 17
    assert len(server.replied) == 30


def test_a_wrong_key_and_no_key(asked, monkeypatch):
    with FakeServer(right, key="another") as server:
        monkeypatch.setenv("LLM_KEY", KEY)
        with pytest.raises(LLMError, match=r"refuses access \(401: .*variable LLM_KEY") as error:
            asked(server, key_variable="LLM_KEY")
        assert KEY not in str(error.value)
        with pytest.raises(LLMError, match=r"llm.key_variable=NAME"):
            asked(server)
    assert len(server.requests) <= 8


def test_an_unknown_model(asked):
    with FakeServer(right) as server, pytest.raises(LLMError) as error:
        asked(server, model="fakee")
    assert "does not know llm.model=fakee" in str(error.value)
    assert "did you mean 'fake'? known: fake, other" in str(error.value)


def test_no_server_and_another_kind_of_server(asked):
    with FakeServer(right) as server:
        url = server.url
        with pytest.raises(LLMError, match=r"\(404: .*up to and including /v1"):
            asked(url.removesuffix("/v1"))
        server.faults = lambda *_: "html"
        with pytest.raises(LLMError, match=r"no choices in A router's login page\)"):
            asked(server)
    with pytest.raises(LLMError, match=r"cannot be reached .*start the server, or check llm.url"):
        asked(url)


def test_a_redirect_is_not_followed(asked, monkeypatch):
    monkeypatch.setenv("LLM_KEY", KEY)
    with FakeServer(right) as other:
        with (
            FakeServer(right, faults=lambda *_: "redirect", redirect=f"{other.url}/x") as server,
            pytest.raises(LLMError, match=r"redirects to http.*texts are not sent there"),
        ):
            asked(server, key_variable="LLM_KEY")
        assert not other.requests


def test_no_proxy_comes_between_this_machine_and_itself(asked, monkeypatch):
    with FakeServer(right) as proxy, FakeServer(right) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        assert labels(asked(server)[0]) == RIGHT
        assert not proxy.requests


@pytest.mark.parametrize("name", ["response_format", "logprobs", "seed", "temperature"])
def test_a_parameter_that_is_refused_is_left_out_from_then_on(asked, name):
    with FakeServer(right, without=[name]) as server:
        answers, waits = asked(server)
    assert labels(answers) == RIGHT
    assert not waits
    assert sum(name in body for _, body in server.requests) <= 4  # those in flight at first


def test_any_other_400_says_what_the_server_says(asked):
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(400, "the moon is in the wrong quarter")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with pytest.raises(LLMError, match=r"refuses the call \(400: .*wrong quarter"):
            asked(f"http://127.0.0.1:{server.server_address[1]}/v1", QUESTIONS[:1])
        server.shutdown()


def test_the_key_is_sent_and_written_nowhere(asked, monkeypatch, tmp_path):
    monkeypatch.setenv("LLM_KEY", KEY)
    with FakeServer(right, key=KEY, says=lambda _: f"{KEY} is your key") as server:
        asked(server, QUESTIONS[:5], key_variable="LLM_KEY")
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert (tmp_path / "llm.sqlite").stat().st_size > 0
    for file in tmp_path.rglob("*"):
        assert KEY.encode() not in file.read_bytes()


def test_a_placeholder_for_a_key_changes_no_reply(asked, monkeypatch):
    monkeypatch.setenv("LLM_KEY", "a")  # servers without keys are often given some word
    with FakeServer(right) as server:
        assert labels(asked(server, key_variable="LLM_KEY")[0]) == RIGHT


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "127.0.0.1:8080/v1"}, "expected an address such as http://127"),
        ({"url": "ftp://x/v1"}, "expected an address"),
        ({"url": "http://127.0.0.1:x/v1"}, "expected an address"),
        ({"url": "http://me:pw@127.0.0.1/v1"}, "llm.key_variable=NAME"),
        ({"url": "https://api.example/v1?key=1", "remote": True}, "llm.key_variable=NAME"),
        ({"url": "https://api.example/v1"}, "give llm.remote=true"),
        ({"url": "http://localhost.example/v1"}, "give llm.remote=true"),
        ({"url": "http://10.0.0.1/v1"}, "give llm.remote=true"),
        ({"url": "http://127.0.0.1/v1", "model": None}, "give llm.model=NAME"),
        ({"url": "http://127.0.0.1/v1", "budget": 5.0}, "without prices; give"),
        ({"key_variable": "sk-pw"}, "not the name of an environment variable"),
    ],
)
def test_settings_that_cannot_be_meant(changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        LLMSettings(**{"model": "m", **changes})
    assert "pw" not in str(error.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_this_machine_needs_no_consent(host):
    assert LLMSettings(url=f"http://{host}:1/v1", model="m").on_this_machine


def test_what_a_run_needs_is_checked_before_it(tmp_path, monkeypatch):
    local = {"url": "http://127.0.0.1:1/v1", "model": "m"}
    monkeypatch.delenv("LLM_KEY", raising=False)
    with pytest.raises(ConfigError, match="LLM_KEY: this environment variable is not set"):
        check_ready(LLMSettings(**local, key_variable="LLM_KEY"), tmp_path)
    monkeypatch.setenv("LLM_KEY", "two words")
    with pytest.raises(ConfigError, match="does not hold a key") as error:
        check_ready(LLMSettings(**local, key_variable="LLM_KEY"), tmp_path)
    assert "two words" not in str(error.value)
    with pytest.raises(ConfigError, match=r"llm.guidelines=no.yaml: there is no such file"):
        check_ready(LLMSettings(**local, guidelines="no.yaml"), tmp_path)
    check_ready(LLMSettings(guidelines="no.yaml", key_variable="LLM_KEY"), tmp_path)  # llm=none
