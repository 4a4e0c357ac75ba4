"""Suggested rules as YAML to paste, and what the suggestions rest on as comments."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wsal.arrays import Rows
from wsal.suggestion.proposals import to_yaml
from wsal.suggestion.suggest import LabelledSample, Suggestions


@dataclass(frozen=True)
class RunSample:
    """A sample of a run's pool, and where its gold labels are from."""

    texts: LabelledSample
    n_answered: int
    n_drawn: int
    """Gold labels drawn from those that came with the data."""
    n_source: int
    """Gold labels that came with the data."""
    rows: Rows
    """The rows of the pool that the texts are."""


def suggested_lines(
    run_dir: Path, sample: RunSample, suggestions: Suggestions, precision: float
) -> Iterator[str]:
    """The suggestions as YAML, with comments that say what they rest on."""
    texts = sample.texts
    yield f"# Suggested rules for {run_dir}, from {len(texts.gold):,} of its {texts.n_pool:,} texts"
    yield (
        f"# with {sample.n_drawn:,} of {sample.n_source:,} gold labels that came with the data, "
        f"{sample.n_answered:,} answers, and {len(texts.nodes)} rules so far."
    )
    yield "# The comment after each word: texts that contain it, estimated precision, gold labels."
    if suggestions.held_out is None:
        yield (
            "# The estimates are UNCHECKED and therefore too high: checking needs 30 gold labels."
        )
    else:
        yield (
            "# The estimates were corrected by cross-validation on gold labels, "
            f"{suggestions.held_out:.0%} of which were predicted correctly."
        )
        if (texts.gold >= 0).sum() > sample.n_drawn:
            yield (
                "# A strategy may have chosen the answered texts because they are hard. Then "
                "precision is\n# probably higher on all texts than estimated here."
            )
    if suggestions.doubted:
        names = ", ".join(suggestions.doubted[:5])
        more = ", ..." if len(suggestions.doubted) > 5 else ""
        n = len(suggestions.doubted)
        yield f"# Gold labels contradict the names of {n} classes: {names}{more}."
    sections = (
        ("from class names", suggestions.names),
        ("n-grams, codes and units, for texts without a vote", suggestions.terms),
        ("from answers that corrected the classifier", suggestions.mistakes),
        ("changed rules: they replace the rules of the same name", suggestions.amended),
    )
    for title, proposals in sections:
        if proposals:
            yield f"\n# --- {title}\n"
            yield to_yaml(proposals)
    if not suggestions.terms:
        yield (
            f"\n# No n-gram with a precision of {precision:.2f} or more covers texts without a "
            f"vote;\n# the best n-gram of all has an estimated {suggestions.best:.2f}. "
            "Lower --precision, or get more gold labels."
        )
