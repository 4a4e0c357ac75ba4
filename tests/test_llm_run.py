"""A file and names of classes are enough: a language model, some people, and a model of your own.

No rule is written. Killed three times and served badly, the run ends the same, and again for free.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import zlib

import fork_server
import polars as pl
import pytest
from llm.fake_server import FakeServer, wait_until

from wsal.active.money import Bill
from wsal.data.catalog import Catalog
from wsal.text import clean_text

WSAL = """
import sys
offline = sys.argv.pop(1) == "offline"

def refuse(event, arguments):
    if offline and event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        sys.exit(f"NETWORK {event} {arguments}")

sys.addaudithook(refuse)
from wsal.cli import main
main()
"""
OPTIONS = [
    "run", "experiment=smoke", "data=csv", "data.path=shop.csv", "data.layout.text=title",
    "data.layout.label=category", "data.layout.test_share=0", "rules=none", "name=shop",
    "export=hf", "evaluation.size=20", "active.query_size=12", "active.price_per_hour=30",
    "annotator=cascade", "annotator.audit=0.3", "annotator.sure=1", "llm=local", "llm.model=fake",
    "llm.texts=60", "llm.price.input=2", "llm.price.output=8", "llm.parallel=4", "active.rounds=1",
    "retrain.distance=0",
]  # fmt: skip
FAULTS = ("429", "500", "dropped", "broken")


@pytest.fixture
def shop(tmp_path):
    """Two folders with the same file, the class of each text, and what a language model says."""
    rows = Catalog(n=400).read().unique("title", maintain_order=True).select("title", "category")
    for name in ("calm", "stormy"):
        (tmp_path / name).mkdir()
        rows.write_csv(tmp_path / name / "shop.csv")
    gold = {clean_text(title): category for title, category in rows.iter_rows()}

    def answer(text):
        chance = zlib.crc32(text.encode()) % 10
        return (gold[text], 90 + chance) if chance else (rows["category"][0], 60)

    return tmp_path / "calm", tmp_path / "stormy", answer


def command(url, network="online"):
    return [sys.executable, "-c", WSAL, network, *OPTIONS, f"llm.url={url}"]


def digests(folder):
    return {
        str(path.relative_to(folder)): json.loads(path.read_text())["digest"]
        for path in folder.rglob("manifest.json")
    }


def fault(text, attempt):
    """One request in five fails, the same ones each time."""
    number = zlib.crc32(f"{text} {attempt}".encode())
    return FAULTS[number % 4] if number % 5 == 0 else None


@pytest.mark.slow
def test_a_run_without_rules_ends_with_a_model_a_bill_and_an_interval(shop):
    calm, stormy, answer = shop
    with FakeServer(answer) as server:
        done = fork_server.run(command(server.url), cwd=calm, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run, lines = calm / "runs/shop", done.stdout.splitlines()

    # an exported model, an interval of people's labels, and a bill that is what was paid
    assert (run / "exported/model.safetensors").exists()
    # its answers count in weak training, also when that is repeated
    first, again, last = (
        json.loads((run / place / "manifest.json").read_text())["facts"]
        for place in ("pretrained", "rounds/001/retrained", "rounds/001/finetuned")
    )
    assert again["trained"]
    assert 0 < first["n_answered"] < again["n_answered"] == last["n_answered"]

    summary = json.loads((run / "summary.json").read_text())
    last, bill = summary["rounds"][-1], Bill.read(summary["bill"])
    low, high = last["accuracy_interval"]
    quality = next(line for line in lines if line.startswith("quality: "))
    assert low < last["accuracy"] < high and f"[{low:.3f}, {high:.3f}]" in quality
    assert last["measured_on"] in quality and last["n_answered"] >= 45
    with sqlite3.connect(run / "llm.sqlite") as cache:
        paid = cache.execute("SELECT count(*), sum(input_tokens), sum(cost) FROM calls").fetchone()
    assert (bill.calls, bill.input_tokens, bill.llm) == (*paid[:2], pytest.approx(paid[2]))
    assert (bill.calls, bill.other_calls) == (len(server.replied), 0)
    answers = [pl.read_parquet(p) for p in sorted(run.glob("rounds/*/annotations/ann*.parquet"))]
    by_model = pl.concat(answers).filter(pl.col("annotator") == "llm:fake")
    assert len(by_model) and set(by_model["purpose"]) == {"train"}
    assert bill.answers == sum(map(len, answers)) - len(by_model)
    assert all(line in lines for line in bill.sentences())

    # the same where the server fails and the run is killed: twice during calls, once in training
    deadly, running = {20, 65}, []

    def fatal_answer(text):
        if len(again.replied) in deadly:
            deadly.discard(len(again.replied))
            os.kill(running[-1].pid, signal.SIGKILL)
        return answer(text)

    def start():
        running.append(
            fork_server.Popen(
                command(again.url), cwd=stormy, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip
        return running[-1]

    with FakeServer(fatal_answer, faults=fault) as again:
        assert start().wait(300) == -signal.SIGKILL
        trained = stormy / "runs/shop/pretrained.unfinished"
        process = start()
        wait_until(trained.exists)
        process.kill()
        assert process.wait(300) == -signal.SIGKILL
        assert start().wait(300) == -signal.SIGKILL
        assert start().wait(300) == 0
        assert len(again.requests) > 1.1 * len(again.replied)
    assert digests(stormy) == digests(calm)
    n_twice = len(again.replied) - len(set(again.replied))
    assert n_twice <= 2 * 4  # calls in flight when it was killed

    # the replies are enough to make everything anew, without a network
    for folder in [path for path in (stormy / "runs/shop").iterdir() if path.is_dir()]:
        shutil.rmtree(folder)
    done = fork_server.run(
        command(again.url, "offline"), cwd=stormy, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert digests(stormy) == digests(calm)
    assert all(line in done.stdout.splitlines() for line in bill.sentences())
