"""Python programs in processes of their own, without the seconds that importing torch takes.

A server imports the libraries once, and forks a process for each program. `run` and `Popen` take
what those of `subprocess` take, for a line `[sys.executable, "-c", code, *arguments]`. The modules
of wsal are imported by the program, as ever.

Hydra does not compose each configuration a first time, only to read its mode: see `helpers`.

All programs of one server have the same hash seed, and what libraries read from the environment
when they are imported (`OMP_NUM_THREADS`, `HF_HUB_OFFLINE`) is read by the server. Tests of such
things use `subprocess`.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
import types
from contextlib import ExitStack, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

import helpers

LIBRARIES = (
    "torch", "torch._dynamo", "torch.distributed.tensor", "torch.export", "torch.onnx",
    "transformers.activations", "transformers.models.auto.modeling_auto",
    "transformers.models.bert.modeling_bert", "transformers.models.bert.tokenization_bert",
    "onnxscript.function_libs.torch_lib.ops", "sklearn.cluster", "sklearn.linear_model",
    "scipy.stats", "scipy.optimize", "pyarrow.parquet", "hydra", "pydantic", "rich.console",
    "rich.progress", "fastapi", "jinja2", "uvicorn", "ftfy", "httpx", "polars",
)  # fmt: skip
"""Without onnxruntime, which starts threads when it is imported."""
THREADS_NOT_MISSED = (
    "jemalloc_bg_thd",  # started anew after a fork
    "polars-ooc-clea",  # it removes what was moved to the disk, and no test fills the memory
)  # fmt: skip


class Popen:
    """A program in a process forked from the server."""

    def __init__(
        self, line, *, cwd=None, env=None, stdin=None, stdout=None, stderr=None, text=False,
        start_new_session=False,
    ):  # fmt: skip
        assert line[:2] == [sys.executable, "-c"], line
        self.args, self.returncode = line, None
        request = {
            "code": line[2],
            "arguments": list(map(str, line[3:])),
            "cwd": str(cwd or Path.cwd()),
            "environment": dict(os.environ if env is None else env),
            "new_session": start_new_session,
        }
        status, status_of_program = os.pipe()
        nothing = os.open(os.devnull, os.O_RDWR)
        self.stdout, output = _output(stdout, 1, nothing, text)
        if stderr == subprocess.STDOUT:
            stderr = output
        self.stderr, errors = _output(stderr, 2, nothing, text)
        standard = [nothing if stdin is None else _descriptor(stdin, nothing), output, errors]
        socket.send_fds(_server(), [json.dumps(request).encode()], [*standard, status_of_program])
        for descriptor in (nothing, status_of_program):
            os.close(descriptor)
        for stream, descriptor in ((self.stdout, output), (self.stderr, errors)):
            if stream:
                os.close(descriptor)
        self._status = os.fdopen(status)
        self.pid = int(self._status.readline())

    def poll(self):
        """The exit status, or None while the program runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout=None):
        """Wait for the exit status, which is minus the signal that ended the program."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def send_signal(self, number):
        """Send a signal to the program, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for stream in (self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()

    def kill(self):
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)


def run(line, *, capture_output=False, check=False, input=None, text=False, **options):  # noqa: A002
    """As `subprocess.run`."""
    with ExitStack() as files:
        given, *outputs = (files.enter_context(TemporaryFile()) for _ in range(3))
        if input is not None:
            given.write(input.encode() if text else input)
            given.seek(0)
            options["stdin"] = given
        if capture_output:
            options |= {"stdout": outputs[0], "stderr": outputs[1]}
        done = subprocess.CompletedProcess(line, Popen(line, **options).wait())
        for name, file in zip(("stdout", "stderr"), outputs, strict=True):
            file.seek(0)
            if capture_output:
                setattr(done, name, file.read().decode() if text else file.read())
    if check:
        done.check_returncode()
    return done


def _output(stream, inherited, nothing, text):
    """What to read from, if that is asked for, and the descriptor to write to."""
    if stream == subprocess.PIPE:
        readable, writable = os.pipe()
        return os.fdopen(readable, "r" if text else "rb"), writable
    return None, inherited if stream is None else _descriptor(stream, nothing)


def _descriptor(stream, nothing):
    if stream == subprocess.DEVNULL:
        return nothing
    return stream if isinstance(stream, int) else stream.fileno()


@cache
def _server():
    """A connection to the server, which is started by the first use."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
    with its:
        process = subprocess.Popen(
            [sys.executable, __file__, str(its.fileno())], pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL, env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _serve(connection):
    """Fork a process for each request. This returns in the new processes: the request."""
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 2**20, 4)
        if not message:
            sys.exit()
        *standard, status = descriptors
        if os.fork():
            for descriptor in descriptors:
                os.close(descriptor)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if program := os.fork():
            _supervise(program, standard, status)
        connection.close()
        os.close(status)
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
        for descriptor in set(standard) - {0, 1, 2}:
            os.close(descriptor)
        return json.loads(message)


def _reap(*_):
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _supervise(program, standard, status):
    """Report the number of a process and, when it has ended, its exit status."""
    for descriptor in standard:
        os.close(descriptor)
    os.write(status, f"{program}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    os.write(status, f"{code}\n".encode())
    os._exit(0)


def _become(request):
    """Do to this process what starting `python -c` would do."""
    if request["new_session"]:
        os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["-c", *request["arguments"]]
    sys.path[0] = ""
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = open(  # noqa: SIM115
            number, "w", buffering=1 if number == 2 or os.isatty(number) else -1, closefd=False,
            errors="backslashreplace" if number == 2 else None,
        )  # fmt: skip
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    code = _executed(compile(request["code"], "<string>", "exec"), main.__dict__)
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)  # without taking all the libraries down, which takes a third of a second


def _executed(program, names):
    """The exit status of a program."""
    try:
        exec(program, names)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return 1
    return 0


if sys.platform != "linux":  # macOS has no SOCK_SEQPACKET, and forbids to fork after some imports
    Popen, run = subprocess.Popen, subprocess.run

if __name__ == "__main__":
    for library in LIBRARIES:
        import_module(library)
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    needed = [name for name in threads if name not in THREADS_NOT_MISSED]
    assert len(needed) == 1, f"cannot be forked: {threads}"
    helpers.compose_once()
    helpers.leave_files_in_memory()
    gc.freeze()
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))
