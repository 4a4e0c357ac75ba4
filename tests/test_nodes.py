"""Training on two nodes with the script of the documentation: two torchruns on this machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT, THOROUGH

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not THOROUGH, reason="two minutes: make test-thorough"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]

RUN = ("experiment=smoke", "name=t", "pretrain.epochs=10", "hardware.save_seconds=0",
       "hardware.products=default")  # fmt: skip
CLUSTER = {
    "torchrun": f'exec {sys.executable} -m torch.distributed.run "$@"',
    "scontrol": 'if [ "$1" = show ]; then echo 127.0.0.1; else echo "$@" >> requeued; fi',
    # The first node is there before the second, so that it keeps the store of torchrun. A node that
    # is killed is replaced.
    "srun": """trap 'kill -TERM $first $second' TERM
"$@" & first=$!
until (: < /dev/tcp/127.0.0.1/$PORT) 2> none; do sleep 0.1; done
while :; do
  "$@" & second=$!
  echo $second > second
  wait $second
  status=$?
  [ $status = 137 ] || break
done
wait $second
wait $first
exit $status
""",
}


def script(folder, port):
    """The script in the documentation, for a small run; with what it calls in `folder`/bin."""
    page = (ROOT / "docs/how-to/cluster.md").read_text()
    (text,) = re.findall(r'```text title="train.sh"\n(.*?)```', page, re.DOTALL)
    replaced = (
        ("29500", port),
        ("--config-dir mine experiment=shop", " ".join(RUN)),
        ("--rdzv_backend c10d", "--rdzv_backend c10d --rdzv_conf keep_alive_interval=1"),
    )
    for given, here in replaced:
        assert text.count(given) == 1
        text = text.replace(given, here)
    (folder / "train.sh").write_text(text)
    (folder / "bin").mkdir()
    for name, body in CLUSTER.items():
        (folder / "bin" / name).write_text(f"#!/bin/bash\n{body}")
        (folder / "bin" / name).chmod(0o755)


def submit(folder, port):
    given = {"SLURM_JOB_NODELIST": "a,b", "SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "1"}
    given |= {"SLURM_CPUS_PER_TASK": "1", "SLURM_JOB_ID": "7", "PORT": port, "WSAL_TEST": port}
    given |= {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            ["bash", "train.sh"], cwd=folder, env={**os.environ, **given}, stdout=log, stderr=log
        )


def step(folder):
    """The step of the newest checkpoint; 0 if there is none."""
    scratch = folder / "runs/t/pretrained.unfinished/checkpoints/pretrain"
    return max((int(path.parent.name) for path in scratch.glob("*/state.json")), default=0)


def wait_for_step(job, folder, least):
    until = time.monotonic() + 300
    while step(folder) < least:
        assert job.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < until, (folder / "log").read_text()
        time.sleep(0.01)


def kill_node(folder):
    """SIGKILL for a torchrun and its processes."""
    torchrun = int((folder / "second").read_text())
    children = Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split()
    for process in (torchrun, *map(int, children)):
        os.kill(process, signal.SIGKILL)


def test_a_killed_node_and_a_requeued_job_end_as_an_undisturbed_run(wsal, tokenised, tmp_path):
    calm = tmp_path / "calm"
    calm.mkdir()
    shutil.copytree(tokenised / "runs", calm / "runs")
    wsal("pretrain", *RUN, "launcher=torchrun", "processes=2", cwd=calm)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    script(tmp_path, port)
    job = submit(tmp_path, port)
    wait_for_step(job, tmp_path, 1)
    kill_node(tmp_path)
    wait_for_step(job, tmp_path, step(tmp_path) + 3)
    job.terminate()
    assert job.wait(300) != 0
    stopped_at = step(tmp_path)
    scratch = tmp_path / "runs/t/pretrained.unfinished/checkpoints"
    assert [path.name for path in scratch.rglob("targets*")] == ["targets.npy"]  # for all
    assert (tmp_path / "requeued").read_text() == "requeue 7\n"
    job = submit(tmp_path, port)
    assert job.wait(300) == 0, (tmp_path / "log").read_text()
    log = (tmp_path / "log").read_text()
    assert f"stopped by SIGTERM after step {stopped_at} of" in log
    digests = [
        json.loads((folder / "runs/t/pretrained/manifest.json").read_text())["digest"]
        for folder in (calm, tmp_path)
    ]
    assert digests[0] == digests[1]
