"""Components made of components: built from nested nodes, and refused with the whole key."""

import pytest

from wsal.active.strategies import Dbal, Margin, Random
from wsal.active.wrappers import ClassCap, Mix
from wsal.building import build, coerced
from wsal.errors import ConfigError, UnknownNameError
from wsal.targets import MOVED, find

ACTIVE = "wsal.active."
CAP = ACTIVE + "wrappers.ClassCap"
MIX = ACTIVE + "wrappers.Mix"
DBAL = {"_target_": ACTIVE + "strategies.Dbal", "shortlist": 3}
MARGIN = {"_target_": ACTIVE + "strategies.Margin"}


def test_a_node_in_a_node_is_built():
    inner = {"_target_": CAP, "base": DBAL, "most": 0.5}
    built = build({"_target_": CAP, "base": inner}, "strategy")
    assert built == ClassCap(ClassCap(Dbal(shortlist=3), 0.5))


def test_a_mapping_of_nodes_in_a_node_is_built():
    parts = {"one": DBAL, "two": {"_target_": ACTIVE + "strategies.Random"}}
    node = {"_target_": MIX, "parts": parts, "shares": {"one": 1, "two": 0.5}}
    expected = Mix({"one": Dbal(shortlist=3), "two": Random()}, {"one": 1, "two": 0.5})
    assert build(node, "strategy") == expected
    assert parts["one"] == DBAL  # the configuration stays as it was


def test_a_trusted_prefix_holds_inside_too(tmp_path, monkeypatch):
    (tmp_path / "own_strategies.py").write_text(
        "from wsal.active.strategies import Margin\nclass Mine(Margin): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    node = {"_target_": CAP, "base": {"_target_": "own_strategies.Mine"}}
    with pytest.raises(ConfigError, match=r"strategy\.base would import 'own_strategies\.Mine'"):
        build(node, "strategy")
    assert isinstance(build(node, "strategy", ("wsal.", "own_strategies")).base, Margin)


def mix(part, **shares):
    return {"_target_": MIX, "parts": {"one": part}, "shares": shares or {"one": 1}}


@pytest.mark.parametrize(
    ("node", "error", "message"),
    [
        ({"_target_": CAP, "base": {**DBAL, "shortlist": 0}}, ConfigError,
         r"strategy\.base\.shortlist is 0"),
        ({"_target_": CAP, "base": {**DBAL, "shortlst": 1}}, UnknownNameError,
         r"key of strategy\.base 'shortlst'; did you mean 'shortlist'"),
        ({"_target_": CAP, "base": {"_target_": "os.system"}}, ConfigError,
         r"strategy\.base would import 'os\.system'"),
        ({"_target_": CAP}, ConfigError, r"strategy\.base is missing"),
        ({"_target_": CAP, "base": "dbal"}, ConfigError, r"strategy\.base is 'dbal'"),
        ({"_target_": CAP, "base": {"shortlist": 3}}, ConfigError, r"strategy\.base is"),
        (mix({**DBAL, "shortlist": -1}), ConfigError, r"strategy\.parts\.one\.shortlist is -1"),
        (mix({"shortlist": 1}), ConfigError, r"strategy\.parts\.one is \{'shortlist': 1\}"),
        (mix(MARGIN, one=-1), ConfigError, r"strategy\.shares\.one is -1"),
    ],
)  # fmt: skip
def test_errors_name_the_whole_key(node, error, message):
    with pytest.raises(error, match=message):
        build(node, "strategy")


@pytest.mark.parametrize(("former", "present"), MOVED.items())
def test_former_names_of_components_keep_working(former, present):
    assert find(former, "x", ("wsal.",)) is find(present, "x", ("wsal.",))


def test_former_names_of_settings_keep_working():
    node = {"_target_": "wsal.web.annotator.Web", "again": 0.25}
    assert build(coerced(node), "annotator").recheck == 0.25
