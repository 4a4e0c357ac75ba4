"""One training loop for weak labels, gold labels, and texts without labels.

The texts of each step are planned beforehand. The loss of a step is the sum over its texts divided
by their number, and its gradient is that of this loss, whatever parts the step is cut into to fit
into memory, and whatever processes share it; only dropout differs, as each process draws it for its
own texts. Random numbers are seeded in each step. So a training run that was killed continues from
its last checkpoint and, with as many processes as before, ends with the same weights, bit for bit.

The loop is wsal's own: steps planned by tokens, steps cut to fit into memory, partial embedding
tables and exact resumption would each mean working around the Trainer of transformers.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wsal import processes
from wsal.classifier import checkpoints, optimizer
from wsal.classifier.checkpoints import Checkpoint, Progress
from wsal.classifier.embedding_subset import only_used
from wsal.classifier.encoder import Classifier
from wsal.classifier.finite import DivergenceGuard
from wsal.classifier.hardware import autocast, device_of, fast_products
from wsal.classifier.lora import merged, with_lora
from wsal.classifier.memory_budget import MemoryBudget, out_of_memory, step_parts
from wsal.classifier.sigterm import SigtermGuard
from wsal.classifier.throughput import LOG_STEPS, ThroughputMeter, metered
from wsal.classifier.training_plan import Plan
from wsal.classifier.training_run import Batch, Objective, TrainingRun
from wsal.errors import PreemptedError
from wsal.seeding import integer


def train(
    classifier: Classifier, objective: Objective, plan: Plan, run: TrainingRun
) -> dict[str, Any]:
    """Train in place, from the newest checkpoint in `run.scratch` if there is one.

    Returns `loss` (a list of `[step, mean loss]`), `looks` (of `[step, score]`) and `n_steps`.

    Raises:
        PreemptedError: SIGTERM came; a checkpoint was written.
        ModelError: a single text does not fit into memory, or a loss, gradient or weight is not
            finite; earlier checkpoints are kept.
    """
    if not len(plan):
        return {"loss": [], "looks": [], "n_steps": 0}
    model = with_lora(classifier.model, classifier.encoder.lora_rank, run.seed)
    model.to(device_of(classifier.hardware))
    optimizer.freeze(model, run.settings)
    with (
        fast_products(classifier.hardware),
        only_used(model, processes.run_on_leader(objective.used)),
        metered(classifier, plan, objective, run) as meter,
    ):
        training = Training(replace(classifier, model=model), objective, plan, run)
        with SigtermGuard() as sigterm, ThreadPoolExecutor(1) as prefetcher:
            training.run_steps(meter, sigterm, prefetcher)
    merged(model)
    classifier.model.eval().requires_grad_(requires_grad=True)
    progress = training.progress
    return {"loss": progress.loss, "looks": progress.looks, "n_steps": progress.step}


class Training:
    """Model, optimizer and progress, restored from the newest checkpoint."""

    def __init__(
        self, classifier: Classifier, objective: Objective, plan: Plan, run: TrainingRun
    ) -> None:
        self.classifier = classifier
        self.objective = objective
        self.plan = plan
        self.training_run = run
        self.hardware = classifier.hardware
        self.settings = run.settings
        self.device = device_of(self.hardware)
        self.model = classifier.model
        self.named = dict(optimizer.trained(self.model))
        self.weights: list[Tensor] = list(self.named.values())
        self.optimizer = optimizer.new_optimizer(self.model, self.settings)
        self.mean = optimizer.copies(self.weights) if self.settings.ema else []
        self.best = optimizer.copies(self.weights) if self.settings.patience else []
        compiles = self.hardware.compile
        self.forward = torch.compile(self.model, dynamic=True) if compiles else self.model
        self.memory = MemoryBudget(self.hardware, self.model)
        self.progress = Progress()
        self.loss_sum = torch.zeros(1, device=self.device)  # of the steps since the last report
        self._restore()
        self.guard = DivergenceGuard(self.optimizer, run, self.progress.step)

    def run_steps(
        self, meter: ThroughputMeter, sigterm: SigtermGuard, prefetcher: ThreadPoolExecutor
    ) -> None:
        """Run the remaining steps; then take the running mean or the best weights, if wanted."""
        saved = time.monotonic()
        next_parts: Future[list[Batch]] | None = None
        self.model.train()
        while self.progress.step < len(self.plan) and not self._lost_patience():
            parts = next_parts.result() if next_parts else self._parts(self.progress.step)
            max_tokens = self.memory.max_tokens
            if self.device.type == "cuda":
                next_parts = prefetcher.submit(self._parts, self.progress.step + 1)
            is_due = time.monotonic() - saved >= self.hardware.save_seconds
            norm, stop, save = self._step(parts, sigterm, save=is_due)
            if self.memory.max_tokens < max_tokens:
                next_parts = None  # it was cut into parts that are too large
            self._log(meter, norm)
            self._look()
            if stop or save:
                self._save()
                saved = time.monotonic()
            if stop:
                raise PreemptedError(self.progress.step, len(self.plan))
        self._save()  # so that this training is not repeated if a later one of its stage is killed
        with torch.no_grad():
            if self.mean:
                torch._foreach_copy_(self.weights, self.mean)
            if self.best and self.progress.looks:
                torch._foreach_copy_(self.weights, self.best)

    def _parts(self, step: int) -> list[Batch]:
        """This process's share of a step, cut so that each part fits into memory."""
        if step >= len(self.plan):
            return []
        rows = self.plan[step][processes.rank() :: processes.count()]
        parts = step_parts(self.objective, rows, self.memory.max_tokens)
        if self.device.type == "cuda":
            parts = [{k: v.pin_memory() for k, v in part.items()} for part in parts]
        return parts

    def _step(
        self, parts: list[Batch], sigterm: SigtermGuard, *, save: bool
    ) -> tuple[Tensor, bool, bool]:
        """Run an optimizer step; returns the norm of its gradient, and whether to stop and save."""
        step = self.progress.step
        while (loss := self._backward(parts, step)) is None:
            self.optimizer.zero_grad()
            self.memory.shrink(int(self.objective.lengths[self.plan[step]].max()))
            parts = self._parts(step)
        stop, save = processes.share_step(self.weights, loss, (sigterm.seen, save))
        self.loss_sum += loss
        norm = optimizer.clip(self.optimizer, self.weights, self.settings.max_grad_norm)
        self.guard.before_step(norm)
        share = optimizer.rate(step, len(self.plan), self.settings)
        optimizer.set_rate(self.optimizer, self.settings.lr * share)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.mean:
            with torch.no_grad():
                optimizer.update_mean(self.mean, self.weights, step, self.settings)
        self.progress.step += 1
        return norm, stop, save

    def _backward(self, parts: list[Batch], step: int) -> Tensor | None:
        """Add up the gradients of a step's parts; returns the loss, or None if memory ran out."""
        n_texts = len(self.plan[step])
        total = torch.zeros_like(self.loss_sum)
        with out_of_memory() as errors:
            for _, losses in self._losses(parts, step):
                loss = losses.sum() / n_texts
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
        return None if errors else total

    def _losses(self, parts: list[Batch], step: int) -> Iterator[tuple[Batch, Tensor]]:
        """Each part of a step with the losses of its texts; the same every time."""
        torch.manual_seed(integer(self.training_run.seed, step, processes.rank()))
        for part in parts:
            batch = {k: v.to(self.device, non_blocking=True) for k, v in part.items()}
            with autocast(self.classifier.encoder, self.hardware):
                losses = self.objective.losses(self.forward, batch)
            yield batch, losses.float()

    def _bad_texts(self, step: int) -> list[str]:
        """The texts in this process's share of a step whose loss is not finite now."""
        with torch.no_grad():
            pieces = [
                batch["input_ids"][~losses.isfinite()]
                for batch, losses in self._losses(self._parts(step), step)
            ]
        return [self.classifier.text(ids) for part in pieces for ids in part]

    def _log(self, meter: ThroughputMeter, norm: Tensor) -> None:
        """Report the loss now and then."""
        step = self.progress.step
        meter.advance(self.plan[step - 1])
        if step % LOG_STEPS and step != len(self.plan):
            return
        reported = self.progress.loss[-1][0] if self.progress.loss else 0
        loss = float(self.loss_sum) / (step - reported)
        self.loss_sum.zero_()
        self.guard.check(step, self._bad_texts, self.weights, loss)
        self.progress.loss.append([step, round(loss, 6)])
        meter.report(step, loss, float(norm), self.optimizer.param_groups[-1]["lr"])

    def _look(self) -> None:
        """Score the dev split every `look_steps`, and keep the weights if they are the best."""
        step = self.progress.step
        score = self.training_run.score
        if not self.settings.patience or score is None or step % self.settings.look_steps:
            return
        self.guard.check(step, self._bad_texts, self.weights)
        with optimizer.exchanged(self.weights, self.mean):
            value = processes.run_on_leader(score)
        if all(value > earlier for _, earlier in self.progress.looks):
            with torch.no_grad():
                torch._foreach_copy_(self.best, self.mean or self.weights)
        self.progress.looks.append([step, value])
        self.model.train()

    def _lost_patience(self) -> bool:
        scores = [score for _, score in self.progress.looks]
        patience = self.settings.patience
        return bool(patience and scores) and len(scores) - 1 - int(np.argmax(scores)) >= patience

    def _save(self) -> None:
        self.guard.check(self.progress.step, self._bad_texts, self.weights)
        if processes.is_leader():
            checkpoints.save(self.training_run.scratch, self._checkpoint())

    def _checkpoint(self) -> Checkpoint:
        self.progress.memory = [self.memory.max_tokens, int(self.memory.recomputes)]
        return Checkpoint(self.progress, self._named_tensors() | optimizer.moments(self.optimizer))

    def _restore(self) -> None:
        checkpoint = checkpoints.of_leader(self.training_run.scratch, self._checkpoint)
        if checkpoint is None:
            return
        self.progress = checkpoint.progress
        self.memory.restore(*self.progress.memory)
        with torch.no_grad():
            for name, tensor in self._named_tensors().items():
                tensor.copy_(checkpoint.tensors[name])
        optimizer.set_moments(self.optimizer, checkpoint.tensors)

    def _named_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds beside the state of the optimizer."""
        tensors = {"loss_sum": self.loss_sum}
        for kind, copies in (("weights", self.weights), ("mean", self.mean), ("best", self.best)):
            tensors |= {f"{kind}.{k}": v for k, v in zip(self.named, copies, strict=bool(copies))}
        return tensors
