"""torch: for a GPU, and for a CPU if the folder has no ONNX file."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from wsal.arrays import Embeddings
from wsal.classifier.encoder import load_classifier
from wsal.classifier.hardware import autocast, device_of, fast_products, uses_bf16
from wsal.classifier.inference import mean_embedding, predict
from wsal.serving.engine import CPU_TOKENS, GPU_TOKENS, Engine, Run, cores
from wsal.serving.exported import Exported
from wsal.settings import EncoderSettings, HardwareSettings


def open_torch(exported: Exported) -> Engine:
    """An engine that computes in bf16 where that is faster, and close calls again in fp32."""
    encoder = EncoderSettings(str(exported.folder), exported.max_length)
    hardware = HardwareSettings()
    on_gpu = device_of(hardware).type == "cuda"
    if not on_gpu:
        torch.set_num_threads(1)  # several batches run at once instead
    exact = _torch_run(exported, replace(encoder, precision="fp32"), hardware)
    rounds = uses_bf16(encoder, hardware)
    return Engine(
        "torch",
        exported,
        run=_torch_run(exported, encoder, hardware) if rounds else exact,
        exact=exact if rounds else None,
        n_threads=1 if on_gpu else cores(),
        max_tokens=GPU_TOKENS if on_gpu else CPU_TOKENS,
    )


def _torch_run(exported: Exported, encoder: EncoderSettings, hardware: HardwareSettings) -> Run:
    device = device_of(hardware)
    model = load_classifier(exported.folder, encoder, hardware).model.eval().to(device)
    rejects = exported.rejection is not None

    def run(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        ids = torch.from_numpy(input_ids).to(device)
        mask = torch.from_numpy(attention_mask).to(device)
        with torch.no_grad(), autocast(encoder, hardware), fast_products(hardware):
            outputs = model(input_ids=ids, attention_mask=mask, output_hidden_states=rejects)
        parts = [outputs.logits.float()]
        if rejects:
            parts.append(mean_embedding(outputs.hidden_states[-1], mask))
        made: np.ndarray = torch.cat(parts, dim=1).cpu().numpy()
        return made

    return run


def open_embedding(exported: Exported) -> Callable[[Sequence[str]], Embeddings]:
    """A function from texts to unit embeddings `(texts, dims)`, on the CPU."""
    encoder = EncoderSettings(str(exported.folder), exported.max_length)
    classifier = load_classifier(exported.folder, encoder, HardwareSettings(device="cpu"))

    def embed(texts: Sequence[str]) -> Embeddings:
        return predict(classifier, texts, "embed", advance=lambda _: None)[1]

    return embed
