"""SIGKILL in each stage in turn: the same command goes on, and ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

RUN = [
    sys.executable,
    "-c",
    "from wsal.cli import main; main()",
    "run",
    "experiment=smoke",
    "hardware.save_seconds=0",
]
STAGES = (
    "pool", "votes", "weak_labels", "tokens", "pretrained", "embeddings", "rounds/001/query",
    "rounds/001/annotations", "rounds/001/finetuned", "rounds/001/assessed", "rounds/002/query",
    "rounds/002/finetuned", "exported",
)  # fmt: skip


def digests(run_dir):
    return {
        str(p.parent.relative_to(run_dir)): json.loads(p.read_text())["digest"]
        for p in sorted(run_dir.rglob("manifest.json"))
    }


def killed_where_it_begins(stage, cwd):
    """Run until `stage` has begun, then die."""
    code = (
        "import os, signal\n"
        "from wsal import artifacts\n"
        "begin = artifacts.create\n"
        "def create(path, config, inputs):\n"
        f"    if str(path).endswith({stage!r}):\n"
        "        with begin(path, config, inputs) as (work, facts):\n"
        "            (work / 'half_written').write_text('x')\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return begin(path, config, inputs)\n"
        "artifacts.create = create\n"
        "from wsal.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *RUN[3:]], cwd=cwd, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, (stage, done.stderr)


def killed_in_training(cwd):
    """Run until pretraining has written a checkpoint, then kill from outside."""
    process = subprocess.Popen(RUN, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scratch = cwd / "runs/smoke/pretrained.unfinished/checkpoints"
    while process.poll() is None and not list(scratch.glob("*/*/state.json")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (cwd / "runs/smoke/pretrained").exists(), "training ended before the kill"


@pytest.mark.slow
def test_killed_in_each_stage_in_turn_it_ends_as_an_undisturbed_run(tmp_path):
    (tmp_path / "calm").mkdir()
    (tmp_path / "stormy").mkdir()
    subprocess.run(RUN, cwd=tmp_path / "calm", check=True, capture_output=True)
    for stage in STAGES:
        if stage == "pretrained":
            killed_in_training(tmp_path / "stormy")
        killed_where_it_begins(stage, tmp_path / "stormy")
    subprocess.run(RUN, cwd=tmp_path / "stormy", check=True, capture_output=True)
    calm, stormy = (digests(tmp_path / name / "runs/smoke") for name in ("calm", "stormy"))
    assert len(calm) == 17
    assert stormy == calm
    assert not list((tmp_path / "stormy/runs/smoke").rglob("*.unfinished"))
    summaries = [
        json.loads((tmp_path / name / "runs/smoke/summary.json").read_text())
        for name in ("calm", "stormy")
    ]
    for summary in summaries:
        del summary["seconds"]
    assert summaries[0] == summaries[1]
    assert [r["n_gold"] for r in summaries[0]["rounds"]] == [0, 10, 20]
