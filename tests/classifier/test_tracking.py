"""What is logged to a tracker."""

from dataclasses import replace

import pytest
from test_training import SETTINGS, objective_of, plan_of, task

from wsal.classifier.training import train
from wsal.classifier.training_run import TrainingRun
from wsal.errors import ConfigError
from wsal.settings import TrackerSettings

pytestmark = pytest.mark.slow


def test_tensorboard_has_the_loss_and_the_rates(tiny, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    classifier = tiny(task()[0])
    tracker = TrackerSettings("tensorboard", str(tmp_path / "tracker"))
    run = TrainingRun(SETTINGS, tmp_path / "scratch", 0, "round 1: finetune", tracker)
    history = train(classifier, objective_of(classifier), plan_of(5), run)
    events = EventAccumulator(str(tmp_path / "tracker/round_1-finetune")).Reload()
    logged = {name: events.Scalars(name) for name in events.Tags()["scalars"]}
    assert logged.keys() == {"loss", "gradient", "lr", "texts_per_s", "tokens_per_s"}
    assert [[e.step, pytest.approx(e.value, abs=1e-5)] for e in logged["loss"]] == history["loss"]
    rates = [e.value for e in logged["lr"]]
    assert rates == sorted(rates, reverse=True)
    assert all(e.value > 0 for name in ("texts_per_s", "tokens_per_s") for e in logged[name])


def test_a_tracker_that_is_not_there_is_said_before_training(tiny, tmp_path):
    classifier = tiny(task()[0])
    run = TrainingRun(SETTINGS, tmp_path, 0, "t", replace(TrackerSettings(), kind="trackio"))
    with pytest.raises(
        ConfigError, match=r"tracker=trackio needs trackio; install it: pip install .wsal.trackio"
    ):
        train(classifier, objective_of(classifier), plan_of(1), run)
