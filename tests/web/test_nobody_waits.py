"""Nobody waits: while a classifier is trained, people answer texts of the next round."""

import json
import os
import shutil
import signal
import threading
import time
import zlib
from pathlib import Path

import fork_server
import httpx
import polars as pl
import pytest
from page_fixtures import GATE, PAGE, PATIENCE, SMOKE, command

from wsal.annotation.journal import JOURNAL_FILE, Event, Journal
from wsal.sockets import listening_socket

ROUNDS = (
    "active.rounds=2", "active.query_size=50", "evaluation.size=8", "evaluation.top_up=4",
    "export=hf",
)  # fmt: skip


class Person:
    """Somebody with the page open, as the browser does it without fetching ahead."""

    def __init__(self, url):
        self.client = httpx.Client(headers={"X-Wsal": "1"}, timeout=PATIENCE)
        self.client.get(url, follow_redirects=True)
        self.base, self.labels, self.given, self.n = url.split("/?")[0], [], {}, 0

    def state(self):
        news = self.client.get(f"{self.base}/api/state").json()
        self.labels = news.get("labels", self.labels)
        return news

    def next(self):
        """The next text; None if there is none now."""
        items = self.client.get(f"{self.base}/api/next", params={"n": 1}).json()["items"]
        return items[0] if items else None

    def act(self, kind, item=None, label=None, number=None):
        self.n += 1
        ids = [item["id"], *(one["id"] for one in item["duplicates"])] if item else []
        body = {
            "key": f"{kind}-{id(self)}-{self.n}",
            "kind": kind,
            "ids": ids,
            "label": label,
            "round": number or item["round"],
            "seconds": 2.0,
        }
        return self.client.post(f"{self.base}/api/act", json=body)

    def answer(self, item):
        """Answer a text with the class that its characters happen to give."""
        label = self.labels[zlib.crc32(item["text"].encode()) % len(self.labels)]
        done = self.act("answer", item, label)
        assert done.status_code == 200, done.text
        self.given |= {one["text"]: label for one in (item, *item["duplicates"])}


@pytest.fixture
def person():
    """A function from an address to somebody who has opened it."""
    opened = []

    def open_page(url):
        opened.append(Person(url))
        return opened[-1]

    yield open_page
    for one in opened:
        one.client.close()


def until(condition):
    """What a condition returns once it holds."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, "it never came to hold"
        threading.Event().wait(0.05)
    return value


def answered(person, n):
    """Answer the next `n` texts; give them back."""
    items = []
    for _ in range(n):
        item = until(person.next)
        person.answer(item)
        items.append(item)
    return items


def table(folder, place):
    return pl.read_parquet(folder / "runs/w/rounds" / place)


def digests(folder):
    return {
        str(path.parent.relative_to(folder)): json.loads(path.read_text())["digest"]
        for path in sorted(folder.rglob("manifest.json"))
    }


def finish_first_round(ann):
    """Answer all of the first round; the early text that comes then."""
    until(lambda: ann.state()["phase"] == "round")
    while not (item := until(ann.next))["early"]:
        ann.answer(item)
    return item


def answer_early(ann, folder):
    """Answer, skip and undo while the first round waits to be trained; the skipped text."""
    until((folder / "runs/w/rounds/001/reweighed/manifest.json").exists)
    news = ann.state()
    assert (news["phase"], news["round"], news["early"]) == ("early", 2, 0)
    answered(ann, 5)
    skipped = until(ann.next)
    assert ann.act("skip", skipped).status_code == 200
    slip = until(ann.next)
    ann.answer(slip)
    assert ann.act("undo", number=2).json()["undone"]["id"] == slip["id"]
    ann.answer(slip)
    assert ann.act("finish", number=2).status_code == 409
    return skipped


def go_on_to_the_end(ann):
    """Answer what the second round asks; its texts."""
    asked = []
    until(lambda: ann.state()["phase"] == "round")
    while item := next_of_round(ann):
        ann.answer(item)
        asked.append(item["text"])
    return asked


def next_of_round(ann):
    """The next text that an open round asks; None once the run is over."""
    while True:
        try:
            news = ann.state()
        except (httpx.NetworkError, httpx.RemoteProtocolError):  # and its page is gone
            return None
        if news["phase"] == "over":
            return None
        if news["phase"] == "round" and (item := ann.next()):
            return item
        threading.Event().wait(0.05)


@pytest.mark.slow
def test_early_answers_count_once_over_a_kill_and_the_journal_makes_the_same_run(run, page, person):
    shutil.rmtree(run / "runs/w/rounds")
    os.mkfifo(run / "gate")
    with listening_socket("127.0.0.1", 0, "") as free:  # the port is part of digests
        port = free.getsockname()[1]
    served = page(run, *ROUNDS, name="run", before=GATE, port=port)
    ann = person(served.urls[0])
    item = finish_first_round(ann)
    assert item["round"] == 2
    skipped = answer_early(ann, run)
    on_screen = until(ann.next)

    served.kill()  # no goodbye, in the middle of training
    served.start()
    ann.answer(on_screen)  # the page was left open
    (run / "gate").open("w").close()  # now it is trained
    before = dict(ann.given)
    asked = go_on_to_the_end(ann)
    served.wait()
    assert not set(asked) & {*before, skipped["text"]}

    query = table(run, "002/query/query.parquet")
    early = query.filter(pl.col("reason") == "answered early")
    assert query.head(len(early)).equals(early)
    assert len(early) >= 7
    others = [table(run, f"001/query/{name}.parquet")["text"] for name in ("query", "frame")]
    assert not set(early["text"]) & set(pl.concat(others))
    taken = table(run, "002/annotations/annotations.parquet")
    assert taken["text"].to_list() == query["text"].to_list()
    labels = dict(taken.select("text", "label").iter_rows())
    assert labels == {text: ann.given.get(text) for text in query["text"]}
    assert [text for text, label in labels.items() if label is None] == [skipped["text"]]
    trained = json.loads((run / "runs/w/rounds/002/finetuned/manifest.json").read_text())
    gold = pl.concat([table(run, f"00{n}/annotations/annotations.parquet") for n in (1, 2)])
    gold = gold.filter(pl.col("purpose") == "train").drop_nulls("label")
    assert trained["facts"]["n_gold"] == len(gold) == gold["text"].n_unique()

    made = digests(run / "runs/w")
    for name in ("rounds", "exported"):
        shutil.rmtree(run / "runs/w" / name)
    served.before = ""
    served.start()
    served.wait()  # nobody answers anything
    assert digests(run / "runs/w") == made


def early_in_journal(folder):
    """Have all of the first round and two more texts answered; the two texts."""
    asked = table(folder, "001/query/query.parquet")
    frame = table(folder, "001/query/frame.parquet")
    pool = pl.read_parquet(folder / "runs/w/pool/pool.parquet")
    labels = json.loads((folder / "runs/w/pool/labels.json").read_text())
    others = pool.filter(~pl.col("text").is_in([*asked["text"], *frame["text"]]))[5:3:-1]
    Journal(folder / "runs/w" / JOURNAL_FILE).append([
        Event(f"{text_id}.0", "answer", "ann", number, text_id, labels[n % 9], 9, shown, text=text)
        for number, shown, texts in ((1, "", asked), (2, "early", others))
        for n, (text_id, text) in enumerate(texts.select("id", "text").iter_rows())
    ])  # fmt: skip
    return others["text"].to_list()


@pytest.mark.slow
def test_a_run_that_ends_keeps_early_answers_which_count_when_it_goes_on(run):
    early = early_in_journal(run)
    base = (*SMOKE, *PAGE, "annotator.port=0", "active.rounds=2", "active.query_size=20")
    ended = fork_server.run(
        command("active", *base, "stop.hours=0.001"), cwd=run, capture_output=True, text=True
    )
    assert "stops after round 1" in ended.stdout, ended.stdout + ended.stderr
    assert "2 early answers kept for the next round, if the run goes on" in ended.stdout
    fork_server.run(command("select", *base), cwd=run, check=True)
    query = table(run, "002/query/query.parquet")
    assert query["text"].head(2).to_list() == early
    assert query["reason"].to_list().count("answered early") == 2
    assert len(query.filter(pl.col("purpose") == "train")) == 20


@pytest.mark.slow
def test_a_command_whose_page_is_gone_ends(run, page):
    served = page(run)
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
    (child,) = children.read_text().split()
    os.kill(int(child), signal.SIGKILL)
    assert served.process.wait(PATIENCE) != 0
    assert "the page has ended unexpectedly" in served.log.read_text()
