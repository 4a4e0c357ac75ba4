"""`wsal llm plan` and `wsal llm log`; without a language model, nothing is sent anywhere."""

import sys

import fork_server
import pytest
from fake_server import FakeServer
from helpers import run_here

from wsal.artifacts import Artifact
from wsal.errors import UnknownNameError
from wsal.llm.asking import LLM
from wsal.llm.pool_texts import questions_about, texts_to_send
from wsal.llm.settings import LLMSettings, Price

OFFLINE = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print("NETWORK", event, arguments, flush=True)
        sys.exit(3)

sys.addaudithook(refuse)
from wsal.cli import main
main()
"""


@pytest.fixture
def prepared(tmp_path):
    """A folder with a run that has a pool and a language model nobody has asked yet."""

    def prepare(*overrides):
        done = run_here(
            tmp_path, "prepare", "experiment=smoke", "name=t", "llm=local", "llm.model=fake",
            "llm.price.input=2", "llm.price.output=10", *overrides,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return tmp_path

    return prepare


def rows(output):
    """First cell of each row of a table -> the other cells."""
    cells = (line.split("│")[1:-1] for line in output.splitlines() if line.startswith("│"))
    return {cell.strip(): [other.strip() for other in others] for cell, *others in cells}


def test_the_plan_shows_prompts_and_what_they_would_cost(prepared):
    with FakeServer(lambda _: ("Coffee", 9)) as server:
        folder = prepared(
            "llm.budget=3", "llm.questions=2", "llm.samples=3", f"llm.url={server.url}"
        )
        done = run_here(folder, "llm", "plan", "t", "--texts", "100")
        assert done.returncode == 0, done.stderr
        assert not server.requests
    assert done.stdout.count("\nText: ") == 3
    assert f"prompt 3 of 3 to fake at {server.url}, on this machine" in done.stdout
    table = rows(done.stdout)
    assert table["calls"] == ["400", "0", ""]
    n_in, n_out = (int(table[f"{name} tokens"][0].replace(",", "")) for name in ("input", "output"))
    assert float(table["cost"][0]) == pytest.approx((2 * n_in + 10 * n_out) / 1e6, abs=1e-4)
    assert table["cost"][2] == "3.00"
    assert not (folder / "runs/t/llm.sqlite").exists()


def test_the_estimate_is_near_what_a_server_counts(prepared):
    folder = prepared()
    planned = rows(run_here(folder, "llm", "plan", "t", "--texts", "50").stdout)
    pool = Artifact.open(folder / "runs/t/pool")
    with FakeServer(lambda _: ("Coffee", 90)) as server:
        settings = LLMSettings(url=server.url, model="fake", price=Price(2, 10))
        model = LLM(settings, folder / "runs/t/llm.sqlite")
        model.ask(questions_about(pool, range(50), settings), "vote")
    spent = rows(run_here(folder, "llm", "log", "t").stdout)["vote"]
    assert planned["calls"][0] == spent[1] == "50"
    assert float(planned["cost"][0]) == pytest.approx(float(spent[-1]), rel=0.1)
    assert rows(run_here(folder, "llm", "plan", "t").stdout)["calls"][1] == "50"


def test_the_log_shows_what_was_sent_and_cannot_steer_the_terminal(prepared):
    folder = prepared()
    with FakeServer(
        lambda _: ("Coffee", 90), usage=False, without=["seed"],
        says=lambda _: '[red]{"answer": "A", "confidence": 3}\x1b[2J',
    ) as server:  # fmt: skip
        settings = LLMSettings(url=server.url, model="fake", price=Price(2, 10))
        model = LLM(settings, folder / "runs/t/llm.sqlite")
        pool = Artifact.open(folder / "runs/t/pool")
        model.ask(questions_about(pool, range(5), settings), "vote")
        model.ask(questions_about(pool, range(7), settings), "round 1")
    shown = run_here(folder, "llm", "log", "t", "--last", "2").stdout
    assert shown.count("\nText: ") == 2
    assert "call 7 of 7: round 1, fake" in shown
    assert '[red]{"answer": "A", "confidence": 3} [2J' in shown
    assert rows(shown)["vote"][:2] == ["fake", "5"]
    assert rows(shown)["all"][1] == "7"
    assert "does not count tokens" in shown
    assert "does not accept seed" in shown
    assert "\nText: " not in run_here(folder, "llm", "log", "t", "--last", "0").stdout


def test_without_a_language_model_the_commands_say_so(tmp_path):
    run_here(tmp_path, "prepare", "experiment=smoke", "name=t")
    assert "no language model was asked" in run_here(tmp_path, "llm", "log", "t").stderr
    said = run_here(tmp_path, "llm", "plan", "t").stderr
    assert "llm=none" in said
    assert "wsal prepare llm=local llm.model=NAME" in said


def test_only_the_fields_that_may_be_sent_are(prepared):
    pool = Artifact.open(prepared() / "runs/t/pool")
    settings = LLMSettings(fields=("brand",))
    sent = texts_to_send(pool, range(200), settings)
    whole = texts_to_send(pool, range(200), LLMSettings())
    assert all(a in b and len(a) < len(b) for a, b in zip(sent, whole, strict=True))
    with pytest.raises(
        UnknownNameError, match=r"field in llm\.fields 'brnad'; did you mean 'brand'"
    ):
        texts_to_send(pool, range(3), LLMSettings(fields=("brnad",)))


def test_what_is_missing_is_noticed_before_the_work(tmp_path):
    run = ("run", "experiment=smoke", "name=t", "llm=openai", "llm.model=m", "llm.price.input=1")
    assert "llm.remote=true" in run_here(tmp_path, *run).stderr
    done = run_here(tmp_path, *run, "llm.remote=true", "llm.key_variable=NO_SUCH_KEY")
    assert "NO_SUCH_KEY: this environment variable is not set" in done.stderr
    assert not (tmp_path / "runs/t/pool").exists()


@pytest.mark.slow
def test_without_a_language_model_a_whole_run_opens_no_connection(tmp_path):
    line = [sys.executable, "-c", OFFLINE, "run", "experiment=smoke", "active.rounds=1"]
    done = fork_server.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NETWORK" not in done.stdout
    assert (tmp_path / "runs/smoke/exported/manifest.json").exists()
    assert not (tmp_path / "runs/smoke/llm.sqlite").exists()
