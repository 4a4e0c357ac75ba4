"""Train the weak-pretrained classifier on all gold labels so far, with replay of weak ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsal import processes
from wsal.annotation.answers import gold_answers
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.encoder import Classifier, load_classifier
from wsal.classifier.head import PULL_TO_FRESH, fit_last_layer
from wsal.classifier.inference import predict
from wsal.classifier.objectives import LabelObjective
from wsal.classifier.tokens import read_tokens
from wsal.classifier.training import train
from wsal.classifier.training_run import TrainingRun
from wsal.labels import LabelSet
from wsal.rounds.amplification import (
    compare_copies,
    consistency_facts,
    copies_reference,
    make_copies,
    mined_lexicon,
)
from wsal.rounds.evaluation_frame import read_frame
from wsal.rounds.scoring import dev_score, score_splits
from wsal.rounds.training_set import TrainingSet, make_training_set, rows_to_replay, with_copies
from wsal.rounds.weak_labels import usable, weak_targets
from wsal.seeding import integer, rng
from wsal.settings import (
    AmplifySettings,
    EncoderSettings,
    FinetuneSettings,
    HardwareSettings,
    TrackerSettings,
)


def finetune(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    reweighed: Artifact,
    pretrained: Artifact,
    first_query: Artifact,
    annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    finetune: FinetuneSettings,
    amplify: AmplifySettings,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
) -> Facts:
    """pretrained, all annotations -> a Hugging Face folder, metrics.json.

    Each round starts from the weak-pretrained checkpoint, not from the last round's weights. With
    `amplify` it is trained twice, without copies of the gold and with them; they have to pay.
    """
    number, labels = len(annotations), LabelSet(tuple(pool.facts["labels"]))
    rows, gold = gold_answers(pool, annotations)
    frame = read_frame(pool, first_query)
    texts, draw = read_tokens(tokens.path / "pool"), rng(seed, "replay", number)
    drawn = rows_to_replay(usable(reweighed), rows, finetune, draw)
    weak = weak_targets(reweighed, drawn, out / CHECKPOINTS)
    plain = make_training_set(texts.take(rows), gold, texts.take(drawn), *weak, finetune, draw)
    school = _School(
        out, pretrained, pool, tokens, labels, encoder, hardware, finetune, tracker, seed, number
    )
    by = copies_reference(pool, frame, annotations) if amplify.copies else None
    classifier, history = school.taught(plain, "finetune")
    facts: Facts = {"round": number, "n_gold": len(rows), "n_replayed": len(drawn)}
    lexicon = mined_lexicon(pool, reweighed, labels, seed) if by or processes.is_leader() else None
    made = make_copies(pool, rows, gold, lexicon, amplify, seed) if by and lexicon else None
    if by and made and made.texts:
        richer = with_copies(plain, made, classifier, rng(seed, "copies", number))
        other, other_history = school.taught(richer, "finetune-amplified")
        on = texts.take(frame.rows) if by.place == "frame" else read_tokens(tokens.path / "dev")

        def compared() -> Facts:
            without, given = (predict(one, on, "test copies")[0] for one in (classifier, other))
            return compare_copies(by, without, given, amplify, seed) | {"n_copies": len(made.texts)}

        facts["amplified"] = processes.run_on_leader(compared)
        if facts["amplified"]["used"]:
            classifier, history = other, other_history
    if lexicon is None or not processes.is_leader():
        return {}
    classifier.save(out)
    said, _ = predict(classifier, texts.take(frame.rows), f"round {number}: frame")
    np.save(out / "frame_probs.npy", said)
    facts["consistency"] = consistency_facts(classifier, pool, frame.rows, said, lexicon, seed)
    return facts | score_splits(out, classifier, pool, tokens, labels, {"training": history})


@dataclass(frozen=True)
class _School:
    """All that a lesson is taught with; the same for each lesson of a round."""

    out: Path
    pretrained: Artifact
    pool: Artifact
    tokens: Artifact
    labels: LabelSet
    encoder: EncoderSettings
    hardware: HardwareSettings
    settings: FinetuneSettings
    tracker: TrackerSettings
    seed: int
    number: int

    def taught(self, given: TrainingSet, name: str) -> tuple[Classifier, Facts]:
        """The weak-pretrained classifier after a lesson, and how it went."""
        classifier = load_classifier(self.pretrained.path, self.encoder, self.hardware)
        objective = LabelObjective(classifier, given.tokens, given.targets, given.weights)
        what = f"round {self.number}: {name}"
        counts = np.bincount(given.plan.order, minlength=len(given.weights))
        if self.settings.head_only:
            return classifier, fit_last_layer(objective, counts, what)
        if self.settings.head_first:
            fit_last_layer(objective, counts, f"{what}: head", PULL_TO_FRESH / len(counts))
        course = TrainingRun(
            self.settings, self.out / CHECKPOINTS / name,
            integer(self.seed, "dropout", self.number), what, self.tracker,
            dev_score(classifier, self.pool, self.tokens, self.labels, self.settings),
        )  # fmt: skip
        return classifier, train(classifier, objective, given.plan, course)
