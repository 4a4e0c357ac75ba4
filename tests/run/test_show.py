"""When a run is worth a look: between rounds; the end is up to the caller of the loop."""

from types import SimpleNamespace

from wsal.changes import Changes
from wsal.run.loop import loop
from wsal.run.stage_table import CHANGES
from wsal.settings import ActiveSettings, StopSettings


def shown_in(stop):
    assessed = {"rounds": [], "measured_on": None, "agreement": None, "next_gain": {}}
    assessed |= {"seconds": 3600.0, "n_gold": 10}
    outcome = SimpleNamespace(artifact=SimpleNamespace(facts=assessed))
    parts = {"active": ActiveSettings(rounds=3), "stop": stop, CHANGES: Changes()}
    shown = []
    rounds = loop(lambda stage, number: outcome, parts, lambda line: None, shown.append)
    return rounds, shown


def test_between_rounds_and_not_after_the_last():
    assert shown_in(StopSettings()) == (3, [1, 2])
    assert shown_in(StopSettings(hours=1)) == (1, [])
