"""The loop that asks for labels, learns from them, and measures what they brought."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.candidates import QueryStrategy
from wsal.active.stopping import HOW_TO_MEASURE, time_spent
from wsal.annotation.answers import majority_labels
from wsal.annotation.sheet import shown
from wsal.api.classifier import TrainedClassifier, dev_score
from wsal.api.label_model import WeakLabels, no_weak_labels
from wsal.api.pool import Pool
from wsal.api.query import Quality, Query, TargetForecast, rounds_table
from wsal.arrays import ABSTAIN, Classes, Embeddings, Probs, Rows, Scores
from wsal.artifacts import Facts
from wsal.classifier import encoder as encoders
from wsal.classifier.inference import predict
from wsal.errors import AnnotationError, ConfigError, MissingArtifactError, UnknownNameError
from wsal.evaluation.estimates import Sample
from wsal.evaluation.forecast import forecast
from wsal.evaluation.metrics import evaluate
from wsal.export.base import ExportSettings
from wsal.label_models.sparse import SparseVotes
from wsal.presets import preset
from wsal.progress import progress_shown
from wsal.rounds.assessment import assess_rounds, compare_predictions
from wsal.rounds.evaluation_frame import frame_sample, new_frame, sample_size, whole_sample
from wsal.rounds.export_calibration import LabelledSample
from wsal.rounds.exporting import ExportInputs, write_export
from wsal.rounds.finetuning import FineTuning
from wsal.rounds.learning_curve import forecast_sentences, learning_curve
from wsal.rounds.query import PoolReader, RoundState, choose_query
from wsal.rounds.reweighing import RandomGold, reweigh_rules
from wsal.rounds.weak_labels import confidence_weights, weak_table
from wsal.settings import ActiveSettings, EvaluationSettings, FinetuneSettings, HardwareSettings

ANSWERS = {
    "row": pl.Int64,
    "label": pl.String,  # null: skipped
    "purpose": pl.String,
    "seconds": pl.Float64,
}


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
        active_settings: Mapping[str, Any] | None = None,
        evaluation_settings: Mapping[str, Any] | None = None,
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
            active_settings: changes to `conf/active`, such as `{"max_candidates": 2000}`.
            evaluation_settings: changes to `conf/evaluation`, such as `{"size": 100}`.

        Raises:
            UnknownNameError: there is no such option or setting. ConfigError: one is out of range.
        """
        if classifier.pool is not pool or (weak is not None and weak.votes.pool is not pool):
            raise ConfigError("pool, classifier and weak labels belong to different pools; use one")
        self.pool, self.classifier, self.weak = pool, classifier, weak or no_weak_labels(pool)
        self.strategy: QueryStrategy = (
            preset(QueryStrategy, "strategy", strategy, {})  # type: ignore[type-abstract]
            if isinstance(strategy, str)
            else strategy
        )
        self._finetune = preset(FinetuneSettings, "finetune", finetune, finetune_settings or {})
        self._active = preset(ActiveSettings, "active", "default", active_settings or {})
        self._evaluation = preset(
            EvaluationSettings, "evaluation", "default", evaluation_settings or {}
        )
        self._seed, self._progress = seed, progress
        self._answers = pl.DataFrame(schema=ANSWERS)
        self._query = pl.DataFrame()
        self._model = classifier.model
        with progress_shown(shown=progress):
            probs, self._embeddings = classifier.embedded
            self._disputed = _disputed(self.weak.votes.matrix)
            self.frame = new_frame(probs, self._evaluation.frame, seed)
            self._frame_probs = [probs[self.frame.rows].astype(np.float32)]
            self._split_probs = {name: [self._on(name)] for name in ("dev", "test")}
        self._n_gold = [0]

    @property
    def round(self) -> int:
        """How many rounds are finished."""
        return len(self._n_gold) - 1

    def ask(self, n: int | None = None) -> Query:
        """The next `n` texts to label, and some more that measure quality, where these are needed.

        Asking again before `tell` gives the same texts. Without a gold split, a pool of 2,000
        texts or more also asks for an evaluation sample (`conf/evaluation`).

        Raises:
            PoolExhaustedError: every text was asked.
        """
        settings = replace(self._active, query_size=n) if n else self._active
        number = self.round + 1
        gold_rows, gold = self._gold(tables.TRAIN)
        state = RoundState(
            number=number,
            embeddings=self._embeddings,
            frame=self.frame,
            frame_probs=self._frame_probs[-1],
            asked=self._answers["row"].to_numpy(),
            gold_rows=gold_rows,
            gold=gold,
            disputed=self._disputed,
        )
        splits = {"n_pool": len(self.pool)} | {
            f"n_{name}": len(self._split(name)) for name in ("dev", "test")
        }
        n_evaluation = sample_size(splits, self._evaluation, number)
        with progress_shown(shown=self._progress):
            reader = self._reader(number)
            query = choose_query(state, reader, self.strategy, settings, n_evaluation, self._seed)
        records = self.pool.records[query.table["row"].to_list()].select("id", "text", "fields")
        again = pl.format("{}-again-{}", "id", pl.lit(number))
        self._query = pl.concat([records, query.table], how="horizontal").with_columns(
            id=pl.when("repeated").then(again).otherwise("id")
        )
        visible = shown(self._query, self.pool.prepared.labels)  # hides which texts measure
        shown_query = self._query.with_columns(reason=pl.Series(visible["reason"], dtype=pl.String))
        return Query(shown_query.select("id", "text", "fields", "reason"))

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
            ModelError: the training diverged; the answers are kept, `tell({})` trains again.
        """
        if self._query.is_empty():
            raise AnnotationError("nothing was asked yet, so there is nothing to tell; call ask()")
        labels, asked = self.pool.prepared.labels, self._query["id"].to_list()
        for text_id, label in answers.items():
            if text_id not in asked:
                raise UnknownNameError("id of the last query", text_id, asked)
            if label is not None:
                labels.index(label)
        given = pl.DataFrame(
            {
                "id": list(answers),
                "label": pl.Series(list(answers.values()), dtype=pl.String),
                "seconds": pl.Series(
                    [(seconds or {}).get(text_id) for text_id in answers], dtype=pl.Float64
                ),
            },
            schema_overrides={"id": pl.String},
        )
        told = self._query.join(given, on="id", how="inner", maintain_order="left")
        answers_so_far = pl.concat([self._answers, told.select(list(ANSWERS))])
        if answers_so_far.filter(pl.col("purpose") == tables.TRAIN)["label"].null_count() == len(
            answers_so_far.filter(pl.col("purpose") == tables.TRAIN)
        ):
            raise AnnotationError("no text has a label to train on; answer at least one")
        self._answers = answers_so_far
        with progress_shown(shown=self._progress):
            self._train()
        return self.quality()

    def quality(self) -> Quality:
        """Accuracy and macro-F1 of each round on the evaluation sample, else on dev, and on test.

        Evaluation sample and dev decide when to stop and what to forecast; test never does.
        """
        facts = self._assessment()
        gold, weights = _gold_of(self._split("test"))
        labels = self.pool.prepared.labels
        test = [
            evaluate(probs, gold, weights, labels)
            for probs in self._split_probs["test"]
            if len(gold)
        ]
        return Quality(rounds_table(facts, test), facts["measured_on"], facts)

    def forecast(
        self, target: float = 0.95, metric: str = "macro_f1", price_per_hour: float = 0.0
    ) -> TargetForecast:
        """Labels, and hours and cost where answers were timed, that `target` still needs.

        Raises:
            ConfigError: the target is not between 0 and 1.
            MissingArtifactError: no round is finished, or nothing measures quality.
        """
        if not 0 < target < 1:
            raise ConfigError(f"target is {target:g}; expected a share between 0 and 1")
        facts = self._assessment()
        if not self.round or not facts["measured_on"]:
            why = "no round is finished" if facts["measured_on"] else "nothing measures quality"
            raise MissingArtifactError(f"there is no learning curve: {why}; {HOW_TO_MEASURE}")
        result = forecast(learning_curve(facts, metric), target)
        lines = forecast_sentences(facts, result, price_per_hour, metric, target)
        numbers = result.labels, result.low, result.high, result.unreachable
        return TargetForecast(target, metric, *numbers, tuple(lines))

    def predict_proba(self) -> Probs:
        """`(texts, classes)`: the newest classifier's probabilities for the pool."""
        return predict(self._model, self.classifier.tokens, "predict the pool")[0]

    def export(self, folder: str | Path, formats: str = "default", **settings: Any) -> Facts:  # noqa: ANN401
        """Write the newest classifier as a folder to serve; returns what was written, and how near.

        Args:
            folder: is made; its own export may be written over.
            formats: an option of `conf/export`, such as `onnx` or `hf` (no further format).
            settings: those of `conf/export`, such as `precision=0.9`.

        Raises:
            ParityError: a format differs from torch.
        """
        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        export = preset(ExportSettings, "export", formats, settings)
        with TemporaryDirectory() as scratch, progress_shown(shown=self._progress):
            self._model.save(Path(scratch))
            on_cpu = HardwareSettings(device="cpu", attention="eager")
            model = encoders.load_classifier(Path(scratch), self._model.encoder, on_cpu)
            return write_export(out, model, self._export_inputs(), export, self._seed)

    def _train(self) -> None:
        """One round of training on all answers; then look at what is measured."""
        number = self.round + 1
        gold_rows, gold = self._gold(tables.TRAIN)
        weak, labels = self.weak, self.pool.prepared.labels
        votes = weak.votes.sparse
        result = reweigh_rules(
            weak.label_model, votes, len(labels), weak.prior, gold_rows, gold, self._random_gold()
        )
        table = weak_table(result.fitted, votes, weak.settings, labels)

        def weak_targets(rows: Rows) -> tuple[Probs, np.ndarray]:
            probs = table.probs[rows]
            return probs, confidence_weights(probs)

        with TemporaryDirectory() as scratch:
            tuning = FineTuning(
                load_pretrained=self.classifier.load,
                settings=self._finetune,
                seed=self._seed,
                number=number,
                scratch=Path(scratch),
                dev_score=lambda model: dev_score(model, self.pool, self._finetune),
            )
            usable = np.flatnonzero(table.used)
            training_set, _ = tuning.training_set(
                self.classifier.tokens, gold_rows, gold, usable, weak_targets
            )
            self._model, _ = tuning.train(training_set, "finetune")
        frame_texts = self.classifier.tokens.take(self.frame.rows)
        self._frame_probs.append(predict(self._model, frame_texts, f"round {number}: frame")[0])
        for name, probs in self._split_probs.items():
            probs.append(self._on(name))
        self._n_gold.append(len(gold_rows))
        self._query = pl.DataFrame()

    def _assessment(self) -> Facts:
        """The facts of the stage `assess`."""
        asked = self._answers.filter(pl.col("purpose") == tables.EVALUATE)
        facts: Facts = {
            "round": self.round,
            "n_gold": self._n_gold[-1],
            "n_gold_of_rounds": list(self._n_gold),
            "n_evaluation": asked["label"].count(),
            "seconds": time_spent(self._answers["seconds"].to_list()),
            "measured_on": None,
            "rounds": [],
            "gain": {},
            "next_gain": {},
        }
        if self.round:
            before, after = (probs.argmax(axis=1) for probs in self._frame_probs[-2:])
            facts |= compare_predictions(before, after)
        if reference := self._reference():
            facts["measured_on"], sample, probs = reference
            facts |= assess_rounds(sample, probs, self._n_gold, self._seed)
        return facts

    def _reference(self) -> tuple[str, Sample, list[Probs]] | None:
        """The evaluation sample, else dev: its name, its gold, all classifiers' predictions."""
        rows, gold = self._gold(tables.EVALUATE)
        copies = self.pool.records["n_copies"].to_numpy()
        if sample := frame_sample(self.frame, rows, gold, copies):
            return f"an evaluation sample of {len(sample.rows)}", sample, self._frame_probs
        dev = self._split("dev")
        if dev.is_empty():
            return None
        return "the dev split", whole_sample(*_gold_of(dev)), self._split_probs["dev"]

    def _random_gold(self) -> RandomGold:
        rows, gold = self._gold(tables.EVALUATE)
        dev = self._split("dev")
        if len(rows) or dev.is_empty():
            return RandomGold.of_covered(
                "evaluation texts", self.weak.votes.sparse.take(rows), gold
            )
        votes = SparseVotes.of(self.weak.votes.splits["dev"])
        return RandomGold.of_covered("dev texts", votes, _gold_of(dev)[0])

    def _export_inputs(self) -> ExportInputs:
        pool, test, calibration = self.pool, self._split("test"), None
        if reference := self._reference():
            name, sample, probs = reference
            calibration = LabelledSample(name, probs[-1], sample)
        measured, texts, gold, compared_on = calibration, pool.texts, None, "pool"
        if len(test):
            gold, weights = _gold_of(test)
            texts, compared_on = test["text"], "test split"
            sample = whole_sample(gold, weights)
            measured = LabelledSample("the test split", self._split_probs["test"][-1], sample)
        return ExportInputs(
            labels=pool.prepared.labels,
            text_fields=pool.layout.text,
            separator=pool.layout.separator,
            calibration=calibration,
            measured=measured,
            texts=texts.to_list(),
            gold=gold,
            compared_on=compared_on,
            pool_texts=pool.texts.to_list(),
            n_gold=self._n_gold[-1],
            card={
                "n_pool": len(pool),
                "n_duplicates": pool.prepared.n_duplicates,
                "n_rules": len(self.weak.votes.rules),
                "coverage": self.weak.votes.coverage,
            },
            made_from={},
        )

    def _gold(self, purpose: str) -> tuple[Rows, Classes]:
        """Rows with a label for this purpose, in the order of their first answer, and labels."""
        agreed = majority_labels(self._answers.filter(pl.col("purpose") == purpose), "row")
        labels = self.pool.prepared.labels
        classes = [labels.index(name) for name in agreed["label"]]
        return agreed["row"].to_numpy().astype(np.int64), np.array(classes, dtype=np.int64)

    def _split(self, name: str) -> pl.DataFrame:
        split: pl.DataFrame = getattr(self.pool.prepared, name)
        return split

    def _on(self, split: str) -> Probs:
        """The newest classifier's predictions for a split; no rows without one."""
        table = self._split(split)
        if table.is_empty():
            return np.empty((0, len(self.pool.labels)), np.float32)
        tokens = self._model.tokens(table["text"].to_list())
        return predict(self._model, tokens, f"measure on {split}")[0]

    def _reader(self, number: int) -> PoolReader:
        tokens, model = self.classifier.tokens, self._model

        def score(rows: Rows) -> tuple[Probs, Embeddings]:
            return predict(model, tokens.take(rows), f"round {number}: score candidates")

        def with_dropout(rows: Rows, seed: int) -> Probs:
            title = f"round {number}: passes with dropout"
            return predict(model, tokens.take(rows), title, dropout=seed)[0]

        def weak_labels(rows: Rows) -> tuple[Probs, np.ndarray]:
            return self.weak.probs[rows], self.weak.table.n_votes[rows]

        return PoolReader(score, with_dropout, lambda rows: self.pool.texts[rows], weak_labels)


def _gold_of(split: pl.DataFrame) -> tuple[Classes, np.ndarray]:
    """The class of each text of a split, and how many rows of the source it stands for."""
    gold = split["label"].to_numpy().astype(np.int64)
    return gold, split["n_copies"].to_numpy().astype(np.float64)


def _disputed(votes: np.ndarray) -> Scores:
    """1.0 for each text on which rules vote for different classes."""
    if not votes.shape[1]:
        return np.zeros(len(votes), np.float32)
    most = votes.max(axis=1)
    least = np.where(votes == ABSTAIN, np.iinfo(np.int16).max, votes).min(axis=1)
    disputed: Scores = ((most != ABSTAIN) & (least != most)).astype(np.float32)
    return disputed
