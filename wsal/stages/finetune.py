"""Fine-tune the classifier on all gold labels, with replay of weak labels."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wsal import processes
from wsal.amplify.lexicon import Lexicon
from wsal.annotation.answers import llm_labels
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.encoder import Classifier, load_classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import Tokens, read_tokens
from wsal.labels import LabelSet
from wsal.multilabel import is_multilabel
from wsal.rounds.amplification import (
    compare_copies,
    consistency_facts,
    copies_reference,
    make_copies,
    mine_lexicon,
)
from wsal.rounds.answered import answered_rows
from wsal.rounds.evaluation_frame import Reference, read_frame
from wsal.rounds.finetuning import FineTuning
from wsal.rounds.frame_periods import measured_part
from wsal.rounds.known_probs import write_probs
from wsal.rounds.retraining import newest_checkpoint
from wsal.rounds.scoring import dev_score, score_splits
from wsal.rounds.training_gold import answers_to_train_on, n_parents, rows_to_leave_out
from wsal.rounds.training_set import with_copies
from wsal.rounds.weak_labels import usable
from wsal.rounds.weak_set import read_predicted
from wsal.rounds.weak_targets import weak_targets
from wsal.seeding import rng
from wsal.settings import AmplifySettings, EncoderSettings, HardwareSettings, TrackerSettings
from wsal.training_settings import FinetuneSettings


def finetune(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    reweighed: Artifact,
    pretrained: Artifact,
    retrainings: Sequence[Artifact],
    query: Artifact,
    annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    finetune: FinetuneSettings,
    amplify: AmplifySettings,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
) -> Facts:
    """Checkpoint, all annotations -> a Hugging Face folder, metrics.json, frame_probs.npy.

    Each round starts from the newest weak-pretrained checkpoint, not from the last round's weights.
    With `amplify` the classifier is trained a second time, with copies of the gold texts, and that
    one is kept if it is not worse.
    """
    number, labels = len(annotations), LabelSet.of_pool(pool.facts)
    gold_rows, gold = answers_to_train_on(pool, annotations)
    answered = answered_rows(reweighed)
    accepted = answered  # none, without a language model
    if len(answered):
        accepted = np.intersect1d(llm_labels(pool, annotations)[0], answered)
    texts = read_tokens(tokens.path / "pool")
    start = newest_checkpoint(pretrained, retrainings).artifact.path
    tuning = FineTuning(
        load_pretrained=lambda: load_classifier(start, encoder, hardware, labels),
        settings=finetune,
        seed=seed,
        number=number,
        scratch=out / CHECKPOINTS,
        dev_score=lambda model: dev_score(model, pool, tokens, labels, finetune),
        tracker=tracker,
        labels=labels,
        multilabel=is_multilabel(pool.facts),
    )
    training_set, n_replayed = tuning.training_set(
        texts,
        gold_rows,
        gold,
        usable(reweighed),
        lambda rows: weak_targets(reweighed, rows, out / CHECKPOINTS),
        answered,
        accepted,
        read_predicted(start, pool.path),
        rows_to_leave_out(pool, annotations),
    )
    frame = read_frame(pool, query)
    # before hours of training: it raises an error if nothing can measure what copies bring
    measured = measured_part(pool, frame, annotations)
    reference = copies_reference(pool, measured, annotations) if amplify.copies else None
    classifier, history = tuning.train(training_set, "finetune")
    facts: Facts = {"round": number, "n_gold": len(gold_rows), "n_replayed": n_replayed}
    if of_parents := n_parents(gold, len(labels)):
        facts["n_parents"] = of_parents
    if len(answered):
        facts |= {"n_llm": len(accepted), "n_answered": len(answered)}
    lexicon: Lexicon | None = None
    if reference is not None:
        lexicon = mine_lexicon(pool, reweighed, labels, seed)
        n = len(gold) - of_parents  # those with a class come first
        copies = make_copies(pool, gold_rows[:n], gold[:n], lexicon, amplify, seed)
        if copies.texts:
            richer = with_copies(training_set, copies, classifier, rng(seed, "copies", number))
            other, other_history = tuning.train(richer, "finetune-amplified")
            in_frame = reference.place == "frame"
            judged = texts.take(measured.rows) if in_frame else read_tokens(tokens.path / "dev")
            compare = partial(_compare, (classifier, other), judged, reference, amplify, seed)
            facts["amplified"] = processes.run_on_leader(compare) | {"n_copies": len(copies.texts)}
            if facts["amplified"]["used"]:
                classifier, history = other, other_history
    if not processes.is_leader():
        return {}
    classifier.save(out)
    frame_probs, _ = predict(classifier, texts.take(frame.rows), f"round {number}: frame")
    write_probs(out, "frame", frame_probs, frame.keys)
    if lexicon is not None:
        facts["consistency"] = consistency_facts(
            classifier, pool, frame.rows, frame_probs, lexicon, seed
        )
    return facts | score_splits(out, classifier, pool, tokens, labels, {"training": history})


def _compare(
    classifiers: tuple[Classifier, Classifier],
    texts: Tokens,
    reference: Reference,
    settings: AmplifySettings,
    seed: int,
) -> Facts:
    """What training with copies brings over training without them."""
    without, with_copies = (predict(model, texts, "test copies")[0] for model in classifiers)
    return compare_copies(reference, without, with_copies, settings, seed)
