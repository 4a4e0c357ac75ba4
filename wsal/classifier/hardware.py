"""The device and the precision that torch computes with."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch.nn.functional import linear

from wsal.errors import ConfigError
from wsal.settings import EncoderSettings, HardwareSettings, LauncherSettings

MIN_SPEEDUP = 1.4  # measured: 1.1 on processors where it does not help, else 1.8 to 2.3
TRIES = 40  # of a third of a millisecond
ONEDNN = "bf16"  # what torch calls it to use oneDNN and allow it to round
PROBE_LOCK = threading.Lock()
PRECISION_LOCK = threading.Lock()
PRECISION_USERS: dict[int, tuple[int, str]] = {}
"""For each backend: how many threads use the changed setting, and what it was before."""
PEAK_FLOPS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40": 181e12}
"""Dense bf16 operations per second, by a part of the GPU's name; from the data sheets."""


def device_of(hardware: HardwareSettings) -> torch.device:
    """The device: `auto` is a GPU if torch sees one.

    Raises:
        ConfigError: the device is CUDA, and torch sees no GPU.
    """
    if hardware.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is 'cuda', but torch sees no GPU; use device=auto or device=cpu")
    if hardware.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def uses_bf16(encoder: EncoderSettings, hardware: HardwareSettings) -> bool:
    """Whether matrix products run in bfloat16."""
    if encoder.precision != "auto":
        return encoder.precision == "bf16"
    if device_of(hardware).type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return _bf16_helps()


def autocast(
    encoder: EncoderSettings, hardware: HardwareSettings
) -> AbstractContextManager[object]:
    """bfloat16 autocast on the device where `uses_bf16`, else nothing."""
    if not uses_bf16(encoder, hardware):
        return nullcontext()
    return torch.autocast(device_of(hardware).type, dtype=torch.bfloat16)


def settled(
    encoder: EncoderSettings, hardware: HardwareSettings, launcher: LauncherSettings
) -> tuple[EncoderSettings, HardwareSettings]:
    """The settings, with `auto` replaced by what short probes choose on this machine.

    All processes of a launcher then compute alike, whatever each of them would choose. For actors
    with GPUs, nothing is probed, as this machine may have no GPU.
    """
    if launcher.name == "ray" and launcher.ray.gpus:
        return encoder, hardware
    if launcher.name == "ray" and hardware.device == "auto":
        hardware = replace(hardware, device="cpu")  # this machine may have a GPU, actors have none
    encoder = replace(encoder, precision="bf16" if uses_bf16(encoder, hardware) else "fp32")
    if device_of(hardware).type == "cpu" and hardware.products == "auto":
        hardware = replace(hardware, products="onednn" if _onednn_helps() else "default")
    return encoder, hardware


@contextmanager
def fast_products(hardware: HardwareSettings) -> Iterator[None]:
    """Use the fastest fp32 matrix products and `hardware.threads`, until the block ends.

    On a GPU that is TF32; on a CPU oneDNN, if a short probe shows that it is faster and as exact.
    """
    threads = torch.get_num_threads()
    if hardware.threads:
        torch.set_num_threads(hardware.threads)
    on_gpu = device_of(hardware).type == "cuda"
    backend = torch.backends.cuda if on_gpu else torch.backends.mkldnn
    precision = None
    if on_gpu:
        precision = "tf32"
    elif hardware.products == "onednn" or (hardware.products == "auto" and _onednn_helps()):
        precision = ONEDNN
    try:
        with _fp32_precision(backend, precision) if precision else nullcontext():
            yield
    finally:
        if hardware.threads:
            torch.set_num_threads(threads)


def peak_flops(hardware: HardwareSettings) -> float | None:
    """The GPU's bf16 operations per second; None on a CPU, or if the GPU is not in the table."""
    if device_of(hardware).type != "cuda":
        return None
    name = torch.cuda.get_device_name()
    return next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)


@cache
def _bf16_helps() -> bool:
    """Whether the processor has bf16 instructions, and a probe shows that they are faster."""
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return False
    values, weights = _probe()
    low = values.bfloat16(), weights.bfloat16()
    return _speedup(lambda: linear(values, weights), lambda: linear(*low)) > MIN_SPEEDUP


def _onednn_helps() -> bool:
    """`_probe_onednn`, by one thread only: it changes a setting that other threads compute with."""
    with PROBE_LOCK:
        return _probe_onednn()


@cache
def _probe_onednn() -> bool:
    """Whether torch's fp32 products are much faster with oneDNN than by default, and as exact.

    On some processors MKL runs at half speed. torch uses oneDNN only if it may round to bf16; on
    processors without bf16 instructions it then does not round, and is as exact as MKL.
    """
    values, weights = _probe()
    exact = values.double() @ weights.double().T

    def error(product: torch.Tensor) -> float:
        return (product - exact).abs().max().item()

    def with_onednn() -> torch.Tensor:
        with _fp32_precision(torch.backends.mkldnn, ONEDNN):
            return linear(values, weights)

    if error(with_onednn()) > 2 * error(linear(values, weights)):
        return False
    return _speedup(lambda: linear(values, weights), with_onednn) > MIN_SPEEDUP


@contextmanager
def _fp32_precision(backend: Any, precision: str) -> Iterator[None]:  # noqa: ANN401  of torch.backends
    """Set how a backend multiplies fp32, until the block ends.

    torch has one such setting for all threads. So the first thread that needs it sets it, and the
    last one restores it, in whatever order they come and go.
    """
    with PRECISION_LOCK:
        n, before = PRECISION_USERS.get(id(backend), (0, backend.matmul.fp32_precision))
        PRECISION_USERS[id(backend)] = n + 1, before
        backend.matmul.fp32_precision = precision
    try:
        yield
    finally:
        with PRECISION_LOCK:
            n, before = PRECISION_USERS.pop(id(backend))
            if n > 1:
                PRECISION_USERS[id(backend)] = n - 1, before
            else:
                backend.matmul.fp32_precision = before


def _probe() -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and weights of a layer, of the sizes of a small batch in MiniLM."""
    random = torch.Generator().manual_seed(0)
    return torch.randn(64, 384, generator=random), torch.randn(1536, 384, generator=random)


def _speedup(slow: Callable[[], Any], fast: Callable[[], Any]) -> float:
    """How many times faster the second is.

    Both take turns, the best of many tries counts, and there is one thread: with several, the
    result changed with what else the machine did, and with it the digest of the artifact.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    best = [float("inf"), float("inf")]
    try:
        for _ in range(TRIES):
            for number, work in enumerate((slow, fast)):
                start = time.perf_counter()
                work()
                best[number] = min(best[number], time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return best[0] / best[1]
