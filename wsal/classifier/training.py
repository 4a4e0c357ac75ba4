"""One training loop for everything that is learnt: weak labels, gold labels, no labels at all.

A step is a set of texts, laid down beforehand. Its loss is the sum over the texts divided by their
number, and its gradient is that loss's, whatever parts the step is cut into to fit into memory
and whatever processes share it. Random numbers are seeded anew in each step. So a training that
was killed goes on from its last checkpoint bit for bit.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
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
from wsal.classifier.memory_budget import MemoryBudget, must_be_whole, out_of_memory
from wsal.classifier.sigterm import SigtermGuard
from wsal.classifier.throughput import LOG_STEPS, Meter, metered
from wsal.classifier.training_plan import Plan, token_batches
from wsal.classifier.training_run import Batch, Objective, TrainingRun
from wsal.errors import PreemptedError
from wsal.seeding import integer


def train(
    classifier: Classifier, objective: Objective, plan: Plan, course: TrainingRun
) -> dict[str, Any]:
    """Train in place; go on from the last whole checkpoint in `course.scratch` if there is one.

    Gives back `loss` (a list of `[step, mean loss]`), `looks` (of `[step, score]`) and `n_steps`.

    Raises:
        PreemptedError: SIGTERM came; a checkpoint was written. ModelError: not even one text fits
            into memory, or a loss, gradient or weight is not finite; earlier checkpoints stay.
    """
    if not len(plan):
        return {"loss": [], "looks": [], "n_steps": 0}
    model = with_lora(classifier.model, classifier.encoder.lora_rank, course.seed)
    model.to(device_of(classifier.hardware))
    optimizer.freeze(model, course.settings)
    with (
        fast_products(classifier.hardware),
        only_used(model, objective.used()),
        metered(classifier, plan, objective, course) as meter,
    ):
        training = Training(classifier, model, objective, plan, course)
        with SigtermGuard() as sign, ThreadPoolExecutor(1) as ahead:
            training.run(meter, sign, ahead if training.device.type == "cuda" else None)
    merged(model)
    classifier.model.eval().requires_grad_(requires_grad=True)
    progress = training.progress
    return {"loss": progress.loss, "looks": progress.looks, "n_steps": progress.step}


class Training:
    """Model, optimizer and progress, from the last checkpoint on."""

    def __init__(
        self, classifier: Classifier, model: Any, objective: Objective, plan: Plan,  # noqa: ANN401
        course: TrainingRun,
    ) -> None:  # fmt: skip
        self.classifier, self.objective = classifier, objective
        self.plan, self.course = plan, course
        self.hardware, self.settings = classifier.hardware, course.settings
        self.device = device_of(self.hardware)
        self.model = model
        self.named = dict(optimizer.trained(self.model))
        self.weights: list[Tensor] = list(self.named.values())
        self.optimizer = optimizer.new_optimizer(self.model, self.settings)
        self.mean = self._copies() if self.settings.ema else []
        self.best = self._copies() if self.settings.patience else []
        self.forward = torch.compile(model, dynamic=True) if self.hardware.compile else model
        self.room = MemoryBudget(self.hardware, self.model)
        self.progress, self.running = Progress(), torch.zeros(1, device=self.device)
        self._restore()
        self.guard = DivergenceGuard(self.optimizer, course, self.progress.step)

    def run(self, meter: Meter, sign: SigtermGuard, ahead: ThreadPoolExecutor | None) -> None:
        """Every step that is left; then the running mean or the best weights, if asked for."""
        saved, save_seconds = time.monotonic(), self.hardware.save_seconds
        coming: Future[list[Batch]] | None = None
        self.model.train()
        while self.progress.step < len(self.plan) and not self._past_its_best():
            parts = coming.result() if coming else self._parts(self.progress.step)
            room = self.room.max_tokens
            next_step = self.progress.step + 1
            coming = ahead.submit(self._parts, next_step) if ahead else None
            norm = self._step(parts)
            if self.room.max_tokens < room:
                coming = None  # it was cut for more memory than there is
            stop = self._log(meter, norm, stop=sign.seen)
            self._look()
            if stop or (self._may_save() and time.monotonic() - saved >= save_seconds):
                self._save()
                saved = time.monotonic()
            if stop:
                raise PreemptedError(self.progress.step, len(self.plan))
        self._save()  # so that a later training of the same stage never has to wait for this one
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
        cuts = token_batches(self.objective.lengths[rows], self.room.max_tokens)
        if self.objective.whole_steps:
            must_be_whole(len(cuts))
        batches = [self.objective.batch(rows[cut]) for cut in cuts]
        if self.device.type == "cuda":
            batches = [{k: v.pin_memory() for k, v in batch.items()} for batch in batches]
        return batches

    def _step(self, parts: list[Batch]) -> Tensor:
        """One optimizer step; gives back the length of its gradient."""
        step, settings = self.progress.step, self.settings
        while not self._backward(parts, step):
            self.optimizer.zero_grad()
            self.room.make(int(self.objective.lengths[self.plan[step]].max()))
            parts = self._parts(step)
        processes.all_reduce_gradients(self.weights)
        norm = optimizer.clip(self.optimizer, self.weights, settings.max_grad_norm)
        self.guard.before_step(norm)
        share = optimizer.rate(step, len(self.plan), settings)
        optimizer.set_rate(self.optimizer, settings.lr * share)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.mean:
            with torch.no_grad():
                torch._foreach_lerp_(self.mean, self.weights, 1 - settings.ema)
        self.progress.step += 1
        return norm

    def _backward(self, parts: list[Batch], step: int) -> bool:
        """Add up the gradients of a step's parts; False if memory ran out."""
        n_texts, total = len(self.plan[step]), torch.zeros_like(self.running)
        with out_of_memory() as failure:
            for _, losses in self._losses(parts, step):
                loss = losses.sum() / n_texts
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
        if not failure:
            self.running += total
        return not failure

    def _losses(self, parts: list[Batch], step: int) -> Iterator[tuple[Batch, Tensor]]:
        """Each part of a step with the losses of its texts; the same whenever it is asked for."""
        torch.manual_seed(integer(self.course.seed, step, processes.rank()))
        for part in parts:
            batch = {k: v.to(self.device, non_blocking=True) for k, v in part.items()}
            with autocast(self.classifier.encoder, self.hardware):
                losses = self.objective.losses(self.forward, batch)
            yield batch, losses.float()

    def _losing(self, step: int) -> list[str]:
        """The texts of a step, of this process's share, whose loss is not finite now."""
        with torch.no_grad():
            found = [
                batch["input_ids"][~losses.isfinite()]
                for batch, losses in self._losses(self._parts(step), step)
            ]
        return [self.classifier.text(ids) for part in found for ids in part]

    def _log(self, meter: Meter, norm: Tensor, *, stop: bool) -> bool:
        """Note the loss now and then; gives back whether all processes are to stop."""
        step, last = self.progress.step, self.progress.step == len(self.plan)
        meter.advance(self.plan[step - 1])
        if step % LOG_STEPS and not last:
            return stop and processes.count() == 1
        told = torch.cat([self.running, torch.full_like(self.running, float(stop))])
        processes.all_reduce([told])
        self.running.zero_()
        loss = float(told[0]) / (step - (self.progress.loss[-1][0] if self.progress.loss else 0))
        self.guard.check(step, self._losing, self.weights, loss)
        self.progress.loss.append([step, round(loss, 6)])
        meter.note(step, loss, float(norm), self.optimizer.param_groups[-1]["lr"])
        return bool(told[1] > 0)

    def _look(self) -> None:
        """Score the dev split, if it is time, and remember weights better than all before."""
        step, score = self.progress.step, self.course.score
        if not self.settings.patience or score is None or step % self.settings.look_steps:
            return
        self.guard.check(step, self._losing, self.weights)
        with optimizer.exchanged(self.weights, self.mean):
            found = processes.run_on_leader(score)
        if all(found > earlier for _, earlier in self.progress.looks):
            with torch.no_grad():
                torch._foreach_copy_(self.best, self.mean or self.weights)
        self.progress.looks.append([step, found])
        self.model.train()

    def _past_its_best(self) -> bool:
        scores = [score for _, score in self.progress.looks]
        patience = self.settings.patience
        return bool(patience and scores) and len(scores) - 1 - int(np.argmax(scores)) >= patience

    def _may_save(self) -> bool:
        """Between two notes of the loss, each process has a part of it, and one saves."""
        return processes.count() == 1 or self.progress.step % LOG_STEPS == 0

    def _save(self) -> None:
        self.guard.check(self.progress.step, self._losing, self.weights)
        if processes.is_leader():
            self.progress.room = [self.room.max_tokens, int(self.room.recomputes)]
            tensors = {f"optimizer.{k}": v for k, v in optimizer.moments(self.optimizer)}
            for kind, kept in self._kept().items():
                tensors |= {f"{kind}.{k}": v for k, v in zip(self.named, kept, strict=bool(kept))}
            tensors["running"] = self.running
            found = Checkpoint(self.progress.step, tensors, asdict(self.progress))
            checkpoints.save(self.course.scratch, found)

    def _restore(self) -> None:
        found = checkpoints.newest(self.course.scratch)
        if found is None:
            return
        self.progress, parts = Progress(**found.facts), found.tensors
        self.room.at_most(*self.progress.room)
        with torch.no_grad():
            self.running.copy_(parts["running"])
            for kind, kept in self._kept().items():
                for name, weight in zip(self.named, kept, strict=bool(kept)):
                    weight.copy_(parts[f"{kind}.{name}"])
        prefix = "optimizer."
        own = {k.removeprefix(prefix): v for k, v in parts.items() if k.startswith(prefix)}
        optimizer.set_moments(self.optimizer, own)

    def _kept(self) -> dict[str, list[Any]]:
        return {"weights": self.weights, "mean": self.mean, "best": self.best}

    def _copies(self) -> list[Tensor]:
        return [weight.detach().clone() for weight in self.weights]
