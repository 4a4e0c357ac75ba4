"""A summary compared with a reference: what has changed, by how much, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wsal.evaluation.drift import ClassChange, class_changes, difference, holm
from wsal.seeding import rng
from wsal.serving.summaries import CLASSES, CONFIDENCE, DISTANCE, NEW_WORDS, WORDS, Summary

FEATURES = {
    CLASSES: "classes",
    CONFIDENCE: "confidence",
    NEW_WORDS: "new words",
    DISTANCE: "distance",
    WORDS: "length",
}
"""What is compared, and its name for people."""
DRIFT, SLIGHT, NONE = "drift", "slight", "none"
LEAST_EFFECT, ERROR = 0.05, 0.05


@dataclass(frozen=True)
class Change:
    """How a feature of the texts differs from the reference."""

    feature: str
    effect: float
    """In [0, 1]; see `wsal.evaluation.drift.difference`."""
    p_value: float
    """Corrected for the number of all comparisons (Holm)."""
    verdict: str
    """`drift`: more than chance, and large enough to matter; `slight`: more than chance, but small;
    `none`."""


@dataclass(frozen=True)
class Comparison:
    """A summary beside the reference."""

    name: str
    summary: Summary
    changes: list[Change]
    classes: list[ClassChange]
    """By the size of the change; empty where the models have different classes."""

    @property
    def verdict(self) -> str:
        """The strongest of the features' verdicts."""
        verdicts = {change.verdict for change in self.changes}
        return next((v for v in (DRIFT, SLIGHT) if v in verdicts), NONE)


def compare(
    reference: Summary,
    named: Sequence[tuple[str, Summary]],
    least_effect: float = LEAST_EFFECT,
    error: float = ERROR,
) -> list[Comparison]:
    """Each summary beside the reference.

    If nothing has drifted, the probability that any feature of any summary has the verdict `drift`
    or `slight` is at most `error` (as far as the chi-square distribution holds).

    Args:
        reference: what is compared with.
        named: the summaries, with names for people.
        least_effect: the least effect for the verdict `drift`.
        error: the level of the tests together.
    """
    made: list[tuple[int, Change]] = []
    for place, (_, summary) in enumerate(named):
        for feature in FEATURES:
            if not _comparable(feature, reference, summary):
                continue
            of_feature = difference(
                reference.counts[feature],
                summary.counts[feature],
                rng(0, "drift", feature),
                ordered=feature != CLASSES,
            )
            made.append((place, Change(feature, of_feature.effect, of_feature.p_value, "")))
    corrected = holm([change.p_value for _, change in made])
    judged = [
        (place, replace(change, p_value=p, verdict=_verdict(change.effect, p, least_effect, error)))
        for (place, change), p in zip(made, corrected, strict=True)
    ]
    return [
        Comparison(
            name,
            summary,
            [change for at, change in judged if at == place],
            class_changes(reference.counts[CLASSES], summary.counts[CLASSES], error)
            if _comparable(CLASSES, reference, summary)
            else [],
        )
        for place, (name, summary) in enumerate(named)
    ]


def _comparable(feature: str, reference: Summary, summary: Summary) -> bool:
    has_both = feature in reference.counts and feature in summary.counts
    return has_both and (feature != CLASSES or reference.labels == summary.labels)


def _verdict(effect: float, p_value: float, least_effect: float, error: float) -> str:
    if p_value > error:
        return NONE
    return DRIFT if effect >= least_effect else SLIGHT
