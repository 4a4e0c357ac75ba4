"""The reference has every key of conf/, with what it means."""

import re

import pytest
from configuration import configuration_page
from helpers import CONF
from hooks import commands_page
from omegaconf import OmegaConf

from wsal.commands import COMMANDS
from wsal.config.composed import COMPONENTS, SETTINGS

NAMES = {"export.formats", "strategy.parts", "strategy.shares"}  # mappings from names of one's own


@pytest.fixture(scope="module")
def meanings():
    """Group -> key -> what the page says of it."""
    page, meanings = configuration_page(), {}
    for section in page.split("\n## ")[1:]:
        rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", section, re.MULTILINE)
        meanings[section.split("\n")[0]] = dict(rows)
    return meanings


def keys(node, path):
    """The keys of an option; those inside it, too."""
    for name, value in node.items():
        if path not in NAMES and name not in ("_target_", "defaults"):
            yield name
        if isinstance(value, dict):
            yield from keys(value, f"{path}.{name}")


@pytest.mark.parametrize("group", [g for g in (*SETTINGS, *COMPONENTS) if g != "rules"])
def test_every_key_has_a_meaning(meanings, group):
    for path in (CONF / group).glob("*.yaml"):
        for key in keys(OmegaConf.to_container(OmegaConf.load(path)), group):
            assert len(meanings[group].get(key, "")) > 5, f"{path.name}: {key}"


def test_every_key_of_the_run_has_a_meaning(meanings):
    root = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml"))
    assert set(meanings["The run"]) == set(root) - {"defaults", "hydra"}


def test_every_command_is_there():
    page = commands_page()
    assert all(f"## wsal {name}\n\n```text\nusage: wsal {name}" in page for name in COMMANDS)
