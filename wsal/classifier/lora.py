"""Train low-rank updates instead of whole weights (LoRA, Hu et al., 2022), with peft."""

import warnings
from typing import Any

import torch

from wsal.extras import require


def with_lora(model: Any, rank: int, seed: int) -> Any:  # noqa: ANN401
    """The model with trainable low-rank updates beside its frozen weights; unchanged at rank 0.

    Raises:
        ConfigError: peft is not installed.
    """
    if not rank:
        return model
    require("peft", extra="lora", why=f"encoder.lora_rank={rank}")
    from peft import LoraConfig, TaskType, get_peft_model  # noqa: PLC0415  an extra

    torch.manual_seed(seed)
    settings = LoraConfig(
        task_type=TaskType.SEQ_CLS, r=rank, lora_alpha=2 * rank, target_modules="all-linear"
    )
    with warnings.catch_warnings():  # about names that transformers will change
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("ignore", "fan_in_fan_out")  # peft detects it by itself
        return get_peft_model(model, settings)


def merged(model: Any) -> Any:  # noqa: ANN401
    """The original model, with the updates added to its weights."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
