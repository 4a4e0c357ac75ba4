"""What tests import from each other: paths, and a tiny classifier."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"


def options(group):
    """The names of a group's files."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def tiny_classifier(texts, n_classes=3, seed=0, encoder=None, **hardware):
    """A tiny random classifier whose words are those of some texts."""
    from wsal.classifier.encoder import new_classifier, new_tokenizer
    from wsal.labels import LabelSet
    from wsal.settings import EncoderSettings, HardwareSettings

    settings = EncoderSettings("tiny", max_length=32, precision="fp32", **(encoder or {}))
    labels = LabelSet(tuple(f"class {i}" for i in range(n_classes)))
    tokenizer = new_tokenizer(settings, texts)
    where = HardwareSettings(**{"device": "cpu", **hardware})
    return new_classifier(settings, where, labels, tokenizer, seed)


def with_head(classifier, times):
    """The classifier with a head so large that its labels differ."""
    import torch

    from wsal.classifier.probe import last_layer

    with torch.no_grad():
        last_layer(classifier.model).weight.mul_(times)
    return classifier
