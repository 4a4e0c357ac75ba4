"""A small encoder with random weights, for tests and first steps: `encoder.path=tiny`."""

from collections.abc import Iterable
from typing import Any

from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

from wsal.labels import LabelSet
from wsal.settings import EncoderSettings

TINY_WORDS = 2_000  # words of the tokenizer


def tiny_tokenizer(texts: Iterable[str]) -> Any:  # noqa: ANN401
    """A tokenizer of the letters and the commonest words of the texts."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words: dict[str, int] = {}
    for text in texts:
        for word in text.lower().split():
            words[word] = words.get(word, 0) + 1
    letters = sorted({letter for word in words for letter in word})
    common = sorted(words, key=lambda word: (-words[word], word))[:TINY_WORDS]
    pieces = dict.fromkeys([*special, *letters, *(f"##{letter}" for letter in letters), *common])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return BertTokenizer(vocab=vocabulary, do_lower_case=True)


def tiny_model(encoder: EncoderSettings, labels: LabelSet, n_pieces: int) -> Any:  # noqa: ANN401
    """A random BERT of two small layers."""
    config = BertConfig(
        vocab_size=n_pieces,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=encoder.max_length,
        id2label=dict(enumerate(labels.names)),
        label2id={name: number for number, name in enumerate(labels.names)},
    )
    return BertForSequenceClassification(config)
