"""Probabilities and embeddings of many texts."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from wsal.arrays import Embeddings, Probs, Rows
from wsal.classifier.encoder import Classifier
from wsal.classifier.finite import must_be_finite
from wsal.classifier.hardware import autocast, device_of, fast_products
from wsal.classifier.multilabel import probabilities
from wsal.classifier.tokens import Tokens
from wsal.classifier.training_plan import token_batches
from wsal.classifier.training_run import Batch
from wsal.progress import bar

CPU_TOKENS = 1024  # small batches: they stay in the processor's cache
GPU_TOKENS = 65_536


def predict(
    classifier: Classifier,
    texts: Sequence[str] | Tokens,
    title: str,
    advance: Callable[[int], object] | None = None,
) -> tuple[Probs, Embeddings]:
    """Class probabilities `(texts, classes)` and unit embeddings `(texts, dims)`.

    With several classes per text, each class has a probability of its own: rows do not sum to 1.
    An embedding is the mean of the encoder's last hidden states over the text's word pieces.

    Args:
        classifier: is put into evaluation mode.
        texts: strings, or their word pieces.
        title: the name on the progress bar.
        advance: called with each number of texts done, in place of a progress bar.

    Raises:
        ModelError: a probability or an embedding is infinite or NaN.
    """
    model = classifier.model.eval()
    tokens = texts if isinstance(texts, Tokens) else classifier.tokens(texts)
    probs = np.empty((len(tokens), model.config.num_labels), dtype=np.float32)
    embeddings = np.empty((len(tokens), model.config.hidden_size), dtype=np.float32)

    def run(rows: Rows, batch: Batch) -> None:
        outputs = model(**batch, output_hidden_states=True)
        vectors = mean_embedding(outputs.hidden_states[-1], batch["attention_mask"]).cpu()
        batch_probs = probabilities(model.config, outputs.logits.float()).cpu()
        _check_finite(classifier, batch, batch_probs, vectors)
        probs[rows] = batch_probs.numpy()
        embeddings[rows] = vectors.numpy()

    for_each_batch(classifier, tokens, title, run, advance)
    return probs, embeddings


def mean_embedding(states: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean of the last hidden states `(texts, length, dims)`, of length 1, `(texts, dims)`."""
    mask = attention_mask.unsqueeze(-1).float()
    mean = (states.float() * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(mean, dim=1)


def for_each_batch(
    classifier: Classifier,
    tokens: Tokens,
    title: str,
    run: Callable[[Rows, Batch], None],
    advance: Callable[[int], object] | None = None,
) -> None:
    """Call `run(rows, batch)` for all texts, in batches on the device, without gradients.

    On a CPU several threads do so at once, so `run` has to be thread-safe; `advance`, which takes
    the place of a progress bar, does not.
    """
    device = device_of(classifier.hardware)
    classifier.model.to(device)
    on_cpu = device.type == "cpu"
    batches = token_batches(tokens.lengths, CPU_TOKENS if on_cpu else GPU_TOKENS)
    shown = bar(title, len(tokens), "texts") if advance is None else nullcontext(advance)
    lock = Lock()
    with shown as report, fast_products(classifier.hardware):

        def work(batches: Iterator[Rows]) -> None:
            # Not inference_mode, in which autocast casts every weight again for every batch.
            with torch.no_grad(), autocast(classifier.encoder, classifier.hardware):
                for rows in batches:
                    batch = classifier.pad([tokens[row] for row in rows])
                    run(rows, {name: part.to(device) for name, part in batch.items()})
                    with lock:
                        report(len(rows))

        n_threads = torch.get_num_threads() if on_cpu else 1
        in_threads(work, batches, n_threads)


def _check_finite(classifier: Classifier, batch: Batch, probs: Tensor, vectors: Tensor) -> None:
    is_finite = probs.isfinite().all(1) & vectors.isfinite().all(1)
    if not is_finite.all():
        texts = [classifier.text(ids) for ids in batch["input_ids"].cpu()[~is_finite]]
        must_be_finite([probs, vectors], "probabilities or embeddings are", texts)


def in_threads(
    work: Callable[[Iterator[Rows]], None], batches: Sequence[Rows], n_threads: int
) -> None:
    """Share the batches out to threads that use one core each; the first error is raised."""
    remaining = iter(batches)
    if n_threads == 1:
        work(remaining)
        return
    try:
        with ThreadPoolExecutor(
            n_threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            running = [pool.submit(work, remaining) for _ in range(n_threads)]
            try:
                for thread in running:
                    thread.result()
            except BaseException:
                list(remaining)  # so that the other threads stop, too
                raise
    finally:
        torch.set_num_threads(n_threads)
