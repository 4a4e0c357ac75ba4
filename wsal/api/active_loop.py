"""The loop that asks for labels, learns from them, and measures what they brought."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from wsal import schemas
from wsal.active.candidates import QueryStrategy
from wsal.annotation.sheet import shown
from wsal.api.answers import SCHEMA, coded_rows, gold_rows, none_rows, with_answers
from wsal.api.classifier import TrainedClassifier
from wsal.api.export_folder import replaced_folder
from wsal.api.label_model import WeakLabels, no_weak_labels
from wsal.api.measurement import SPLITS, Measurement, split_probs
from wsal.api.pool import Pool
from wsal.api.query import Quality, Query, TargetForecast, target_forecast
from wsal.api.reading import pool_reader
from wsal.api.round_training import WeakCheckpoint, fine_tuned
from wsal.arrays import Probs
from wsal.artifacts import Facts
from wsal.classifier import encoder as encoders
from wsal.classifier.inference import predict
from wsal.errors import ConfigError
from wsal.export.base import ExportSettings
from wsal.members import members_of
from wsal.presets import preset
from wsal.progress import progress_shown
from wsal.rounds.ask_again import with_texts
from wsal.rounds.disagreement import disputed
from wsal.rounds.evaluation_frame import Frame, new_frame, sample_size
from wsal.rounds.exporting import write_export
from wsal.rounds.frame_periods import cut_sample
from wsal.rounds.query import RoundState, choose_query
from wsal.rounds.random_gold import drawn_at_random
from wsal.rounds.reweighing import reweigh_rules
from wsal.rounds.weak_labels import weak_table
from wsal.settings import ActiveSettings, EvaluationSettings, HardwareSettings
from wsal.training_settings import FinetuneSettings, RetrainSettings


class ActiveLoop:
    """Ask, tell, measure, and again; `wsal active` on a run folder does the same, step by step."""

    def __init__(
        self,
        pool: Pool,
        classifier: TrainedClassifier,
        weak: WeakLabels | None = None,
        *,
        strategy: str | QueryStrategy = "dbal",
        finetune: str = "default",
        seed: int = 0,
        progress: bool = False,
        finetune_settings: Mapping[str, Any] | None = None,
        n_evaluation: int | None = None,
        active_settings: Mapping[str, Any] | None = None,
        evaluation_settings: Mapping[str, Any] | None = None,
        retrain_settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin with a classifier that was trained on weak labels, or on none.

        Args:
            pool: the texts.
            classifier: what `Classifier.pretrain` returned for this pool.
            weak: the weak labels that fine-tuning replays; None: there are no rules.
            strategy: an option of `conf/strategy`, or an object with `select`.
            finetune: an option of `conf/finetune`; `probe` trains the last layer only, in seconds.
            seed: of all random choices.
            progress: whether to show progress bars.
            finetune_settings: changes to `conf/finetune`, such as `{"steps": 100}`.
            n_evaluation: texts that the first round asks for evaluation, beside those to train on;
                None: 100 for a pool of 2,000 or more without a gold split, else none.
            active_settings: changes to `conf/active`, such as `{"max_candidates": 2000}`.
            evaluation_settings: changes to `conf/evaluation`, such as `{"top_up": 10}`.
            retrain_settings: changes to `conf/retrain`, such as `{"distance": 0.02}`.

        Raises:
            UnknownNameError: there is no such option or setting. ConfigError: one is out of range.
        """
        if classifier.pool is not pool or (weak is not None and weak.votes.pool is not pool):
            raise ConfigError("pool, classifier and weak labels belong to different pools; use one")
        self.pool, self.classifier, self.weak = pool, classifier, weak or no_weak_labels(pool)
        if isinstance(strategy, str):
            strategy = preset(QueryStrategy, "strategy", strategy, {})  # type: ignore[type-abstract]
        self.strategy = strategy
        self._finetune = preset(FinetuneSettings, "finetune", finetune, finetune_settings or {})
        self._active = preset(ActiveSettings, "active", "default", active_settings or {})
        self._retrain = preset(RetrainSettings, "retrain", "default", retrain_settings or {})
        if set((active_settings or {}).get("questions", ())) - {"text"}:
            raise ConfigError("ActiveLoop asks only about texts; `wsal run` has other questions")
        changes = {"size": n_evaluation} | dict(evaluation_settings or {})
        self._evaluation = preset(EvaluationSettings, "evaluation", "default", changes)
        self._seed, self._progress = seed, progress
        self._query, self._is_random = pl.DataFrame(), True
        self._model = classifier.model
        with progress_shown(shown=progress):
            probs, self._embeddings = classifier.embedded
            frame = new_frame(probs, self._evaluation.frame, seed)
            self._measured = Measurement(
                pool=pool,
                weak=self.weak,
                frame=frame,
                seed=seed,
                answers=pl.DataFrame(schema=SCHEMA),
                frame_probs=[probs[frame.rows].astype(np.float32)],
                split_probs={name: [split_probs(self._model, pool, name)] for name in SPLITS},
                n_gold=[0],
            )
        on_frame, on_dev = self._measured.frame_probs[0], self._measured.split_probs["dev"][0]
        self._checkpoint = WeakCheckpoint(classifier, classifier.trained_on, on_frame, on_dev)
        votes, members = self.weak.votes.matrix, members_of(pool.prepared.labels)
        none = np.zeros(len(pool), np.float32)
        self._disputed = disputed(votes.T, members) if votes.size else none

    @property
    def round(self) -> int:
        """How many rounds are finished."""
        return len(self._measured.n_gold) - 1

    @property
    def frame(self) -> Frame:
        """Texts that measure quality; none of them is trained on."""
        return self._measured.frame

    def ask(self, n: int | None = None) -> Query:
        """The next `n` texts to train on, and on top `n_evaluation` texts that measure quality.

        Asking again before `tell` gives the same texts.

        Raises:
            PoolExhaustedError: every text was asked. ConfigError: `n` is less than 1.
        """
        if n is not None and n < 1:
            raise ConfigError(f"n is {n}; expected a number of texts, 1 or more")
        settings = replace(self._active, query_size=n or self._active.query_size)
        number, measured, prepared = self.round + 1, self._measured, self.pool.prepared
        rows, gold = gold_rows(measured.answers, schemas.TRAIN, prepared.labels)
        state = RoundState(
            number=number,
            embeddings=self._embeddings,
            frame=measured.frame,
            frame_probs=measured.frame_probs[-1],
            asked=measured.answers["row"].to_numpy(),
            gold_rows=rows,
            gold=gold,
        )
        n_evaluation = sample_size(prepared.sizes, self._evaluation, number)
        with progress_shown(shown=self._progress):
            reader = pool_reader(
                self._model, self.classifier.tokens, self.weak, self._embeddings, self._disputed,
                number,
            )  # fmt: skip
            query = choose_query(state, reader, self.strategy, settings, n_evaluation, self._seed)
        records = self.pool.records[query.table["row"].to_list()].select("id", "text", "fields")
        self._query = with_texts(query.table, records, number)
        visible = shown(self._query, prepared.labels)  # hides which texts measure
        reasons = pl.Series("reason", visible["reason"], dtype=pl.String)
        note = cut_sample(n_evaluation, query.n_evaluation, measured.frame, len(self.pool))
        table = self._query.select("id", "text", "fields", reasons)
        return Query(table, query.n_evaluation, note)

    def tell(
        self, answers: Mapping[str, str | None], seconds: Mapping[str, float] | None = None
    ) -> Quality:
        """Take answers to the last query, fine-tune on all answers so far, and measure.

        Args:
            answers: id -> class; None: skipped. Texts without an answer may be asked again.
            seconds: id -> how long an answer took; the forecast turns labels into hours by them.

        Raises:
            AnnotationError: nothing was asked, or there is no label to train on.
            UnknownNameError: an id was not asked, or there is no such class.
            ModelError: the training diverged; tell the same answers again, with other settings.
        """
        so_far, labels = self._measured.answers, self.pool.prepared.labels
        answers_so_far = with_answers(so_far, self._query, answers, seconds or {}, labels)
        with progress_shown(shown=self._progress):
            self._train(answers_so_far)
        return self.quality()

    def quality(self) -> Quality:
        """Accuracy and macro-F1 of each round on the evaluation sample, else on dev, and on test.

        Evaluation sample and dev decide when to stop and what to forecast; test never does.
        """
        return self._measured.quality()

    def forecast(
        self, target: float = 0.95, metric: str = "macro_f1", price_per_hour: float = 0.0
    ) -> TargetForecast:
        """Labels, and hours and cost where answers were timed, that `target` still needs.

        Raises:
            ConfigError: the target is not between 0 and 1. UnknownNameError: the metric.
            MissingArtifactError: no round is finished, or nothing measures quality.
        """
        return target_forecast(self._measured.facts, target, metric, price_per_hour)

    def predict_proba(self) -> Probs:
        """`(texts, classes)`: the newest classifier's probabilities for the pool."""
        return predict(self._model, self.classifier.tokens, "predict the pool")[0]

    def export(self, folder: str | Path, option: str = "default", **settings: Any) -> Facts:  # noqa: ANN401
        """Write the newest classifier as a folder to serve; returns what was written, and how near.

        Args:
            folder: a new or empty one, or an earlier export, which is replaced as a whole.
            option: an option of `conf/export`, such as `onnx` or `hf` (no further format).
            settings: those of `conf/export`, such as `precision=0.9`.

        Raises:
            ParityError: a format differs from torch; an earlier export stays as it was.
            ConfigError: the folder holds other files.
        """
        export = preset(ExportSettings, "export", option, settings)
        inputs = self._measured.export_inputs()
        with TemporaryDirectory() as scratch, progress_shown(shown=self._progress):
            self._model.save(Path(scratch))
            on_cpu = HardwareSettings(device="cpu", attention="eager")
            model = encoders.load_classifier(Path(scratch), self._model.encoder, on_cpu)
            with replaced_folder(Path(folder)) as out:
                return write_export(out, model, inputs, export, self._seed)

    def _train(self, answers: pl.DataFrame) -> None:
        """One round of training on all answers; afterwards the round is finished."""
        number, weak, labels = self.round + 1, self.weak, self.pool.prepared.labels
        gold = coded_rows(answers, schemas.TRAIN, labels)
        none = none_rows(answers, schemas.TRAIN, labels)
        votes, random = weak.votes.sparse, self._measured.random_gold(answers)
        self._is_random = self._is_random and drawn_at_random(self._query)
        given = (weak.label_model, votes, len(labels), weak.prior, *gold, random)
        result = reweigh_rules(*given, none=none, is_random=self._is_random)
        table = weak_table(result.fitted, votes, weak.settings, labels)
        measured = replace(self._measured, answers=answers)
        checkpoint = self._checkpoint.after(table, gold, none, self._retrain, measured)
        start = checkpoint.classifier
        trained = fine_tuned(start, table, gold, none, self._finetune, self._seed, number)
        frame_texts = self.classifier.tokens.take(self.frame.rows)
        frame_probs, _ = predict(trained, frame_texts, f"round {number}: frame")
        self._measured = self._measured.after(answers, trained, frame_probs)
        self._checkpoint, self._model, self._query = checkpoint, trained, pl.DataFrame()
