"""A classifier of an earlier round looks at texts that were appended after its training."""

from wsal.arrays import Probs, Rows
from wsal.artifacts import Artifact
from wsal.classifier.encoder import load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import read_tokens
from wsal.rounds.known_probs import Look
from wsal.settings import EncoderSettings, HardwareSettings


def look_with(tokens: Artifact, encoder: EncoderSettings, hardware: HardwareSettings) -> Look:
    """The function that predicts some rows of a split with a classifier."""

    def look(classifier: Artifact, split: str, rows: Rows) -> Probs:
        model = load_classifier(classifier.path, encoder, hardware)
        texts = read_tokens(tokens.path / split).take(rows)
        return predict(model, texts, f"appended texts, {classifier.path.parent.name}")[0]

    return look
