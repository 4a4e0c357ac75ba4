"""What a loop asks, and what it knows of its quality: values that a notebook shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from wsal.active.stopping import usual_size
from wsal.api.tables import as_html, as_text
from wsal.artifacts import Facts
from wsal.errors import ConfigError, MissingArtifactError, UnknownNameError
from wsal.evaluation.forecast import forecast
from wsal.rounds.learning_curve import forecast_sentences, learning_curve

METRICS = ("accuracy", "macro_f1")


@dataclass(frozen=True, eq=False)
class Query:
    """Texts to label, most wanted first. Iterating gives `(id, text)`.

    Some of the texts may measure quality instead of being trained on. Whoever answers should not
    know which, so these and some others come without a reason.
    """

    table: pl.DataFrame
    """Columns `id`, `text`, `fields`, `reason` (empty for some texts, see above)."""
    n_evaluation: int
    """How many of the texts measure quality."""
    note: str = ""
    """Why fewer texts than wanted measure quality, if that is so."""

    @property
    def ids(self) -> list[str]:
        """The ids to answer by. A text that is asked again, for review, has an id of its own."""
        return self.table["id"].to_list()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from self.table.select("id", "text").iter_rows()

    def __len__(self) -> int:
        """How many texts are asked."""
        return len(self.table)

    def __repr__(self) -> str:
        return f"{self._title()}\n{as_text(self.table.select('id', 'text', 'reason'))}"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>{as_html(self.table.select('id', 'text', 'reason'))}"

    def _title(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{len(self)} texts; {self.n_evaluation} of them measure quality{note}"


@dataclass(frozen=True, eq=False)
class Quality:
    """The quality of the classifier after each round, on gold that it was not trained on."""

    rounds: pl.DataFrame
    """One row a round (0: weak labels only): `round`, `n_gold`; `accuracy`, `macro_f1`, each with
    `_low` and `_high`, the ends of its 90% interval; `test_accuracy`, `test_macro_f1` where there
    is a test split."""
    measured_on: str | None
    """The evaluation sample or the dev split; None where there is neither."""
    facts: Facts
    """All numbers, as `assessment.json` of a run has them."""

    def __repr__(self) -> str:
        return f"{self._title()}\n{as_text(self.rounds)}"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>{as_html(self.rounds)}"

    def _title(self) -> str:
        if self.measured_on:
            return f"measured on {self.measured_on}"
        if "test_accuracy" in self.rounds.columns:
            return "measured on the test split only"
        return "not measured: no evaluation sample, no dev or test split"


@dataclass(frozen=True)
class TargetForecast:
    """What a target still needs, with 80% intervals; `inf`: no number of labels may reach it."""

    target: float
    metric: str
    labels: float  # further gold labels, median
    low: float
    high: float
    unreachable: float  # probability that no number of labels reaches it, in [0, 1]
    sentences: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        return "".join(f"<p>{sentence}</p>" for sentence in self.sentences)


def rounds_table(
    n_gold: Sequence[int], assessed: Sequence[Facts], test: Sequence[Facts]
) -> pl.DataFrame:
    """The table of `Quality.rounds`.

    Args:
        n_gold: of each round.
        assessed: the estimates of each round, or nothing.
        test: the metrics of each round on the test split, or nothing.
    """
    rows: list[dict[str, Any]] = []
    for number, labels in enumerate(n_gold):
        row: dict[str, Any] = {"round": number, "n_gold": labels}
        for metric in METRICS if assessed else ():
            estimate = assessed[number][metric]
            row |= {metric: estimate["value"]}
            row |= {f"{metric}_{end}": estimate[end] for end in ("low", "high")}
        if test:
            row |= {f"test_{metric}": test[number][metric] for metric in METRICS}
        rows.append(row)
    return pl.DataFrame(rows)


def target_forecast(facts: Facts, target: float, metric: str, price: float) -> TargetForecast:
    """What `target` still needs, by the learning curve in the facts of a measurement.

    Raises:
        UnknownNameError: there is no such metric. ConfigError: the target is not between 0 and 1.
        MissingArtifactError: there is no learning curve.
    """
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)
    if not 0 < target < 1:
        raise ConfigError(f"target is {target:g}; expected a share between 0 and 1")
    if not facts["round"]:
        raise MissingArtifactError("there is no learning curve yet; call ask() and tell() first")
    if not facts["measured_on"]:
        size = usual_size(facts["n_frame"])
        raise MissingArtifactError(
            f"there is no learning curve: nothing measures it; use ActiveLoop(..., n_evaluation="
            f"{size}) or, with gold labels, Pool(..., dev_share=0.1)"
        )
    result = forecast(learning_curve(facts, metric), target)
    sentences = forecast_sentences(facts, result, price, metric, target, facts["n_left"])
    numbers = result.labels, result.low, result.high, result.unreachable
    return TargetForecast(target, metric, *numbers, tuple(sentences))
