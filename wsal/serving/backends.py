"""Open an exported model in torch, onnxruntime or OpenVINO."""

import importlib.util
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wsal.errors import ConfigError, UnknownNameError
from wsal.extras import require
from wsal.serving.engine import Engine, Run, cores
from wsal.serving.exported import Exported

Backend = Literal["torch", "onnx", "onnx_int8", "openvino"]


@dataclass(frozen=True)
class Model:
    """An exported model and its backend, which any process can open."""

    folder: Path
    backend: Backend

    @classmethod
    def of(cls, folder: Path, backend: Backend | Literal["auto"] = "auto") -> "Model":
        """The model in this folder; `auto` picks the fastest backend for this machine.

        Raises:
            ConfigError: the folder has no exported model.
            UnknownNameError: there is no such backend.
        """
        Exported.open(folder)
        return cls(folder, _known(folder, backend))

    @property
    def exported(self) -> Exported:
        """What is in the folder besides the weights."""
        return Exported.open(self.folder)

    def open(self) -> Engine:
        """Load the weights."""
        return open_engine(self.exported, self.backend)


def open_engine(exported: Exported, backend: Backend | Literal["auto"] = "auto") -> Engine:
    """The engine of this backend; `auto` picks the fastest for this machine and this folder.

    Raises:
        ConfigError: a package that the backend needs is not installed, or a file not in the folder.
        UnknownNameError: there is no such backend.
    """
    return BACKENDS[_known(exported.folder, backend)](exported)


def _known(folder: Path, backend: Backend | Literal["auto"]) -> Backend:
    name = fastest(folder) if backend == "auto" else backend
    if name not in BACKENDS:
        raise UnknownNameError("backend", name, ["auto", *BACKENDS])
    return name


def fastest(folder: Path, *, on_gpu: bool | None = None) -> Backend:
    """The fastest backend, as measured: torch on a GPU; on a CPU OpenVINO, then int8, then fp32.

    Rounding pays only if the processor has instructions for such products (VNNI, bf16); without
    them both int8 and OpenVINO were slower than onnxruntime in fp32.

    `on_gpu` says whether the processes that run the model have a GPU; None: if this machine has.
    """
    if _has_gpu() if on_gpu is None else on_gpu:
        return "torch"
    has_onnx = (folder / "onnx" / "model.onnx").exists()
    has_int8 = (folder / "onnx" / "model_int8.onnx").exists()
    rounds = cpu_supports("vnni") or cpu_supports("bf16")
    if has_onnx and rounds and importlib.util.find_spec("openvino"):
        return "openvino"
    if has_onnx and has_int8 and cpu_supports("vnni"):
        return "onnx_int8"
    return "onnx" if has_onnx else "torch"


@cache
def cpu_supports(products: Literal["vnni", "bf16"]) -> bool:
    """Whether the processor has instructions for such products; False if Linux does not say so."""
    flags_of = {
        "vnni": ("avx512_vnni", "avx_vnni", "amx_int8"),
        "bf16": ("avx512_bf16", "amx_bf16"),
    }
    with suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text().partition("\nflags")[2].partition("\n")[0].split()
        return any(flag in flags for flag in flags_of[products])
    return False


def _has_gpu() -> bool:
    if not Path("/dev/nvidiactl").exists():
        return False  # without importing torch, which takes seconds
    import torch  # noqa: PLC0415

    return bool(torch.cuda.is_available())


def _onnx_file(exported: Exported, name: str) -> Path:
    path = exported.folder / "onnx" / name
    if not path.exists():
        raise ConfigError(
            f"{path} not found, which this backend needs; export the run again with "
            "export=default, or choose another --backend"
        )
    return path


def _onnx_run(path: Path, outputs: list[str]) -> Run:
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several batches run at once instead
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(input_ids: np.ndarray, attention_mask: np.ndarray) -> Any:  # noqa: ANN401  an array
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        return np.concatenate(session.run(outputs, inputs), axis=1)

    return run


def _open_onnx(exported: Exported) -> Engine:
    run = _onnx_run(_onnx_file(exported, "model.onnx"), exported.outputs)
    return Engine("onnx", exported, run, None, cores())


def _open_onnx_int8(exported: Exported) -> Engine:
    exact = _onnx_run(_onnx_file(exported, "model.onnx"), exported.outputs)
    run = _onnx_run(_onnx_file(exported, "model_int8.onnx"), exported.outputs)
    return Engine("onnx_int8", exported, run, exact, cores())


def _open_openvino(exported: Exported) -> Engine:
    require("openvino", extra="openvino", why="backend openvino")
    from wsal.serving.openvino_backend import openvino_run  # noqa: PLC0415

    path = _onnx_file(exported, "model.onnx")
    int8, bf16 = cpu_supports("vnni"), cpu_supports("bf16")
    run = openvino_run(path, cores(), exported.outputs, int8=int8, bf16=bf16)
    exact = _onnx_run(path, exported.outputs) if int8 or bf16 else None
    return Engine("openvino", exported, run, exact, cores())


def _open_torch(exported: Exported) -> Engine:
    from wsal.serving.torch_backend import open_torch  # noqa: PLC0415

    return open_torch(exported)


BACKENDS: dict[str, Callable[[Exported], Engine]] = {
    "torch": _open_torch,
    "onnx": _open_onnx,
    "onnx_int8": _open_onnx_int8,
    "openvino": _open_openvino,
}
