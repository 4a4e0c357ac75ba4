"""Whatever conf/ offers keeps its promise; a new component is tested by being listed there."""

import inspect

import numpy as np
import pytest
from helpers import ROOT, options
from omegaconf import OmegaConf

from wsal.cli import help_text
from wsal.commands import COMMANDS, LAUNCHED
from wsal.config.composed import COMPONENTS, SETTINGS, check
from wsal.run.stage_table import ROUND_STAGES, STAGES


def needed(option):
    """The values that a data source leaves to its user."""
    node = OmegaConf.load(ROOT / "conf" / "data" / f"{option}.yaml")
    path = ["data.path=x.csv"] if OmegaConf.is_missing(node, "path") else []
    text = "layout" in node and OmegaConf.is_missing(node.layout, "text")
    return [*path, *(["data.layout.text=[title]"] if text else [])]


def needed_by_llm(option):
    """The model, consent if texts leave the machine, and the price."""
    return [] if option == "none" else ["llm.model=m", "llm.remote=true", "llm.price.input=1"]


GROUPS = [*COMPONENTS, *SETTINGS]


@pytest.mark.parametrize("number", range(max(len(options(group)) for group in GROUPS)))
def test_every_option_of_every_group_builds_and_spells_out_every_setting(composed, number):
    """One option of each group at once, because to compose takes a fifth of a second."""
    assert all(map(options, GROUPS))
    chosen = {group: options(group)[number % len(options(group))] for group in GROUPS}
    overrides = [f"{group}={option}" for group, option in chosen.items()]
    config = composed(*overrides, *needed(chosen["data"]), *needed_by_llm(chosen["llm"]))
    built = check(config).components
    for group in GROUPS:
        parts = built[group].values() if group == "rules" else [built[group]]
        assert all(isinstance(p, COMPONENTS.get(group) or SETTINGS[group]) for p in parts)
        if group not in ("rules", "data"):
            settings = set(inspect.signature(type(built[group])).parameters)
            assert set(config[group]) - {"_target_"} == settings, chosen[group]


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_builds(composed, experiment):
    text = (ROOT / "conf" / "experiment" / f"{experiment}.yaml").read_text()
    extra = ["data.path=x.csv"] if "data.path=FILE" in text else []
    assert check(composed(f"experiment={experiment}", *extra)).run_dir.name == experiment
    assert f"# wsal run experiment={experiment}" in text


@pytest.mark.parametrize("option", options("label_model"))
def test_label_model(composed, option):
    votes = np.random.default_rng(0).integers(-1, 3, size=(200, 5)).astype(np.int16)
    votes[0] = -1
    fitted = check(composed(f"label_model={option}")).components["label_model"].fit(votes, 3)
    probs = fitted.predict_proba(votes)
    assert probs.shape == (200, 3)
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    assert all(isinstance(a, np.ndarray) for a in fitted.arrays().values())


@pytest.mark.parametrize("name", STAGES)
def test_pipeline_table_tells_the_truth(name):
    stage, function = STAGES[name], STAGES[name].function(name)
    assert list(inspect.signature(function).parameters) == [
        "out", *stage.reads, *stage.needs, *stage.uses, *(["previous"] if stage.by_row else []),
        *(["origin"] if stage.origin else []),
    ]  # fmt: skip
    assert function.__name__ == name
    before = [s.writes.split("/")[-1] for s in list(STAGES.values())[: list(STAGES).index(name)]]
    derived = {"classifier": "pretrained", "classifiers": "finetuned"}
    derived |= {"reweighings": "reweighed", "retrainings": "retrained"}
    derived["earlier_retrainings"] = "reweighed"
    derived |= {"earlier_annotations": "votes", "earlier_queries": "votes", "first_query": "query"}
    assert {derived.get(noun, noun) for noun in stage.reads} <= set(before)


def test_a_thin_script_for_each_command_that_torchrun_speeds_up():
    scripts = {path.stem: path.read_text() for path in (ROOT / "scripts").glob("*.py")}
    assert set(scripts) == {*LAUNCHED, *(name for name, stage in STAGES.items() if stage.shared)}
    for name, text in scripts.items():
        assert text.endswith(f'if __name__ == "__main__":\n    main("{name}")\n')
        assert len(text.splitlines()) <= 13


def test_help_names_every_command_and_each_has_its_module():
    text = help_text()
    assert all(f"  wsal {name} " in text for name in (*LAUNCHED, *STAGES, *COMMANDS))
    assert set(ROUND_STAGES) <= set(STAGES)
    modules = {path.stem for path in (ROOT / "wsal" / "commands").glob("[!_]*.py")}
    assert modules == {"run", *(name.replace(" ", "_") for name in COMMANDS)}


def test_files_are_short_and_words_are_ours():
    for path in (ROOT / "wsal").rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 250, path
        assert path.stem not in ("utils", "common", "helpers", "misc")
        assert path.relative_to(ROOT / "wsal").parts[2:] == (), f"{path} lies too deep"
