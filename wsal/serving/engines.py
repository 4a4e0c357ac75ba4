"""What computes logits: torch, onnxruntime or OpenVINO, many batches at once, each on one core."""

import importlib.util
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wsal.errors import ConfigError, UnknownNameError
from wsal.serving.exported import Exported

Backend = Literal["torch", "onnx", "onnx_int8", "openvino"]
CPU_TOKENS, GPU_TOKENS = 1_024, 65_536  # padding included: on a CPU they stay in its cache
LEAST_TOKENS = 64  # with fewer in a batch, products are no longer efficient
CLOSE = {"onnx_int8": 2.0, "openvino": 1.0, "torch": 0.5}
"""A text whose two best logits lie nearer than this is computed again in fp32: so rounding, which
moves logits by less, does not change its label. In units of the model's logits as it was trained:
the exported ones were divided by the temperature, and rounding moves these as many times less."""

Run = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From `input_ids` and `attention_mask` `(texts, length)` to logits `(texts, classes)`."""


@dataclass(frozen=True)
class Engine:
    """A way to compute logits; `exact` computes close calls again, None where all are exact."""

    name: str
    exported: Exported
    run: Run
    exact: Run | None
    n_threads: int
    max_tokens: int = CPU_TOKENS

    def logits(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """Logits `(texts, classes)` of the word pieces of some texts."""
        found = self._all(self.run, pieces)
        if self.exact is None or found.shape[1] < 2:
            return found
        best = np.partition(found, -2, axis=1)[:, -2:]
        near = CLOSE[self.name] / self.exported.temperature
        close = np.flatnonzero(best[:, 1] - best[:, 0] < near)
        if len(close):
            found[close] = self._all(self.exact, [pieces[int(row)] for row in close])
        return found

    def _all(self, run: Run, pieces: Sequence[np.ndarray]) -> np.ndarray:
        found = np.empty((len(pieces), len(self.exported.labels)), dtype=np.float32)

        def work(rows: np.ndarray) -> None:
            found[rows] = run(*self.exported.padded([pieces[int(row)] for row in rows]))

        lengths = np.array([len(one) for one in pieces])
        share = int(lengths.sum()) // self.n_threads + 1  # few texts: a part for each thread
        batches = _batches(lengths, min(self.max_tokens, max(share, LEAST_TOKENS)))
        if self.n_threads == 1 or len(batches) == 1:
            for rows in batches:
                work(rows)
        else:
            # the longest first: no thread is left alone with one at the end
            list(_threads(self.n_threads).map(work, reversed(batches)))
        return found


def open_engine(exported: Exported, backend: Backend | Literal["auto"] = "auto") -> Engine:
    """The engine of a name; `auto` is the fastest that this machine and this folder have.

    Raises:
        ConfigError: what it needs is not installed, or not in the folder.
        UnknownNameError: there is no such backend.
    """
    name = fastest(exported.folder) if backend == "auto" else backend
    if name not in ENGINES:
        raise UnknownNameError("backend", name, ["auto", *ENGINES])
    return ENGINES[name](exported)


def fastest(folder: Path) -> Backend:
    """The fastest backend, as measured: torch on a GPU; on a CPU OpenVINO, then int8, then fp32.

    Rounding counts only where the processor multiplies such numbers (VNNI, bf16); elsewhere it was
    slower than onnxruntime in fp32, and so was OpenVINO.
    """
    if _sees_gpu():
        return "torch"
    onnx = (folder / "onnx" / "model.onnx").exists()
    if onnx and (multiplies("vnni") or multiplies("bf16")) and importlib.util.find_spec("openvino"):
        return "openvino"
    if onnx and multiplies("vnni") and (folder / "onnx" / "model_int8.onnx").exists():
        return "onnx_int8"
    return "onnx" if onnx else "torch"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def multiplies(what: Literal["vnni", "bf16"]) -> bool:
    """Whether the processor has instructions for such products (as far as Linux tells)."""
    with suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text().partition("\nflags")[2].partition("\n")[0].split()
        found = {
            "vnni": ("avx512_vnni", "avx_vnni", "amx_int8"),
            "bf16": ("avx512_bf16", "amx_bf16"),
        }
        return any(one in flags for one in found[what])
    return False


def _batches(lengths: np.ndarray, max_tokens: int) -> list[np.ndarray]:
    """Rows in batches of nearly equal lengths, each of at most `max_tokens`, the shortest first."""
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    for end in range(1, len(order) + 1):
        full = end == len(order) or (end + 1 - start) * lengths[order[end]] > max_tokens
        if full:
            batches.append(order[start:end])
            start = end
    return batches


@cache
def _threads(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n, thread_name_prefix="wsal-engine")


def _sees_gpu() -> bool:
    if not Path("/dev/nvidiactl").exists():
        return False  # torch takes seconds to say so
    import torch  # noqa: PLC0415

    return bool(torch.cuda.is_available())


def _file(exported: Exported, name: str) -> Path:
    path = exported.folder / "onnx" / name
    if not path.exists():
        raise ConfigError(
            f"{path} not found: that backend needs a file which this folder lacks; export it with "
            "export=default, or use another backend"
        )
    return path


def _onnx_run(path: Path) -> Run:
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several batches run side by side instead
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(input_ids: np.ndarray, attention_mask: np.ndarray) -> Any:  # noqa: ANN401  an array
        given = {"input_ids": input_ids, "attention_mask": attention_mask}
        return session.run(["logits"], given)[0]

    return run


def _onnx(exported: Exported) -> Engine:
    return Engine("onnx", exported, _onnx_run(_file(exported, "model.onnx")), None, cores())


def _onnx_int8(exported: Exported) -> Engine:
    exact = _onnx_run(_file(exported, "model.onnx"))
    run = _onnx_run(_file(exported, "model_int8.onnx"))
    return Engine("onnx_int8", exported, run, exact, cores())


def _openvino(exported: Exported) -> Engine:
    if not importlib.util.find_spec("openvino"):
        raise ConfigError(
            "backend openvino is not installed: `pip install wsal[openvino]`, or use another"
        )
    from wsal.serving.rounded import openvino_run  # noqa: PLC0415

    path = _file(exported, "model.onnx")
    int8, bf16 = multiplies("vnni"), multiplies("bf16")
    run = openvino_run(path, cores(), int8=int8, bf16=bf16)
    return Engine("openvino", exported, run, _onnx_run(path) if int8 or bf16 else None, cores())


def _torch(exported: Exported) -> Engine:
    from wsal.serving.with_torch import torch_engine  # noqa: PLC0415

    return torch_engine(exported)


ENGINES: dict[str, Callable[[Exported], Engine]] = {
    "torch": _torch,
    "onnx": _onnx,
    "onnx_int8": _onnx_int8,
    "openvino": _openvino,
}
