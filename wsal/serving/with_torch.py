"""The engine for a GPU, and for a CPU without ONNX."""

import numpy as np
import torch

from wsal.classifier.encoder import load_classifier
from wsal.classifier.hardware import autocast, device_of, fast_products, uses_bf16
from wsal.serving.engines import CPU_TOKENS, GPU_TOKENS, Engine, Run, cores
from wsal.serving.exported import Exported
from wsal.settings import EncoderSettings, HardwareSettings


def torch_engine(exported: Exported) -> Engine:
    """In bf16 where that pays; close calls in fp32."""
    encoder, hardware = EncoderSettings(str(exported.folder)), HardwareSettings()
    on_gpu = device_of(hardware).type == "cuda"
    if not on_gpu:
        torch.set_num_threads(1)  # several batches run side by side instead
    rounds = uses_bf16(encoder, hardware)
    exact = _run(exported, EncoderSettings(encoder.path, precision="fp32"), hardware)
    run = _run(exported, encoder, hardware) if rounds else exact
    return Engine(
        "torch", exported, run, exact if rounds else None, 1 if on_gpu else cores(),
        GPU_TOKENS if on_gpu else CPU_TOKENS,
    )  # fmt: skip


def _run(exported: Exported, encoder: EncoderSettings, hardware: HardwareSettings) -> Run:
    device = device_of(hardware)
    model = load_classifier(exported.folder, encoder, hardware).model.eval().to(device)

    def run(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        ids, mask = (torch.from_numpy(one).to(device) for one in (input_ids, attention_mask))
        with torch.no_grad(), autocast(encoder, hardware), fast_products(hardware):
            logits = model(input_ids=ids, attention_mask=mask).logits
        found: np.ndarray = logits.float().cpu().numpy()
        return found

    return run
