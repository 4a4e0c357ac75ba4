"""What every export format is handed, and what it has to offer.

A format is one file: a frozen dataclass of its settings with `export(context)`. Composing a
configuration imports all of them, so torch, onnx and other heavy libraries are imported inside
`export` and the functions it calls.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import Field

from wsal.arrays import Classes, Rows
from wsal.artifacts import Facts
from wsal.errors import ParityError
from wsal.settings import Positive, Share

if TYPE_CHECKING:
    from wsal.classifier.encoder import Classifier
    from wsal.classifier.tokens import Tokens

HARD_INPUTS = (
    "",
    " ",
    "a",
    "1",
    "word " * 10_000,
    "x" * 5_000,
    "😀 👩‍👩‍👧 🏳️‍🌈",
    "\x00\x07control\x1b[31m",
    "\u202eright to left\u200b\ufeff",
    "日本語の商品名",
    "حقيبة جلدية",
    "कपड़े की थैली",
    "e\u0301 é ﬁ ①",
    "a\nb\tc",
    "[CLS] [SEP] <s> </s> [MASK]",
)
"""Texts on which tokenizers and runtimes are most likely to differ."""
TOO_CLOSE = 1e-3  # to a threshold, in logits, to compare decisions
MAX_TOKENS = 2_048  # in a batch, padding included

Run = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From `input_ids` and `attention_mask` `(texts, length)`, int64, to logits `(texts, classes)`."""


@runtime_checkable
class Exporter(Protocol):
    """A format to export: writes one file, or a folder, into `context.out`."""

    def export(self, context: "ExportContext") -> Facts:
        """Write the format; its path and how closely it matches torch, for parity.json.

        A format that is not good enough, but can be done without, is not written; its facts then
        say why under `left_out`.

        Raises:
            ParityError: it differs from torch, and cannot be left out.
        """
        ...


@dataclass(frozen=True)
class ExportSettings:
    """What is written for serving, beside safetensors, tokenizer and model card."""

    formats: Mapping[str, Exporter]
    """Further formats, by name; `{}`: the Hugging Face folder only."""
    precision: Share = 0.95
    """The precision that predictions at or above their class's threshold should have."""
    multilabel_target: Literal["f1", "precision"] = "f1"
    """What the thresholds of classes are chosen for with `data.layout.multilabel`: the highest F1,
    or the lowest probability with this `precision`."""
    n_parity_texts: Positive = 2_000
    """Texts on which every format is compared with torch, beside hard inputs; from the test split,
    or from the pool if there is no test split."""
    reject: Literal["auto", "always", "never"] = "auto"
    """Whether the model rejects texts of no class: `auto`, if people answered "none of these" to
    any text; `always`, also without such answers, if there is gold of at least three classes."""
    keep: Annotated[Share, Field(gt=0)] = 0.95
    """The share of the texts with a class that a model that rejects texts keeps."""
    reference: bool = True
    """Whether the folder contains what `wsal drift` compares later texts with: the shares of
    classes and confidences, and which words the pool has, by hash and frequency. It contains no
    text and no word."""
    nearest: bool = False
    """Whether the folder contains the texts that people labelled for training, with their
    embeddings: then the page of `wsal serve` shows those that are most like a text. They are your
    data, and whoever gets the folder can read them."""


@dataclass(frozen=True)
class ExportContext:
    """The classifier to export, where to write, and the texts to compare a format with torch on."""

    classifier: "Classifier"
    """On the CPU, in eager attention, its temperature folded in."""
    out: Path
    scratch: Path
    """For files that are not part of the export; deleted after the last exporter."""
    texts: Sequence[str]
    gold: Classes | None
    """The class of each text, where it is known."""
    calibration_texts: Sequence[str]
    """Texts of the pool, from which static rounding learns the ranges of activations."""
    with_embedding: bool = False
    """Whether formats that can also give the embedding, by which texts are rejected."""
    limits: np.ndarray | None = None
    """With several classes per text, the probability from which each is named, `(classes,)`."""

    @cached_property
    def tokens(self) -> "Tokens":
        """The word pieces of the hard inputs, then of the texts."""
        return self.classifier.tokens([*HARD_INPUTS, *self.texts])

    @cached_property
    def batches(self) -> list[Rows]:
        """Each hard input alone, then all in padded batches of mixed lengths, then sorted ones."""
        from wsal.classifier.training_plan import token_batches

        n = len(self.tokens)
        alone = [np.array([row]) for row in range(len(HARD_INPUTS))]
        mixed = [np.arange(start, min(start + 8, n)) for start in range(0, min(n, 64), 8)]
        return [*alone, *mixed, *token_batches(self.tokens.lengths, MAX_TOKENS)]

    @cached_property
    def expected(self) -> np.ndarray:
        """The logits of torch in fp32, `(hard inputs and texts, classes)`."""
        n_classes = self.classifier.model.config.num_labels
        expected = np.empty((len(self.tokens), n_classes), np.float32)
        for rows, logits in self.logits(self._run_torch):
            expected[rows] = logits
        return expected

    def logits(self, run: Run) -> Iterator[tuple[Rows, np.ndarray]]:
        """Each batch's rows, and the logits that `run` gives for them."""
        for rows in self.batches:
            inputs = self.classifier.pad([self.tokens[row] for row in rows])
            yield rows, run(inputs["input_ids"].numpy(), inputs["attention_mask"].numpy())

    def compare(self, run: Run) -> Facts:
        """How closely `run` matches torch: `largest_difference` of a logit, `agreement` of labels.

        Both are over every batch: a text whose label differs in any of them is one of
        `n_other_labels`, and `agreement` is the share of the others. `macro_f1_loss` is what
        macro-F1 loses on texts with gold; None where there is none.
        """
        expected = self._labels(self.expected, self.expected)
        labels = np.empty_like(expected)
        largest, differs = 0.0, np.zeros(len(self.tokens), dtype=bool)
        for rows, logits in self.logits(run):
            largest = float(np.maximum(largest, np.abs(logits - self.expected[rows]).max()))
            labels[rows] = self._labels(logits, self.expected[rows])
            differs[rows] |= (labels[rows] != expected[rows]).reshape(len(rows), -1).any(axis=1)
        loss = None
        if self.gold is not None:
            loss = self._macro_f1(expected, self.gold) - self._macro_f1(labels, self.gold)
        return {
            "n_texts": len(self.tokens),
            "largest_difference": largest if np.isfinite(largest) else float("inf"),
            "agreement": 1 - float(differs.mean()),
            "n_other_labels": int(differs.sum()),
            "macro_f1_loss": loss,
        }

    def require_parity(self, run: Run, tolerance: float, path: Path) -> Facts:
        """`compare(run)`, for a file that has to match torch.

        Raises:
            ParityError: a logit differs by more than `tolerance`, or a label differs.
        """
        parity = self.compare(run)
        if not parity["largest_difference"] <= tolerance or parity["n_other_labels"]:
            raise ParityError(
                f"{path.name} differs from torch by up to {parity['largest_difference']:.2e} in a "
                f"logit (tolerance {tolerance:g}) and in {parity['n_other_labels']} labels; "
                "nothing was exported"
            )
        return parity

    def _labels(self, logits: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """The class of each text; with several per text, `(texts, classes)`.

        With several, there are so many decisions that some are too close to call in fp32, too:
        those are taken as torch has them, `expected`.
        """
        if self.limits is None:
            classes: Classes = logits.argmax(axis=1)
            return classes
        limits = np.clip(self.limits, 1e-9, 1 - 1e-9)
        least = np.where(self.limits <= 1, np.log(limits / (1 - limits)), np.inf)
        is_close = np.abs(expected - least) < TOO_CLOSE
        named: np.ndarray = np.where(is_close, expected, logits) >= least
        return named

    def _macro_f1(self, labels: Classes, gold: Classes) -> float:
        from sklearn.metrics import f1_score

        predicted = labels[len(HARD_INPUTS) :]
        if self.limits is not None:
            return float(f1_score(gold, predicted, average="macro", zero_division=0.0))
        is_class = gold < self.expected.shape[1]  # others are parents
        gold, predicted = gold[is_class], predicted[is_class]
        return float(f1_score(gold, predicted, labels=np.unique(gold), average="macro"))

    def _run_torch(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            outputs = self.classifier.model(
                input_ids=torch.from_numpy(input_ids),
                attention_mask=torch.from_numpy(attention_mask),
            )
        logits: np.ndarray = outputs.logits.float().numpy()
        return logits
