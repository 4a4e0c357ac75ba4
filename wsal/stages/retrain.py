"""Train on weak labels anew, if gold has changed them enough, and keep what helped."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from wsal import processes
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.inference import predict
from wsal.classifier.losses import Loss
from wsal.classifier.tokens import read_tokens
from wsal.data.row_keys import keys_at
from wsal.labels import LabelSet
from wsal.llm.settings import LLMSettings
from wsal.multilabel import is_multilabel
from wsal.rounds.evaluation_frame import choose_reference, read_frame
from wsal.rounds.frame_periods import appended_since, measured_part, period_names
from wsal.rounds.known_probs import write_probs
from wsal.rounds.looking import look_with
from wsal.rounds.retraining import (
    compare_checkpoints,
    distance_between,
    last_trained_on,
    newest_checkpoint,
)
from wsal.rounds.scoring import score_splits
from wsal.rounds.training_gold import answers_to_train_on, rows_to_leave_out
from wsal.rounds.weak_training import train_on_weak_labels
from wsal.settings import EncoderSettings, HardwareSettings, TrackerSettings
from wsal.training_settings import (
    AdaptSettings,
    PretrainSettings,
    RetrainSettings,
    SelfTrainingSettings,
)


def retrain(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    weak_labels: Artifact,
    reweighings: Sequence[Artifact],
    pretrained: Artifact,
    earlier_retrainings: Sequence[Artifact],
    embeddings: Artifact,
    query: Artifact,
    annotations: Sequence[Artifact],
    encoder: EncoderSettings,
    adapt: AdaptSettings,
    loss: Loss,
    pretrain: PretrainSettings,
    self_training: SelfTrainingSettings,
    retrain: RetrainSettings,
    llm: LLMSettings | None = None,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
) -> Facts:
    """tokens, weak labels with and without gold -> a Hugging Face folder, if it is kept.

    The facts say how far gold has moved the weak labels, whether they were trained on anew, what
    that brought, and from which round the newest `checkpoint` is (0: the stage `pretrain`).

    The training is that of the stage `pretrain`. Embeddings stay those of the first checkpoint:
    they only tell which texts are alike.
    """
    newest, number = newest_checkpoint(pretrained, earlier_retrainings), len(reweighings)
    facts: Facts = {"round": number, "distance": None, "least_distance": retrain.distance}
    facts |= {"trained": False, "kept": False, "checkpoint": newest.number}
    if retrain.distance is None or not pretrain.epochs:
        return facts
    scratch = out / CHECKPOINTS
    last = last_trained_on(weak_labels, reweighings, earlier_retrainings)
    newest_trained = next((r for r in reversed(earlier_retrainings) if r.facts["trained"]), None)
    is_new = appended_since(pool.facts, (newest_trained or pretrained).facts)
    multilabel = is_multilabel(pool.facts)
    measure = partial(
        distance_between, last, reweighings[-1], seed, scratch, is_new, multilabel=multilabel
    )
    moved = processes.run_on_leader(measure)
    facts["distance"] = round(moved, 6)
    if moved < retrain.distance:
        return facts
    classifier, trained, predicted = train_on_weak_labels(
        scratch,
        pool=pool,
        tokens=tokens,
        weak_labels=reweighings[-1],
        encoder=encoder,
        adapt=adapt,
        loss=loss,
        pretrain=pretrain,
        self_training=self_training,
        llm=llm,
        seed=seed,
        hardware=hardware,
        tracker=tracker,
        prefix=f"round {number}: ",
        gold=answers_to_train_on(pool, annotations),
        left_out=rows_to_leave_out(pool, annotations),
    )
    if not processes.is_leader():
        return {}
    history, labels = trained.pop("history"), LabelSet.of_pool(pool.facts)
    facts |= trained | {"trained": True, "kept": True, **period_names(pool.facts)}
    facts |= score_splits(out, classifier, pool, tokens, labels, history)
    frame = read_frame(pool, query)
    texts = read_tokens(tokens.path / "pool").take(frame.rows)
    probs = predict(classifier, texts, f"round {number}: frame")[0]
    write_probs(out, "frame", probs, frame.keys)
    frame, look = measured_part(pool, frame, annotations), look_with(tokens, encoder, hardware)
    if reference := choose_reference(pool, frame, annotations):
        before, after = (
            reference.probs(embeddings, checkpoint, frame, pool, look)
            for checkpoint in (newest.artifact, Artifact(out))
        )
        compared = compare_checkpoints(reference.sample, before, after, seed)
        facts |= {"kept": compared.pop("kept"), "gain": compared | {"on": reference.name}}
    if facts["kept"]:
        classifier.save(out)
        if predicted is not None:
            predicted.save(out, keys_at(pool.path, "text_keys", "pool", predicted.rows))
        facts["checkpoint"] = number
    return facts
