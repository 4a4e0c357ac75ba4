"""A whole run with a cascade: killed during calls, it ends the same and pays for nothing twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zlib

import fork_server
import polars as pl
import pytest
from llm.fake_server import FakeServer

COMMAND = [
    sys.executable, "-c", "from wsal.cli import main; main()", "run", "experiment=smoke",
    "evaluation.size=12", "export=hf",
    "annotator=cascade", "annotator.audit=0.2", "llm=local", "llm.model=fake", "llm.texts=0",
    "llm.parallel=2",
]  # fmt: skip


def answer(text):
    """A class that has nothing to do with the text, and a confidence, always the same."""
    number = zlib.crc32(text.encode())
    return ("Coffee", "Laptops", None)[number % 3], 60 + number % 40


def digests(run_dir):
    return {
        str(p.parent.relative_to(run_dir)): json.loads(p.read_text())["digest"]
        for p in sorted(run_dir.rglob("manifest.json"))
    }


@pytest.mark.slow
def test_killed_in_the_middle_of_calls_it_pays_for_no_answer_twice(tmp_path):
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    calm.mkdir()
    with FakeServer(answer) as server:
        fork_server.run([*COMMAND, f"llm.url={server.url}"], cwd=calm, check=True)
    run = calm / "runs/smoke"
    shutil.copytree(calm, stormy)
    for name in ("rounds", "exported"):
        shutil.rmtree(stormy / "runs/smoke" / name)
    (stormy / "runs/smoke/llm.sqlite").unlink()

    running, deadly = [], {5, 14}  # the numbers of calls during which it dies

    def fatal_answer(text):
        if len(again.replied) in deadly:
            deadly.discard(len(again.replied))
            os.kill(running[-1].pid, signal.SIGKILL)
        return answer(text)

    with FakeServer(fatal_answer) as again:
        n_killed, code = 0, None
        while code != 0:
            running.append(
                fork_server.Popen(
                    [*COMMAND, f"llm.url={again.url}"], cwd=stormy, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )  # fmt: skip
            code = running[-1].wait(300)
            assert code in (0, -signal.SIGKILL)
            n_killed += code != 0
    assert n_killed == 2
    assert digests(stormy / "runs/smoke") == digests(run)
    n_twice = len(again.replied) - len(set(again.replied))
    assert n_twice <= 2 * 2  # at most the calls in flight, at each kill

    for number in (1, 2):
        round_dir = run / f"rounds/{number:03d}"
        query = pl.read_parquet(round_dir / "query/query.parquet")
        answers = pl.read_parquet(round_dir / "annotations/annotations.parquet")
        by_model = answers.filter(pl.col("annotator") == "llm:fake")
        measuring = query.filter(pl.col("purpose") == "evaluate")
        assert set(by_model["purpose"]) <= {"train"}
        assert not set(measuring["text"]) & {text for text, _ in server.requests}
        facts = json.loads((round_dir / "annotations/manifest.json").read_text())["facts"]
        assert facts["n_llm"] == len(by_model)
        assert facts["n_people"] == len(answers) - len(by_model)
        assessed = json.loads((round_dir / "assessed/manifest.json").read_text())["facts"]
        assert assessed["measured_on"].startswith("an evaluation sample of")
    n_people = sum(
        json.loads(p.read_text())["facts"]["n_people"]
        for p in run.glob("rounds/*/annotations/manifest.json")
    )
    assert assessed["seconds"] == 5.0 * n_people  # the model's answers take nobody's time
