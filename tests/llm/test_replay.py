"""The server that replays recorded answers, as the benchmarks use it."""

import sys

import polars as pl
import pytest
from helpers import ROOT

from wsal.llm.asking import LLM
from wsal.llm.questions import Question
from wsal.llm.settings import LLMSettings, Price

OPTIONS = ("Tea", "Coffee", "Mugs")


@pytest.fixture
def replay(tmp_path, monkeypatch):
    """A function from a share of faults to a server of 60 answers."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    from llm_replay import ReplayServer

    (tmp_path / "llm_answers").mkdir()
    answers = [OPTIONS[n % 3] if n % 5 else None for n in range(60)]
    table = {"text": [f"text  {n}" for n in range(60)], "answer": answers, "confidence": range(60)}
    pl.DataFrame(table).write_parquet(tmp_path / "llm_answers/some.parquet")
    return lambda faults=0.0: ReplayServer("some", faults=faults, data=tmp_path)


def ask(server, folder, texts, **changes):
    settings = LLMSettings(url=server.url, model="recorded", price=Price(1, 1), **changes)
    questions = [Question(text, OPTIONS, {"Tea": "leaves"}) for text in texts]
    return LLM(settings, folder / "llm.sqlite", lambda _: None).ask(questions, "vote").answers


@pytest.mark.parametrize("faults", [0.0, 0.2])
def test_it_answers_as_recorded_whatever_fails(replay, tmp_path, faults):
    texts = [f"text {n}" for n in range(60)]
    with replay(faults) as server:
        answers = ask(server, tmp_path, texts, questions=2)
        failed = sum(server.attempts.values()) - sum(server.replies.values())
    assert [a.label for a in answers] == [OPTIONS[n % 3] if n % 5 else None for n in range(60)]
    assert {a.status for a in answers} == {"class", "none of these"}
    assert [a.confidence for a in answers] == pytest.approx([n / 100 for n in range(60)])
    assert server.replies == {text: 2 if n % 5 else 1 for n, text in enumerate(texts)}
    assert (failed > 5) == (faults > 0)


def test_what_was_not_recorded_is_invalid_and_free(replay, tmp_path):
    with replay() as server:
        [answer] = ask(server, tmp_path, ["something else"])
    assert (answer.status, answer.calls, answer.cost) == ("invalid", 1, 0)
