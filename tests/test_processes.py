"""How wsal's processes share a machine: with others on it, and with each other."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack

import fork_server
import pytest

from wsal import processes
from wsal.commands import COMMANDS, LAUNCHED
from wsal.errors import BusyError
from wsal.run.loop import locked
from wsal.run.stage_table import STAGES

ALL = (*LAUNCHED, *STAGES, *COMMANDS)
EACH = """
import contextlib, io, json, os, sys
from wsal.cli import main
found = {}
for command in json.loads(sys.argv[1]):
    for name in ("GOMP_SPINCOUNT", "HYDRA_FULL_ERROR"):  # the last command set them
        os.environ.pop(name, None)
    sys.argv = ["wsal", *command.split(), "--no-such-option"]  # it ends at once
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        main()
    found[command] = os.environ.get("GOMP_SPINCOUNT")
print(json.dumps(found))
"""
LIBGOMP = """
import ctypes, pathlib
from importlib.util import find_spec
(library,) = pathlib.Path(find_spec("torch").origin).parent.glob("lib/libgomp*")
ctypes.CDLL(str(library))
"""
"""Load torch's OpenMP without the seconds that the rest of torch takes."""
WORKERS = """
import os, sys
from wsal import processes

def work(folder):
    with open(f"{folder}/{processes.rank()}", "w") as file:
        file.write(os.environ["GOMP_SPINCOUNT"])

if __name__ == "__main__":
    processes.limit_openmp_spins()
    processes.launch(work, 2, sys.argv[1])
"""


def without(*names):
    return {name: value for name, value in os.environ.items() if name not in names}


@pytest.mark.slow
def test_every_command_lets_threads_sleep_soon_where_they_wait():
    done = fork_server.run(
        [sys.executable, "-c", EACH, json.dumps(ALL)],
        env=without(*processes.OPENMP_VARIABLES), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == dict.fromkeys(ALL, processes.SPINS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "load", "spins"),
    [
        ({}, "import torch", processes.SPINS),
        ({}, LIBGOMP, processes.SPINS),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, LIBGOMP, "INFINITY|[1-9][0-9]{9,}"),
        ({"GOMP_SPINCOUNT": "4321"}, LIBGOMP, "4321"),
        ({"KMP_BLOCKTIME": "1"}, LIBGOMP, "300000"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is OpenMP on Linux alone")
def test_openmp_itself_reads_it_and_keeps_what_the_user_set(tmp_path, given, load, spins):
    code = "import sys; from wsal.cli import main; sys.argv = ['wsal', 'push', 'none', 'a/b']\n"
    code += f"try: main()\nexcept SystemExit: pass\n{load}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=without(*processes.OPENMP_VARIABLES) | given | {"OMP_DISPLAY_ENV": "VERBOSE"},
    )  # fmt: skip
    read = re.findall("GOMP_SPINCOUNT = '(.*)'", done.stderr)
    assert read, done.stderr
    assert all(re.fullmatch(spins, one) for one in read)


@pytest.mark.slow
def test_workers_that_torchrun_starts_have_it_too(tmp_path):
    (tmp_path / "script.py").write_text(WORKERS)
    (tmp_path / "out").mkdir()
    subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "out")],
        env=without(*processes.OPENMP_VARIABLES), check=True, capture_output=True,
    )  # fmt: skip
    said = {file.name: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert said == {"0": processes.SPINS, "1": processes.SPINS}


THREADS = """
import sys
from pathlib import Path
from wsal import processes

def work(folder):
    with processes.process_group("cpu"):
        import torch.distributed.nn.functional  # as parts of transformers do
        processes.wait_for_all()
        if not processes.is_leader():
            processes.broadcast()  # the leader says that it has ended
    names = sorted(name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm"))
    Path(folder, str(processes.rank())).write_text(" ".join(names))

if __name__ == "__main__":
    processes.launch(work, 2, sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the names of threads in /proc")
def test_no_thread_of_the_group_is_left_to_abort_python_while_it_exits(tmp_path):
    (tmp_path / "script.py").write_text(THREADS)
    (tmp_path / "out").mkdir()
    subprocess.run([sys.executable, "script.py", "out"], cwd=tmp_path, check=True)
    for process in ("0", "1"):
        assert "gloo" not in (tmp_path / "out" / process).read_text()


ONE_IS_LOST = """
import os, sys
from wsal import heartbeats, processes
from wsal.cli import report
heartbeats.SECONDS, heartbeats.LOST_AFTER = 0.1, 2
try:
    with processes.process_group("cpu"):
        if processes.rank() == 1:
            os.kill(os.getpid(), int(sys.argv[1]))
        processes.wait_for_all()
except BaseException as error:
    report(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "message"),
    [
        (signal.SIGKILL, "process 0 of 2 has lost its connection to another one"),
        (signal.SIGSTOP, "process 1 of 2 sent no heartbeat for 2 seconds"),  # as without network
    ],
)
def test_a_process_ends_where_another_is_lost(tmp_path, how, message):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    given = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    line = [sys.executable, "-c", ONE_IS_LOST, str(int(how))]
    with (tmp_path / "errors").open("w") as errors:
        leader, other = (
            fork_server.Popen(line, env={**os.environ, **given, "RANK": str(rank)}, stderr=errors)
            for rank in range(2)
        )
        try:
            assert leader.wait(120) == 1
        finally:
            for process in (leader, other):
                process.kill()
                process.wait()
    assert message in (tmp_path / "errors").read_text()


def test_a_leader_that_is_started_again_waits_for_the_one_before(tmp_path, monkeypatch):
    with ExitStack() as before:
        before.enter_context(locked(tmp_path))
        with pytest.raises(BusyError), locked(tmp_path):
            pass
        monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
        end = threading.Timer(0.1, before.pop_all().close)
        end.start()
        with locked(tmp_path):
            end.join()


def test_the_heartbeats_have_ended_when_the_work_has(monkeypatch):
    # Python aborts a process that exits while a thread is inside the store's C++ code
    from torch.distributed import TCPStore

    from wsal import heartbeats

    monkeypatch.setattr(heartbeats, "SECONDS", 1e-6)
    store = TCPStore("127.0.0.1", 0, 1, is_master=True, wait_for_workers=False)
    for _ in range(20):
        with heartbeats.watching(store, 0, 1):
            store.get("wsal/heartbeat/0")
        assert "heartbeats" not in [thread.name for thread in threading.enumerate()]
