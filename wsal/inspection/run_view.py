"""The finished artifacts of a run, opened together to look at it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from wsal.artifacts import Artifact
from wsal.labels import LabelSet
from wsal.multilabel import refuse
from wsal.rounds.evaluation_frame import Frame, read_frame
from wsal.rounds.frame_periods import measured_part
from wsal.run.pipeline import opened, required
from wsal.run.stage_table import CONFIG, ROUND_STAGES, STAGES
from wsal.same_rows import require_rows_of

T = TypeVar("T")


@dataclass(frozen=True)
class Round:
    """The finished artifacts of a round, by stage; the last round may lack some."""

    number: int
    artifacts: dict[str, Artifact]

    def __getitem__(self, stage: str) -> Artifact | None:
        return self.artifacts.get(stage)


@dataclass(frozen=True)
class RunView:
    """A run folder, as it is now. Every artifact but the pool may be missing."""

    run_dir: Path
    last: int | None = None
    """The last round to look at: later ones may be stale. None: all that are there."""
    takes_sets: bool = False
    """Whether the pool may have several classes per text."""
    _results: dict[Callable[..., Any], Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, compute: Callable[["RunView"], T]) -> T:
        """What `compute` returns for this run. It is called only the first time."""
        if compute not in self._results:
            self._results[compute] = compute(self)
        return cast("T", self._results[compute])

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration of the run, as plain values."""
        config: dict[str, Any] = json.loads((self.run_dir / CONFIG).read_text())
        return config

    @cached_property
    def pool(self) -> Artifact:
        """The pool.

        Raises:
            MissingArtifactError: it is not there.
            ConfigError: a text of it may have several classes.
        """
        pool = required(self.run_dir, "prepare")
        if not self.takes_sets:
            what = "looking at groups, confusions, runs side by side or the workspace"
            refuse(pool.facts, what)
        return pool

    @cached_property
    def labels(self) -> LabelSet:
        """The classes."""
        return LabelSet.of_pool(self.pool.facts)

    def artifact(self, stage: str) -> Artifact | None:
        """What a stage outside rounds wrote; None if it is not there.

        Raises:
            MissingArtifactError: its rows are those of another pool.
        """
        if artifact := opened(self.run_dir, STAGES[stage].writes):
            require_rows_of(self.pool, [artifact])
        return artifact

    @cached_property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds that have a query, in order."""
        rounds: list[Round] = []
        while len(rounds) != self.last and (artifacts := self._artifacts_of(len(rounds) + 1)):
            rounds.append(Round(len(rounds) + 1, artifacts))
        return tuple(rounds)

    def of_rounds(self, stage: str) -> list[Artifact]:
        """What a stage wrote in each round that has it."""
        return [artifact for r in self.rounds if (artifact := r[stage])]

    @property
    def classifiers(self) -> list[Artifact]:
        """The weak-pretrained classifier, then that of each round; row n is row n of the pool."""
        pretrained = self.artifact("pretrain")
        tuned = self.of_rounds("finetune")
        require_rows_of(self.pool, tuned)
        return [*([pretrained] if pretrained else []), *tuned]

    @property
    def weak_labels(self) -> Artifact | None:
        """The newest weak labels of the pool: those of the last round, else of `aggregate`."""
        reweighed = self.of_rounds("reweigh")
        if reweighed and reweighed[-1].manifest["inputs"].get("pool") == self.pool.digest:
            return reweighed[-1]
        return self.artifact("aggregate")

    @cached_property
    def frame(self) -> Frame | None:
        """The texts that gold labels never train on; None before the first query."""
        queries = self.of_rounds("select")
        return read_frame(self.pool, queries[-1]) if queries else None

    @cached_property
    def measured(self) -> Frame | None:
        """The part of the frame that measures: see `measured_part`."""
        return self.frame and measured_part(self.pool, self.frame, self.of_rounds("annotate"))

    def _artifacts_of(self, number: int) -> dict[str, Artifact]:
        names = {
            stage: opened(self.run_dir, STAGES[stage].writes, number) for stage in ROUND_STAGES
        }
        return {stage: artifact for stage, artifact in names.items() if artifact}
