"""What the rounds so far say about the next ones: the forecast, and the rules that stop a run."""

from dataclasses import dataclass, fields, replace
from typing import Any

from wsal.active.stopping import stop_verdicts, texts_left
from wsal.annotation.changes_log import changes_in
from wsal.artifacts import Facts
from wsal.building import construct
from wsal.evaluation.forecast import Forecast, forecast
from wsal.inspection.run_view import RunView
from wsal.report.words import as_sentence
from wsal.rounds.learning_curve import forecast_sentences, learning_curve
from wsal.rounds.mixtures import mixture_sentences
from wsal.settings import StopSettings

TARGET = 0.95  # where the run has none
USUAL = {"target": TARGET, "agreement": 0.99}  # limits of rules that are off


@dataclass(frozen=True)
class Outlook:
    """A forecast of the metric that stop rules look at."""

    metric: str
    target: float
    prediction: Forecast
    sentences: tuple[str, ...]

    @property
    def reached(self) -> bool:
        """Whether the target is reached, as far as can be told."""
        return not self.prediction.high


def assessments(view: RunView) -> list[Facts]:
    """What was assessed after each round."""
    return [artifact.facts for artifact in view.of_rounds("assess")]


def stop_settings(view: RunView) -> StopSettings:
    """The stop rules of the run."""
    settings: StopSettings = construct(StopSettings, view.config.get("stop") or {}, "stop")
    return settings


def price_per_hour(view: RunView) -> float:
    """The price of an hour of an annotator."""
    return float(view.config["active"].get("price_per_hour") or 0.0)


def outlook(view: RunView) -> Outlook | None:
    """The forecast, as `wsal forecast` makes it; None where nothing was measured."""
    assessed, stop = assessments(view), stop_settings(view)
    if not assessed or not assessed[-1]["measured_on"]:
        return None
    facts, target, price = assessed[-1], stop.target or TARGET, price_per_hour(view)
    prediction = forecast(learning_curve(facts, stop.metric), target)
    left = texts_left(facts, changes_in(view.run_dir).batches)
    sentences = forecast_sentences(facts, prediction, price, stop.metric, target, left)
    sentences += mixture_sentences(facts, price, stop.metric, target)
    return Outlook(stop.metric, target, prediction, tuple(map(as_sentence, sentences)))


def rules_that_stop(view: RunView) -> list[dict[str, Any]]:
    """For each stop rule its limit and the first round after which it holds (None: none so far).

    `on` is false for a rule that the run does not use; if there is a usual limit, that is tried.
    """
    assessed, stop, price = assessments(view), stop_settings(view), price_per_hour(view)
    off = StopSettings(metric=stop.metric)
    rows = []
    for name in (field.name for field in fields(StopSettings) if field.name != "metric"):
        limit = getattr(stop, name)
        tried = USUAL.get(name) if limit is None else limit
        only: dict[str, Any] = {name: tried}
        alone = replace(off, **only)
        ends = (
            number
            for number in range(1, len(assessed) + 1)
            if any(holds for holds, _ in stop_verdicts(assessed[:number], alone, price))
        )
        rows.append(
            {"rule": name, "on": limit is not None, "limit": tried, "round": next(ends, None)}
        )
    return rows


def verdicts_now(view: RunView) -> list[dict[str, Any]]:
    """The value of each stop rule after the last round, in words, and whether the rule holds."""
    if not (assessed := assessments(view)):
        return []
    batches = changes_in(view.run_dir).batches
    verdicts = stop_verdicts(assessed, stop_settings(view), price_per_hour(view), batches)
    return [{"holds": bool(holds), "words": as_sentence(words)} for holds, words in verdicts]
