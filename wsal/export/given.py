"""What every exporter is handed: the classifier, and what it says of texts that are hard."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import f1_score

from wsal.arrays import Classes, Rows
from wsal.classifier.encoder import Classifier
from wsal.classifier.tokens import Tokens
from wsal.classifier.training_plan import token_batches

HARD = (
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
TOKENS_AT_ONCE = 2_048

Run = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From `input_ids` and `attention_mask` `(texts, length)`, int64, to logits `(texts, classes)`."""


@dataclass(frozen=True)
class Given:
    """A classifier on its way out."""

    classifier: Classifier
    """On the CPU, in eager attention, its temperature folded in."""
    out: Path
    scratch: Path
    """For files that are not part of the export; there as long as the exporters run."""
    texts: Sequence[str]
    gold: Classes | None
    """The class of each text, where it is known."""
    calibration: Sequence[str]
    """Texts of the pool, from which ranges of activations are learnt."""

    @cached_property
    def tokens(self) -> Tokens:
        """The word pieces of the hard inputs, then of the texts."""
        return self.classifier.tokens([*HARD, *self.texts])

    @cached_property
    def batches(self) -> list[Rows]:
        """Each hard input alone, then all in padded batches of mixed lengths, then sorted ones."""
        n = len(self.tokens)
        alone = [np.array([row]) for row in range(len(HARD))]
        mixed = [np.arange(start, min(start + 8, n)) for start in range(0, min(n, 64), 8)]
        return [*alone, *mixed, *token_batches(self.tokens.lengths, TOKENS_AT_ONCE)]

    @cached_property
    def expected(self) -> np.ndarray:
        """What torch says in fp32: logits `(hard inputs and texts, classes)`."""
        said = np.empty((len(self.tokens), self.classifier.model.config.num_labels), np.float32)
        for rows, found in self.said_by(self._torch):
            said[rows] = found
        return said

    def said_by(self, run: Run) -> Iterator[tuple[Rows, np.ndarray]]:
        """Each batch's rows, and the logits that `run` gives for them."""
        for rows in self.batches:
            inputs = self.classifier.pad([self.tokens[row] for row in rows])
            yield rows, run(inputs["input_ids"].numpy(), inputs["attention_mask"].numpy())

    def compared(self, run: Run) -> dict[str, Any]:
        """How near `run` is to torch: `largest_difference` of a logit, `agreement` of labels.

        Both over every batch. `macro_f1_loss` is what macro-F1 loses on texts with gold; None
        where there is none.
        """
        wanted, labels = self.expected.argmax(axis=1), np.empty(len(self.tokens), np.int64)
        apart, n_other, n_seen = 0.0, 0, 0
        for rows, found in self.said_by(run):
            apart = float(np.maximum(apart, np.abs(found - self.expected[rows]).max()))
            labels[rows] = found.argmax(axis=1)
            n_other += int((labels[rows] != wanted[rows]).sum())
            n_seen += len(rows)
        loss = None
        if (gold := self.gold) is not None:
            loss = self._macro_f1(wanted, gold) - self._macro_f1(labels, gold)
        return {
            "n_texts": len(self.tokens),
            "largest_difference": apart if np.isfinite(apart) else float("inf"),
            "agreement": 1 - n_other / n_seen,
            "n_other_labels": n_other,
            "macro_f1_loss": loss,
        }

    def _macro_f1(self, labels: Classes, gold: Classes) -> float:
        said = labels[len(HARD) :]
        return float(f1_score(gold, said, labels=np.unique(gold), average="macro"))

    def _torch(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = self.classifier.model(
                input_ids=torch.from_numpy(input_ids),
                attention_mask=torch.from_numpy(attention_mask),
            ).logits
        found: np.ndarray = logits.float().numpy()
        return found
