"""Eight people at two answers a second: how long each waits, and whether answers are lost.

python benchmarks/annotation.py [--seconds 60] [--people 8] [--label-studio PROGRAM]

First in one large round, then over several rounds, while classifiers are trained in between.
"""

import argparse
import os
import re
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import httpx
import numpy as np
from record import row, show

PEOPLE, SECONDS, PAUSE, POLL = 8, 60, 0.5, 1.5
LABELS = 12
KEY = "0123456789abcdef0123456789abcdef01234567"
WSAL = [sys.executable, "-c", "from wsal.cli import main; main()"]


def main():
    """Measure wsal's page, and Label Studio's API where it is installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--label-studio", help="its program, in an environment of its own")
    parser.add_argument("--encoders", nargs="*", default=["tiny", "minilm"])
    options = parser.parse_args()
    sys.setswitchinterval(0.0005)  # so that the simulated people do not wait for each other
    with tempfile.TemporaryDirectory() as folder:
        ours = page(Path(folder), options.people, options.seconds)
    over_rounds = {}
    for encoder in options.encoders:
        with tempfile.TemporaryDirectory() as folder:
            over_rounds[encoder] = rounds(Path(folder), options.people, options.seconds, encoder)
    theirs, name = {}, ""
    if options.label_studio:
        with tempfile.TemporaryDirectory() as folder:
            theirs = studio(Path(folder), options.label_studio, options.people, options.seconds)
        name = f"Label Studio, {theirs['texts']} answers"
    note = f"{options.people} people, 2 answers/s each, {options.seconds:.0f} s; "
    note += f"{ours['texts']} answers"
    rows = [
        row(f"key to next text, {what}", ours[what], theirs.get(what), name, "ms", note)
        for what in ("median", "p99", "max")
    ]
    rows += [
        row("answers lost", ours["lost"], theirs.get("lost"), name, "answers", note),
        row("answers twice", ours["twice"], theirs.get("twice"), name, "answers", note),
    ]
    for encoder, waits in over_rounds.items():
        of = f"{options.people} people, 2 answers/s each, {options.seconds:.0f} s; "
        of += f"{waits['texts']} answers, {waits['rounds']} rounds trained in between"
        rows += [
            row(f"the same over rounds ({encoder}), {what}", waits[what], None, "", unit, of)
            for what, unit in (("median", "ms"), ("p99", "ms"), ("max", "ms"),
                               ("lost", "answers"), ("twice", "answers"))
        ]  # fmt: skip
    show("annotation", rows, ["wsal", "fastapi", "uvicorn"])


def page(folder, people, seconds):
    """The page of one large round, answered over HTTP as the browser does it."""
    n = int(people * seconds * 2 * 1.5)
    base = ["experiment=smoke", "name=b", f"data.n={4 * n}", f"active.query_size={n}",
            f"active.max_candidates={2 * n}", "active.rounds=1"]  # fmt: skip
    subprocess.run([*WSAL, "run", *base, "annotator=file"], cwd=folder, check=True,
                   capture_output=True)  # fmt: skip
    return answered(folder, people, seconds, "annotate", base)


def rounds(folder, people, seconds, encoder):
    """The page of a run whose classifiers are trained while people answer."""
    base = [
        f"encoder={encoder}",
        "name=b",
        "data=catalog",
        "data.n=6000",
        "rules=catalog",
        "tracker=none",
        "pretrain.max_texts=500",
        "active.rounds=1000",
        "finetune.steps=100",
    ]
    subprocess.run([*WSAL, "run", *base, "annotator=file"], cwd=folder, check=True,
                   capture_output=True)  # fmt: skip
    figures = answered(folder, people, seconds, "run", base)
    figures["rounds"] = len(list((folder / "runs" / "b").glob("rounds/*/finetuned")))
    return figures


def answered(folder, people, seconds, command, base):
    """What people saw on the page of a command, which is killed in the end."""
    names = [f"p{k}" for k in range(people)]
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*WSAL, command, *base, "annotator=web", "annotator.browser=false",
             "annotator.port=0", f"annotator.people=[{','.join(names)}]"],
            cwd=folder, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        urls = []
        while len(urls) < people:
            urls = re.findall(r"annotate at (\S+)", log.read_text())
            time.sleep(0.1)
        found = together(people, seconds, lambda k, end, draw: a_person(urls[k], end, draw))
    finally:
        process.send_signal(signal.SIGKILL)  # what was acknowledged must survive it
        process.wait()
    with sqlite3.connect(folder / "runs" / "b" / "annotations.sqlite") as journal:
        recorded = [
            row_id for (row_id,) in journal.execute("SELECT id FROM events WHERE kind = 'answer'")
        ]
    return summary(found, recorded)


def a_person(url, end, draw):
    """Answers until time is up: ids acknowledged, milliseconds from key to next text."""
    acknowledged, waits, polled = [], [], 0.0
    with httpx.Client(headers={"X-Wsal": "1"}, timeout=30) as client:
        client.get(url, follow_redirects=True)
        base = url.split("/?")[0]
        item = next_text(client, base, end)
        labels = client.get(f"{base}/api/state").json()["labels"]
        time.sleep(draw.uniform(0, PAUSE))  # people do not begin in the same moment
        while time.monotonic() < end and item:  # unlike the page, this does not fetch ahead
            ids = [item["id"], *(copy["id"] for copy in item["duplicates"])]
            body = {"key": uuid.uuid4().hex, "kind": "answer", "round": item["round"], "ids": ids,
                    "label": labels[len(waits) % len(labels)], "seconds": 0.5}  # fmt: skip
            start = time.perf_counter()
            client.post(f"{base}/api/act", json=body).raise_for_status()
            item = next_text(client, base, end)
            waits.append(1000 * (time.perf_counter() - start))
            acknowledged += ids
            pause(start, draw)
            if time.monotonic() > polled + POLL:
                polled = time.monotonic()
                client.get(f"{base}/api/state").raise_for_status()
    return acknowledged, waits


def next_text(client, base, end):
    """The next text, however long it takes; None when time is up."""
    while time.monotonic() < end:
        if items := client.get(f"{base}/api/next", params={"n": 1}).json()["items"]:
            return items[0]
        time.sleep(0.01)
    return None


def pause(start, draw):
    """Half a second from key to key on average, with noise so that people do not act in step."""
    time.sleep(max(0, draw.uniform(0.5, 1.5) * PAUSE - (time.perf_counter() - start)))


def studio(folder, program, people, seconds):
    """Label Studio's API used as its editor uses it: submit an annotation, ask for the next."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    options = {"LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "false",
             "LABEL_STUDIO_BASE_DATA_DIR": str(folder)}  # fmt: skip
    with (folder / "log").open("w") as out:
        process = subprocess.Popen(
            [program, "start", "--no-browser", "--port", str(port), "--username", "a@b.example",
             "--password", "a-password-to-measure", "--user-token", KEY],
            stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **options},
        )  # fmt: skip
    try:
        client = httpx.Client(base_url=url, headers={"Authorization": f"Token {KEY}"}, timeout=60)
        while not _up(client):
            time.sleep(1)
        labels = "".join(f'<Choice value="class {k}"/>' for k in range(LABELS))
        config = ('<View><Text name="text" value="$text"/><Choices name="label" toName="text">'
                  f"{labels}</Choices></View>")  # fmt: skip
        body = {"title": "measured", "label_config": config}
        project = client.post("/api/projects", json=body).raise_for_status().json()["id"]
        n = int(people * seconds * 2 * 1.5)
        tasks = [{"text": f"a product title of some length, number {k}"} for k in range(n)]
        client.post(f"/api/projects/{project}/import", json=tasks).raise_for_status()
        found = together(
            people, seconds, lambda _, end, draw: a_studio_person(url, project, end, draw)
        )
        back = client.get(f"/api/projects/{project}/export", params={"exportType": "JSON"}).json()
        recorded = [task["id"] for task in back for _ in task["annotations"]]
    finally:
        process.terminate()
        process.wait()
    return summary(found, recorded)


def _up(client):
    try:
        return client.get("/health").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def a_studio_person(url, project, end, draw):
    """The same over Label Studio's API, with the one user that its open edition's token has."""
    acknowledged, waits = [], []
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Token {KEY}"}, timeout=60
    ) as client:
        task = client.get(f"/api/projects/{project}/next").json()
        while time.monotonic() < end:
            choice = {"from_name": "label", "to_name": "text", "type": "choices",
                      "value": {"choices": [f"class {len(waits) % LABELS}"]}}  # fmt: skip
            start = time.perf_counter()
            body = {"lead_time": 0.5, "result": [choice]}
            client.post(f"/api/tasks/{task['id']}/annotations", json=body).raise_for_status()
            acknowledged.append(task["id"])
            task = client.get(f"/api/projects/{project}/next").json()
            waits.append(1000 * (time.perf_counter() - start))
            pause(start, draw)
    return acknowledged, waits


def together(people, seconds, work):
    """The results of several people who work at the same time."""
    end, found = time.monotonic() + seconds, []
    threads = [
        threading.Thread(target=lambda k=k: found.append(work(k, end, np.random.default_rng(k))))
        for k in range(people)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def summary(found, recorded):
    """Waits in milliseconds, and how many acknowledged answers are missing or recorded twice."""
    waits = np.array([wait for _, all_waits in found for wait in all_waits])
    acknowledged = [row_id for ids, _ in found for row_id in ids]
    return {
        "median": round(statistics.median(waits), 1), "max": round(float(waits.max()), 1),
        "p99": round(float(np.quantile(waits, 0.99)), 1), "texts": len(waits),
        "lost": len(set(acknowledged) - set(recorded)), "twice": len(recorded) - len(set(recorded)),
    }  # fmt: skip


if __name__ == "__main__":
    main()
