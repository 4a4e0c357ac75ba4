"""Probabilities and embeddings of many texts."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from wsal.arrays import Embeddings, Probs, Rows
from wsal.classifier.batching import token_batches
from wsal.classifier.encoder import Classifier
from wsal.classifier.hardware import autocast, device_of, fast_products
from wsal.classifier.tokens import Tokens
from wsal.progress import bar

CPU_TOKENS = 1024  # small batches: they stay in the processor's cache
GPU_TOKENS = 65_536


def predict(
    classifier: Classifier, texts: Sequence[str] | Tokens, what: str, dropout: int | None = None
) -> tuple[Probs, Embeddings]:
    """Class probabilities `(texts, classes)` and unit embeddings `(texts, dims)`.

    An embedding is the mean of the encoder's last hidden states over the text's word pieces.
    With `dropout`, a seed, units are dropped as in training (Gal & Ghahramani, 2016).
    """
    device = device_of(classifier.hardware)
    model = classifier.model.train(dropout is not None).to(device)
    tokens = texts if isinstance(texts, Tokens) else classifier.tokens(texts)
    probs = np.empty((len(tokens), model.config.num_labels), dtype=np.float32)
    embeddings = np.empty((len(tokens), model.config.hidden_size), dtype=np.float32)

    def run(rows: Rows) -> None:
        batch = classifier.pad([tokens[row] for row in rows])
        batch = {name: part.to(device) for name, part in batch.items()}
        outputs = model(**batch, output_hidden_states=True)
        mask = batch["attention_mask"].unsqueeze(-1).float()
        mean = (outputs.hidden_states[-1].float() * mask).sum(1) / mask.sum(1)
        probs[rows] = torch.softmax(outputs.logits.float(), dim=1).cpu().numpy()
        embeddings[rows] = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()

    on_cpu = device.type == "cpu"
    batches = token_batches(tokens.lengths, CPU_TOKENS if on_cpu else GPU_TOKENS)
    with bar(what, len(tokens), "texts") as advance, fast_products(classifier.hardware):

        def work(some: Iterator[Rows]) -> None:
            # not inference_mode: there autocast casts every weight anew for every batch
            with torch.no_grad(), autocast(classifier.encoder, classifier.hardware):
                for rows in some:
                    run(rows)
                    advance(len(rows))

        n_threads = torch.get_num_threads() if on_cpu else 1
        if dropout is not None:
            torch.manual_seed(dropout)  # torch draws from its global stream: in one thread alone
            n_threads = 1
        in_threads(work, batches, n_threads)
    return probs, embeddings


def in_threads(
    work: Callable[[Iterator[Rows]], None], batches: Sequence[Rows], n_threads: int
) -> None:
    """Let threads of one core each share out the batches; the first error is raised."""
    left = iter(batches)
    if n_threads == 1:
        work(left)
        return
    try:
        with ThreadPoolExecutor(
            n_threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            running = [pool.submit(work, left) for _ in range(n_threads)]
            try:
                for one in running:
                    one.result()
            except BaseException:
                list(left)  # nothing is left for the others
                raise
    finally:
        torch.set_num_threads(n_threads)
