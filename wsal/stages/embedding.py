"""Embeddings of texts by an encoder that has not been trained here."""

from collections.abc import Sequence

from wsal.arrays import Embeddings
from wsal.classifier.encoder import new_classifier
from wsal.classifier.inference import predict
from wsal.labels import LabelSet
from wsal.settings import EncoderSettings


def embed(texts: Sequence[str], encoder: str) -> Embeddings:
    """`(texts, dims)` unit vectors by the encoder at this path (as in `encoder.path`)."""
    classifier = new_classifier(EncoderSettings(encoder), LabelSet(("a", "b")), texts, seed=0)
    return predict(classifier, texts, "embed")[1]
