"""Embeddings of texts by an encoder as it is, without any training."""

from collections.abc import Sequence

from wsal.arrays import Embeddings
from wsal.classifier.encoder import new_classifier, new_tokenizer
from wsal.classifier.inference import predict
from wsal.labels import LabelSet
from wsal.settings import EncoderSettings, HardwareSettings


def embed_texts(
    texts: Sequence[str], encoder: str, learned_from: Sequence[str] | None = None
) -> Embeddings:
    """Unit vectors `(texts, dims)` from the encoder at this path (as in `encoder.path`).

    An encoder without a vocabulary takes it from `learned_from` or, by default, from the texts.
    """
    settings = EncoderSettings(encoder)
    tokenizer = new_tokenizer(settings, texts if learned_from is None else learned_from)
    any_labels = LabelSet(("a", "b"))  # the head is not used
    classifier = new_classifier(settings, HardwareSettings(), any_labels, tokenizer, seed=0)
    _, embeddings = predict(classifier, texts, "embed")
    return embeddings
