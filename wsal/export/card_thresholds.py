"""What the model card says about probabilities and thresholds."""

from collections.abc import Mapping
from typing import Any

from wsal.export.calibration import MIN_PREDICTIONS
from wsal.export.card_text import (
    CALIBRATED_SETS,
    CROSS_FITTED,
    PROBABILITIES_PLOT,
    SHARED,
    SHARED_IN_TREE,
    UNCALIBRATED_SETS,
)


def calibration_text(metrics: Mapping[str, Any], thresholds: Mapping[str, Any]) -> str:
    """How the temperature and the thresholds were set, and what they reach."""
    if metrics["calibrated_on"] is None:
        return (
            "There was neither a dev split nor an evaluation sample, so probabilities are not "
            "calibrated, and classes have no thresholds."
        ) + _probabilities_plot(metrics)
    return (
        f"The logits are divided by a temperature of {metrics['temperature']:.3f}, which was set "
        f"on {metrics['calibrated_on']}. The division is part of the last layer, so every runtime "
        "returns calibrated probabilities. Expected calibration error on "
        f"{metrics['measured_on']}: {metrics['calibration_error_before']:.3f} without the "
        f"temperature, {metrics['calibration_error']:.3f} with it.\n\n"
        "Treat a prediction below the threshold of its class as an abstention. A threshold is the "
        f"lowest probability at which {_wanted(metrics, thresholds)} of the predictions on "
        f"{thresholds['measured_on']} were correct; a class with the threshold *never* does not "
        f"reach that, so do not rely on its predictions. {_shared(metrics, thresholds)}"
        f"{_at_thresholds(metrics)}"
        + (CROSS_FITTED if metrics["cross_fitted"] else "")
        + _probabilities_plot(metrics)
    )


def calibration_of_sets_text(metrics: Mapping[str, Any], thresholds: Mapping[str, Any]) -> str:
    """The same where a text may have several classes."""
    if metrics["calibrated_on"] is None:
        return UNCALIBRATED_SETS
    how = "where the expected F1 is highest"
    if thresholds["target"] == "precision":
        how = f"the lowest probability with a precision of {thresholds['precision']:.0%}"
    fitted = CROSS_FITTED if metrics["cross_fitted"] else ""
    shared = _shared(metrics, thresholds)
    return f"{CALIBRATED_SETS.format(**metrics, how=how)} {shared}".rstrip() + fitted


def threshold_cell(thresholds: Mapping[str, Any], name: str) -> str:
    """The threshold of a class in the table of the card; empty if there is none."""
    of_class = thresholds["classes"].get(name)
    if of_class is None:
        return ""
    least = "never" if of_class["threshold"] is None else f"{of_class['threshold']:.3f}"
    return f"{least} (shared)" if of_class.get("shared") else least


def _shared(metrics: Mapping[str, Any], thresholds: Mapping[str, Any]) -> str:
    """What shared thresholds are, if there are any; a sentence with a space behind it."""
    if not any(of_class.get("shared") for of_class in thresholds["classes"].values()):
        return ""
    return SHARED_IN_TREE if "tree" in metrics else SHARED.format(least=MIN_PREDICTIONS)


def _probabilities_plot(metrics: Mapping[str, Any]) -> str:
    measured_on = metrics["measured_on"]
    return PROBABILITIES_PLOT.format(measured_on=measured_on) if measured_on else ""


def _wanted(metrics: Mapping[str, Any], thresholds: Mapping[str, Any]) -> str:
    """The precision; a lower bound holds in a class tree."""
    wanted = f"{thresholds['precision']:.0%}"
    return f"at least {wanted} (by the 90% interval)" if "tree" in metrics else wanted


def _at_thresholds(metrics: Mapping[str, Any]) -> str:
    reached = metrics["at_thresholds"]
    share = f"On {metrics['measured_on']}, {reached['share']:.1%} of the texts reach theirs"
    if reached["precision"] is None:
        return f"{share}."
    return f"{share}, and {reached['precision']:.1%} of these predictions are correct."
