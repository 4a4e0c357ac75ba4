"""Embeddings of texts by an encoder that has not been trained here."""

from collections.abc import Sequence

from wsal.arrays import Embeddings
from wsal.classifier.encoder import new_classifier, new_tokenizer
from wsal.classifier.inference import predict
from wsal.labels import LabelSet
from wsal.settings import EncoderSettings, HardwareSettings


def embed_texts(texts: Sequence[str], encoder: str) -> Embeddings:
    """`(texts, dims)` unit vectors by the encoder at this path (as in `encoder.path`)."""
    settings, hardware = EncoderSettings(encoder), HardwareSettings()
    tokenizer = new_tokenizer(settings, texts)
    classifier = new_classifier(settings, hardware, LabelSet(("a", "b")), tokenizer, seed=0)
    return predict(classifier, texts, "embed")[1]
