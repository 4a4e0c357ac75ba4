"""Probabilities and embeddings of many texts."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from wsal.arrays import Embeddings, Probs, Rows
from wsal.classifier.batching import token_batches
from wsal.classifier.encoder import Classifier
from wsal.classifier.hardware import autocast, device_of
from wsal.classifier.tokens import Tokens
from wsal.progress import bar

CPU_TOKENS = 1024  # small batches: they stay in the processor's cache
GPU_TOKENS = 65_536


def predict(
    classifier: Classifier, texts: Sequence[str] | Tokens, what: str
) -> tuple[Probs, Embeddings]:
    """Class probabilities `(texts, classes)` and unit embeddings `(texts, dims)`.

    An embedding is the mean of the encoder's last hidden states over the text's word pieces.
    """
    device = device_of(classifier.hardware)
    model = classifier.model.eval().to(device)
    tokens = texts if isinstance(texts, Tokens) else classifier.tokens(texts)
    probs = np.empty((len(tokens), model.config.num_labels), dtype=np.float32)
    embeddings = np.empty((len(tokens), model.config.hidden_size), dtype=np.float32)

    def run(rows: Rows) -> int:
        batch = classifier.pad([tokens[row] for row in rows])
        batch = {name: part.to(device) for name, part in batch.items()}
        with torch.inference_mode(), autocast(classifier.encoder, classifier.hardware):
            outputs = model(**batch, output_hidden_states=True)
            mask = batch["attention_mask"].unsqueeze(-1).float()
            mean = (outputs.hidden_states[-1].float() * mask).sum(1) / mask.sum(1)
            probs[rows] = torch.softmax(outputs.logits.float(), dim=1).cpu().numpy()
            embeddings[rows] = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
        return len(rows)

    on_cpu = device.type == "cpu"
    batches = token_batches(tokens.lengths, CPU_TOKENS if on_cpu else GPU_TOKENS)
    with bar(what, len(tokens), "texts") as advance, workers(on_cpu) as pool:
        running: list[Future[Any]] = [pool.submit(run, rows) for rows in batches]
        for one in running:
            advance(one.result())
    return probs, embeddings


@contextmanager
def workers(on_cpu: bool) -> Iterator[ThreadPoolExecutor]:  # noqa: FBT001
    """On a CPU one thread a core, each with batches of its own; on a GPU a single one."""
    cores = torch.get_num_threads()
    n_workers = cores if on_cpu else 1
    try:
        with ThreadPoolExecutor(
            n_workers, initializer=lambda: torch.set_num_threads(1) if on_cpu else None
        ) as pool:
            yield pool
    finally:
        torch.set_num_threads(cores)
