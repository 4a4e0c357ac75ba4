"""Where torch runs, in which precision, and what it does when memory runs out."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch

from wsal.errors import ConfigError
from wsal.settings import EncoderSettings, HardwareSettings

WORTH_IT = 1.2  # bf16 has to be so many times faster than fp32; where it pays, it is twice or more
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
    """TF32 on a GPU for what stays in fp32, and so many threads; as it was, afterwards."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(hardware.threads or threads)
    if device_of(hardware).type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


def peak_flops(hardware: HardwareSettings) -> float | None:
    """The card's bf16 operations a second, if it is a known one; None on a CPU."""
    if device_of(hardware).type != "cuda":
        return None
    name = torch.cuda.get_device_name()
    return next((peak for part, peak in PEAK.items() if part in name), None)


@cache
def _bf16_pays() -> bool:
    """The processor says whether it has bf16; a probe of some milliseconds whether that helps.

    The fastest of several tries counts, and the two differ by far where they differ: so the
    answer is the same each time, whatever else the machine does.
    """
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return False
    values, weights = torch.ones(512, 384), torch.ones(1536, 384)
    return _seconds(values, weights) > WORTH_IT * _seconds(values.bfloat16(), weights.bfloat16())


def _seconds(values: torch.Tensor, weights: torch.Tensor) -> float:
    best = float("inf")
    for _ in range(8):
        start = time.perf_counter()
        torch.nn.functional.linear(values, weights)
        best = min(best, time.perf_counter() - start)
    return best
