"""Train a classifier on distributions: weak labels and gold ones alike."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from wsal.arrays import Probs, Rows
from wsal.classifier.encoder import Classifier, quiet
from wsal.classifier.hardware import device_of, uses_bf16
from wsal.progress import bar

LOG_STEPS = 10
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class TrainingSet:
    """Texts with the distributions to learn, and the order in which they are gone through."""

    ids: list[np.ndarray]  # (texts,): word pieces
    targets: Probs  # (texts, classes): a gold label is one-hot
    weights: np.ndarray  # (texts,): how much a text counts in the loss
    order: Rows  # positions of texts, batch after batch


@dataclass(frozen=True)
class Schedule:
    """The optimizer's settings, common to pretraining and fine-tuning."""

    lr: float
    batch_size: int
    accumulation: int
    warmup: float
    weight_decay: float
    save_steps: int


class SoftTrainer(Trainer):  # type: ignore[misc]
    """transformers' Trainer with cross entropy against distributions, weighted by text.

    The loss of an optimizer step is the sum over its texts of weight times cross entropy,
    divided by their number, whatever the batch size, accumulation and number of processes that
    make the step up.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  Trainer's own
        """Take what `Trainer` takes."""
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = True  # so that Trainer counts a step's texts, and
        # does not divide by the accumulation once more, whatever the encoder's signature

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,  # noqa: FBT001, FBT002  Trainer's signature
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401
        """The step's share of the loss; the model never sees labels, so adds no loss of its own."""
        inputs = dict(inputs)
        targets, weights = inputs.pop("targets"), inputs.pop("weights")
        n_texts = len(inputs.pop("labels")) if num_items_in_batch is None else num_items_in_batch
        inputs.pop("labels", None)
        outputs = model(**inputs)
        losses = cross_entropy(outputs.logits.float(), targets, reduction="none") * weights
        # processes average their gradients, so each has to count as all of them
        loss = losses.sum() / n_texts * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


class _Ordered(Dataset[int]):
    """The order as a dataset: an item is a position, the collator does the rest."""

    def __init__(self, order: Rows) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> int:
        return int(self.order[place])


def train(
    classifier: Classifier,
    data: TrainingSet,
    schedule: Schedule,
    scratch: Path,
    seed: int,
    what: str,
) -> dict[str, Any]:
    """Train in place; go on from the last whole checkpoint in `scratch` if there is one.

    Gives back `loss` (a list of `[step, loss]`) and `n_steps`.
    """
    if not len(data.order):
        return {"loss": [], "n_steps": 0}
    cpu = device_of(classifier.settings).type == "cpu"
    arguments = TrainingArguments(
        output_dir=str(scratch),
        per_device_train_batch_size=schedule.batch_size,
        gradient_accumulation_steps=schedule.accumulation,
        num_train_epochs=1,  # the order holds all epochs
        train_sampling_strategy="sequential",
        learning_rate=schedule.lr,
        warmup_steps=schedule.warmup if schedule.warmup < 1 else 1 - 1e-9,  # below 1 is a share
        weight_decay=schedule.weight_decay,
        lr_scheduler_type="linear",
        bf16=uses_bf16(classifier.settings),
        use_cpu=cpu,
        dataloader_pin_memory=not cpu,
        label_names=["labels", "targets", "weights"],
        remove_unused_columns=False,
        save_strategy="steps",
        save_steps=schedule.save_steps,
        save_total_limit=2,
        logging_steps=gcd(LOG_STEPS, schedule.save_steps),  # a checkpoint ends a mean,
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
    )
    n_batches = -(-len(data.order) // schedule.batch_size)
    with bar(what, -(-n_batches // schedule.accumulation), "steps") as advance:
        trainer = SoftTrainer(
            model=classifier.model,
            args=arguments,
            train_dataset=_Ordered(data.order),
            data_collator=_collator(classifier, data),
            callbacks=[_Report(advance)],
        )
        trainer.remove_callback(PrinterCallback)  # the bar says what it would print
        with quiet():
            trainer.train(resume_from_checkpoint=last_checkpoint(scratch))
    classifier.model.eval()
    history = [[r["step"], r["loss"]] for r in trainer.state.log_history if "loss" in r]
    return {"loss": history, "n_steps": trainer.state.global_step}


def last_checkpoint(scratch: Path) -> str | None:
    """The newest checkpoint that was written to its end; its state is written last.

    >>> last_checkpoint(Path("nowhere")) is None
    True
    """
    found = sorted(scratch.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    for folder in reversed(found):
        try:
            json.loads((folder / "trainer_state.json").read_text())
        except (OSError, ValueError):
            continue
        return str(folder)
    return None


def _collator(classifier: Classifier, data: TrainingSet) -> Callable[[list[int]], Batch]:
    targets = torch.from_numpy(np.ascontiguousarray(data.targets, dtype=np.float32))
    weights = torch.from_numpy(np.ascontiguousarray(data.weights, dtype=np.float32))

    def collate(rows: list[int]) -> Batch:
        batch = classifier.pad([data.ids[row] for row in rows])
        chosen = targets[rows]
        # `labels` is there to be counted: Trainer takes their number as the step's texts
        return batch | {"targets": chosen, "weights": weights[rows], "labels": chosen.argmax(1)}

    return collate


class _Report(TrainerCallback):  # type: ignore[misc]
    """Moves the progress bar."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self.advance = advance
        self.seen = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        self.advance(state.global_step - self.seen)
        self.seen = state.global_step
