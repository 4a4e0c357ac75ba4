"""Probabilities and embeddings of many texts."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from wsal.arrays import Embeddings, Probs, Rows
from wsal.classifier.encoder import Classifier
from wsal.classifier.finite import must_be_finite
from wsal.classifier.hardware import autocast, device_of, fast_products
from wsal.classifier.tokens import Tokens
from wsal.classifier.training_plan import token_batches
from wsal.classifier.training_run import Batch
from wsal.progress import bar

CPU_TOKENS = 1024  # small batches: they stay in the processor's cache
GPU_TOKENS = 65_536


def predict(
    classifier: Classifier, texts: Sequence[str] | Tokens, what: str, dropout: int | None = None
) -> tuple[Probs, Embeddings]:
    """Class probabilities `(texts, classes)` and unit embeddings `(texts, dims)`.

    An embedding is the mean of the encoder's last hidden states over the text's word pieces.
    With `dropout`, a seed, units are dropped as in training (Gal & Ghahramani, 2016).

    Raises:
        ModelError: a probability or a vector is infinite or NaN.
    """
    model = classifier.model.train(dropout is not None)
    tokens = texts if isinstance(texts, Tokens) else classifier.tokens(texts)
    probs = np.empty((len(tokens), model.config.num_labels), dtype=np.float32)
    embeddings = np.empty((len(tokens), model.config.hidden_size), dtype=np.float32)

    def run(rows: Rows, batch: Batch) -> None:
        outputs = model(**batch, output_hidden_states=True)
        mask = batch["attention_mask"].unsqueeze(-1).float()
        mean = (outputs.hidden_states[-1].float() * mask).sum(1) / mask.sum(1)
        said = torch.softmax(outputs.logits.float(), dim=1).cpu()
        vectors = torch.nn.functional.normalize(mean, dim=1).cpu()
        _finite(classifier, batch, said, vectors)
        probs[rows], embeddings[rows] = said.numpy(), vectors.numpy()

    for_each_batch(classifier, tokens, what, run, dropout)
    return probs, embeddings


def for_each_batch(
    classifier: Classifier, tokens: Tokens, what: str, run: Callable[[Rows, Batch], None],
    dropout: int | None = None,
) -> None:  # fmt: skip
    """`run(rows, batch)` for all texts in batches on the classifier's device, without gradients.

    On a CPU several threads share out the batches, so `run` has to bear being called by them.
    """
    device = device_of(classifier.hardware)
    classifier.model.to(device)
    on_cpu = device.type == "cpu"
    batches = token_batches(tokens.lengths, CPU_TOKENS if on_cpu else GPU_TOKENS)
    with bar(what, len(tokens), "texts") as advance, fast_products(classifier.hardware):

        def work(some: Iterator[Rows]) -> None:
            # not inference_mode: there autocast casts every weight anew for every batch
            with torch.no_grad(), autocast(classifier.encoder, classifier.hardware):
                for rows in some:
                    batch = classifier.pad([tokens[row] for row in rows])
                    run(rows, {name: part.to(device) for name, part in batch.items()})
                    advance(len(rows))

        n_threads = torch.get_num_threads() if on_cpu else 1
        if dropout is not None:
            torch.manual_seed(dropout)  # torch draws from its global stream: in one thread alone
            n_threads = 1
        in_threads(work, batches, n_threads)


def _finite(classifier: Classifier, batch: Batch, probs: Tensor, vectors: Tensor) -> None:
    good = probs.isfinite().all(1) & vectors.isfinite().all(1)
    if not good.all():
        texts = [classifier.text(ids) for ids in batch["input_ids"].cpu()[~good]]
        must_be_finite([probs, vectors], "probabilities or embeddings are", texts)


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
