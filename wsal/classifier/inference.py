"""Probabilities and embeddings of many texts."""

from collections.abc import Sequence

import numpy as np
import torch

from wsal.arrays import Embeddings, Probs
from wsal.classifier.batching import inference_batches
from wsal.classifier.encoder import Classifier
from wsal.classifier.hardware import autocast, device_of
from wsal.progress import bar

MAX_TOKENS = 1024  # small batches: they stay in the processor's cache


def predict(classifier: Classifier, texts: Sequence[str], what: str) -> tuple[Probs, Embeddings]:
    """Class probabilities `(texts, classes)` and unit embeddings `(texts, dims)`.

    An embedding is the mean of the encoder's last hidden states over the text's word pieces.
    """
    model = classifier.model.eval().to(device_of(classifier.settings))
    ids = classifier.token_ids(texts)
    lengths = np.array([len(one) for one in ids], dtype=np.int64)
    probs = np.empty((len(texts), model.config.num_labels), dtype=np.float32)
    embeddings = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    with bar(what, len(texts), "texts") as advance, torch.inference_mode():
        for rows in inference_batches(lengths, MAX_TOKENS):
            batch = {
                k: v.to(model.device) for k, v in classifier.pad([ids[r] for r in rows]).items()
            }
            with autocast(classifier.settings):
                outputs = model(**batch, output_hidden_states=True)
            probs[rows] = torch.softmax(outputs.logits.float(), dim=1).cpu().numpy()
            mask = batch["attention_mask"].unsqueeze(-1).float()
            mean = (outputs.hidden_states[-1].float() * mask).sum(1) / mask.sum(1)
            embeddings[rows] = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
            advance(len(rows))
    return probs, embeddings
