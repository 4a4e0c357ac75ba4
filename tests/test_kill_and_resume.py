"""SIGKILL in each stage in turn: the same command goes on, and ends as if nothing had happened."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import fork_server
import polars as pl
import pytest

RUN = [
    sys.executable,
    "-c",
    "from wsal.cli import main; main()",
    "run",
    "experiment=smoke",
    "hardware.save_seconds=0",
    "retrain.distance=0",
    "active.query_size=20",
]
STAGES = (
    "pool", "votes", "weak_labels", "tokens", "pretrained", "embeddings", "rounds/001/query",
    "rounds/001/annotations", "rounds/001/finetuned", "rounds/001/assessed", "rounds/002/query",
    "rounds/002/retrained", "rounds/002/finetuned", "exported",
)  # fmt: skip


def digests(run_dir):
    return {
        str(p.parent.relative_to(run_dir)): json.loads(p.read_text())["digest"]
        for p in sorted(run_dir.rglob("manifest.json"))
    }


def killed(code, stage, cwd, command=RUN[3:]):
    """Run `code`, which has the process die in `stage`, before a command."""
    code = f"import os, signal\nfrom wsal import artifacts\nstage = {stage!r}\n{code}"
    code += "from wsal.cli import main\nmain()\n"
    done = fork_server.run(
        [sys.executable, "-c", code, *command], cwd=cwd, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, (stage, done.stderr)


def killed_where_it_begins(stage, cwd, command=RUN[3:]):
    """Run until `stage` has begun, then die."""
    code = (
        "begin = artifacts.create\n"
        "def create(path, config, inputs, *more):\n"
        "    if str(path).endswith(stage):\n"
        "        with begin(path, config, inputs, *more) as (work, facts):\n"
        "            (work / 'half_written').write_text('x')\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return begin(path, config, inputs, *more)\n"
        "artifacts.create = create\n"
    )
    killed(code, stage, cwd, command)


def killed_while_sealing(stage, moment, cwd, command=RUN[3:]):
    """Run until `stage` is done, then die before its manifest is written, or when it is."""
    moved = stage + ".unfinished" + {"unsealed": "/manifest.json.tmp", "sealed": ""}[moment]
    code = (
        "import sys\n"
        "def die(event, given):\n"
        f"    if event == 'os.rename' and str(given[0]).endswith({moved!r}):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(die)\n"
    )
    killed(code, stage, cwd, command)


def killed_in_training(cwd):
    """Run until pretraining has written a checkpoint, then kill from outside."""
    process = fork_server.Popen(RUN, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scratch = cwd / "runs/smoke/pretrained.unfinished/checkpoints"
    while process.poll() is None and not list(scratch.glob("*/*/state.json")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (cwd / "runs/smoke/pretrained").exists(), "training ended before the kill"


def assert_training_is_kept(cwd):
    """The training that ended before the kill left its last step on the disk."""
    scratch = cwd / "runs/smoke/pretrained.unfinished/checkpoints/pretrain"
    state = json.loads(sorted(scratch.glob("*/state.json"))[-1].read_text())
    facts = json.loads((cwd.parent / "calm/runs/smoke/pretrained/manifest.json").read_text())[
        "facts"
    ]
    assert state["progress"]["step"] == facts["n_steps"]


@pytest.mark.slow
def test_killed_in_each_stage_in_turn_it_ends_as_an_undisturbed_run(tmp_path):
    (tmp_path / "calm").mkdir()
    (tmp_path / "stormy").mkdir()
    # started like the others: floats of a forked process may be rounded otherwise
    fork_server.run(RUN, cwd=tmp_path / "calm", check=True, capture_output=True)
    for stage in STAGES:
        if stage == "pretrained":
            killed_in_training(tmp_path / "stormy")
            killed_while_sealing(stage, "unsealed", tmp_path / "stormy")
            assert_training_is_kept(tmp_path / "stormy")
            killed_while_sealing(stage, "sealed", tmp_path / "stormy")
            continue
        killed_where_it_begins(stage, tmp_path / "stormy")
    fork_server.run(RUN, cwd=tmp_path / "stormy", check=True, capture_output=True)
    calm, stormy = (digests(tmp_path / name / "runs/smoke") for name in ("calm", "stormy"))
    assert len(calm) == 20
    assert (tmp_path / "stormy/runs/smoke/rounds/002/retrained/model.safetensors").exists()
    assert stormy == calm
    assert not list((tmp_path / "stormy/runs/smoke").rglob("*.unfinished"))
    summaries = [
        json.loads((tmp_path / name / "runs/smoke/summary.json").read_text())
        for name in ("calm", "stormy")
    ]
    for summary in summaries:
        del summary["seconds"]
    assert summaries[0] == summaries[1]
    assert [r["n_gold"] for r in summaries[0]["rounds"]] == [0, 20, 40]


BY_PEOPLE = ("annotate", *RUN[4:], "annotator=file")
ANSWERED = "rounds/001/annotations"


def wait_for_people(cwd):
    """Run until it waits for people; what it says, and the sheet."""
    done = fork_server.run(
        [*RUN[:3], *BY_PEOPLE], cwd=cwd, check=True, capture_output=True, text=True
    )
    (sheet,) = (cwd / "runs/smoke/rounds/001").glob("query*.csv")
    return done.stdout, sheet


def answer(sheet, n, classes):
    """Fill in the first `n` rows; gives back what was answered by text."""
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows[:n]):
        row["label"] = classes[number % len(classes)]
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return {row["text"]: row["label"] for row in rows[:n]}


@pytest.mark.slow
def test_answers_of_people_outlive_kills_before_while_and_after_they_are_taken(tmp_path):
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    calm.mkdir()
    run = [*RUN, "annotator=file"]
    done = fork_server.run(run, cwd=calm, check=True, capture_output=True, text=True)
    assert "waiting: " in done.stdout
    shutil.copytree(calm, stormy)
    classes = json.loads((calm / "runs/smoke/pool/labels.json").read_text())

    _, sheet = wait_for_people(calm)
    n = len(sheet.read_text().splitlines()) - 1
    answer(sheet, n, classes)
    fork_server.run([*RUN[:3], *BY_PEOPLE], cwd=calm, check=True, capture_output=True)

    _, sheet = wait_for_people(stormy)
    answer(sheet, n // 2, classes)
    half = sheet.read_bytes()
    killed_where_it_begins(ANSWERED, stormy, BY_PEOPLE)
    said, sheet = wait_for_people(stormy)
    assert f"{n - n // 2} of {n} texts" in said
    assert sheet.read_bytes() == half
    given = answer(sheet, n, classes)
    for moment in ("unsealed", "sealed"):
        killed_while_sealing(ANSWERED, moment, stormy, BY_PEOPLE)
    fork_server.run([*RUN[:3], *BY_PEOPLE], cwd=stormy, check=True, capture_output=True)

    place = f"runs/smoke/{ANSWERED}"
    taken = pl.read_parquet(stormy / place / "annotations.parquet")
    query = pl.read_parquet(stormy / "runs/smoke/rounds/001/query/query.parquet")
    texts = dict(zip(query["id"], query["text"], strict=True))
    labels = zip(taken["id"], taken["label"], strict=True)
    assert {texts[one]: label for one, label in labels} == given
    assert digests(stormy / "runs/smoke")[ANSWERED] == digests(calm / "runs/smoke")[ANSWERED]
    assert not list((stormy / "runs/smoke").rglob("*.unfinished"))
