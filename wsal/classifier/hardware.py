"""Where torch runs, in which precision, and what it does when memory runs out."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch.nn.functional import linear

from wsal.errors import ConfigError
from wsal.settings import EncoderSettings, HardwareSettings

WORTH_IT = 1.4  # times faster; measured were 1.1 where a way does not pay, 1.8 to 2.3 where it does
TRIES = 40  # of a third of a millisecond
ONEDNN = "bf16"  # torch's name for: oneDNN, and it may round
PROBING, HOLDING = threading.Lock(), threading.Lock()
HELD: dict[int, tuple[int, str]] = {}
"""By backend: how many threads hold its setting, and what it was before the first."""
PEAK = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40": 181e12}
"""Dense bf16 operations a second, by what the card's name contains; from its maker's data sheet."""


def device_of(hardware: HardwareSettings) -> torch.device:
    """The device: `auto` is CUDA where there is one.

    Raises:
        ConfigError: CUDA is asked for and there is none.
    """
    if hardware.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is 'cuda', but torch sees no GPU; use device=auto")
    if hardware.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def uses_bf16(encoder: EncoderSettings, hardware: HardwareSettings) -> bool:
    """Whether matrix products run in bfloat16."""
    if encoder.precision != "auto":
        return encoder.precision == "bf16"
    if device_of(hardware).type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return _bf16_pays()


def autocast(
    encoder: EncoderSettings, hardware: HardwareSettings
) -> AbstractContextManager[object]:
    """bfloat16 autocast on the device where `uses_bf16`, else nothing."""
    if not uses_bf16(encoder, hardware):
        return nullcontext()
    return torch.autocast(device_of(hardware).type, dtype=torch.bfloat16)


@contextmanager
def fast_products(hardware: HardwareSettings) -> Iterator[None]:
    """The fastest way to multiply what stays in fp32, and so many threads; as it was, afterwards.

    On a GPU that is TF32; on a CPU oneDNN, where a probe finds it faster and as exact.
    """
    threads = torch.get_num_threads()
    if hardware.threads:
        torch.set_num_threads(hardware.threads)
    on_gpu = device_of(hardware).type == "cuda"
    backend = torch.backends.cuda if on_gpu else torch.backends.mkldnn
    way = "tf32" if on_gpu else ONEDNN if _onednn_pays() else None
    try:
        with _fp32_by(backend, way) if way else nullcontext():
            yield
    finally:
        if hardware.threads:
            torch.set_num_threads(threads)


def peak_flops(hardware: HardwareSettings) -> float | None:
    """The card's bf16 operations a second, if it is a known one; None on a CPU."""
    if device_of(hardware).type != "cuda":
        return None
    name = torch.cuda.get_device_name()
    return next((peak for part, peak in PEAK.items() if part in name), None)


@cache
def _bf16_pays() -> bool:
    """Whether the processor has bf16 instructions, and a probe finds that they help."""
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return False
    values, weights = _probe()
    low = values.bfloat16(), weights.bfloat16()
    return _gain(lambda: linear(values, weights), lambda: linear(*low)) > WORTH_IT


def _onednn_pays() -> bool:
    """`_probe_onednn`, once, in one thread: it sets what others would compute by meanwhile."""
    with PROBING:
        return _probe_onednn()


@cache
def _probe_onednn() -> bool:
    """Whether torch's fp32 products by oneDNN are far faster than by default, and as exact.

    On some processors MKL runs at half speed. torch hands products to oneDNN where it is allowed
    to round to bf16; where the processor has no use for that, it does not round, and that counts.
    """
    values, weights = _probe()
    exact = values.double() @ weights.double().T

    def error(found: torch.Tensor) -> float:
        return (found - exact).abs().max().item()

    def by_onednn() -> torch.Tensor:
        with _fp32_by(torch.backends.mkldnn, ONEDNN):
            return linear(values, weights)

    if error(by_onednn()) > 2 * error(linear(values, weights)):
        return False
    return _gain(lambda: linear(values, weights), by_onednn) > WORTH_IT


@contextmanager
def _fp32_by(backend: Any, way: str) -> Iterator[None]:  # noqa: ANN401  a module of torch.backends
    """Let a backend multiply fp32 in this way, for a while.

    torch has one such setting for all threads. So the first of several that want it sets it, and
    the last sets it back, in whatever order they come and go.
    """
    with HOLDING:
        n, before = HELD.get(id(backend), (0, backend.matmul.fp32_precision))
        HELD[id(backend)] = n + 1, before
        backend.matmul.fp32_precision = way
    try:
        yield
    finally:
        with HOLDING:
            n, before = HELD.pop(id(backend))
            if n > 1:
                HELD[id(backend)] = n - 1, before
            else:
                backend.matmul.fp32_precision = before


def _probe() -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and weights of a layer, as few texts need it."""
    draws = torch.Generator().manual_seed(0)
    return torch.randn(64, 384, generator=draws), torch.randn(1536, 384, generator=draws)


def _gain(slow: Callable[[], Any], fast: Callable[[], Any]) -> float:
    """How many times faster the second is.

    In turn, each at its best of many tries, on one thread: so the answer is the same each time,
    whatever else the machine does. (With several threads it was not.)
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
