"""Where torch runs and in which precision."""

from contextlib import AbstractContextManager, nullcontext

import torch

from wsal.errors import ConfigError
from wsal.settings import EncoderSettings


def device_of(settings: EncoderSettings) -> torch.device:
    """The device: `auto` is CUDA where there is one.

    Raises:
        ConfigError: CUDA is asked for and there is none.
    """
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("encoder.device is 'cuda', but torch sees no GPU; use device=auto")
    name = settings.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def uses_bf16(settings: EncoderSettings) -> bool:
    """Whether matrix products run in bfloat16; asked of the processor, never timed."""
    if settings.precision != "auto":
        return settings.precision == "bf16"
    if device_of(settings).type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def autocast(settings: EncoderSettings) -> AbstractContextManager[object]:
    """bfloat16 autocast on the device where `uses_bf16`, else nothing."""
    if not uses_bf16(settings):
        return nullcontext()
    return torch.autocast(device_of(settings).type, dtype=torch.bfloat16)
