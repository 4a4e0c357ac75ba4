"""What votes are made from besides settings: code, helper modules, word lists, gazetteers."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

import pytest

from wsal.components import Components
from wsal.contents import code_files, edited, of_files, of_function
from wsal.digests import file_digest
from wsal.errors import DataError, RuleError
from wsal.rules.functions import FunctionRule, column_rule, rule
from wsal.rules.gazetteer import Gazetteer
from wsal.rules.similarity import Similarity

MODULES = {
    "shop_rules.py": """
import json, polars as pl
from dataclasses import dataclass
from pathlib import Path
import wsal.rules.patterns
from wsal.rules.functions import column_rule, rule
from shop_lists import WORDS
from shop_parts import sizes as s

STOP = Path(__file__).with_name("stop.txt").read_text().split()

@rule
def tea(record):
    import shop_late
    return "Tea" if set(record["text"].split()) & set(WORDS) else None

@rule(files=["lists/more"])
def more(record):
    return None

@column_rule(files=["lists"])
def columns(frame):
    return pl.lit(None)

@dataclass(frozen=True)
class Own:
    label: str
    def vote(self, records, labels):
        return len(records) * [0]
""",
    "shop_lists.py": "from pathlib import Path\nWORDS = Path('words.txt').read_text().split()\n",
    "shop_late.py": "",
    "shop_alone.py": "",
    "shop_parts/__init__.py": "",
    "shop_parts/sizes.py": "from .deeper.more import X\n",
    "shop_parts/units.py": "",
    "shop_parts/unused.py": "",
    "shop_parts/deeper/__init__.py": "",
    "shop_parts/deeper/more.py": "from .. import units\nX = 1\n",
    "words.txt": "tea",
    "stop.txt": "a the",
    "lists/more": "oolong",
}
CODE = {
    "shop_rules.py", "shop_lists.py", "shop_late.py", "shop_parts/__init__.py",
    "shop_parts/sizes.py", "shop_parts/units.py", "shop_parts/deeper/__init__.py",
    "shop_parts/deeper/more.py",
}  # fmt: skip


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """The module of somebody's rules, in the working directory."""
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    invalidate_caches()
    yield import_module("shop_rules")
    for name in [name for name in sys.modules if name.startswith("shop_")]:
        del sys.modules[name]


def files_of(part):
    """The names of files in a component's content."""
    content = Components({"rules": {"r": part}}, {"rules": {"r": {}}}).config("rules")["content"][
        "r"
    ]
    return set((content if "files" in content else content["code"])["files"])


def test_a_python_rule_is_made_from_its_module_its_helpers_and_the_files_they_name(shop):
    assert files_of(shop.tea) == CODE | {"words.txt", "stop.txt"}
    assert files_of(shop.more) == CODE | {"words.txt", "stop.txt", "lists/more"}
    assert files_of(shop.columns) == CODE | {"words.txt", "stop.txt", "lists"}


def test_so_is_a_rule_of_a_class_of_ones_own(shop):
    assert files_of(shop.Own("Tea")) == CODE | {"words.txt", "stop.txt"}


@pytest.mark.parametrize("name", sorted(CODE | {"words.txt", "stop.txt", "lists/more"}))
def test_an_edit_of_any_of_it_is_seen_with_and_without_the_rule(shop, name):
    before = shop.more.content()
    assert edited({"more": before, "other": {}}) == []
    Path(name).write_text(Path(name).read_text() + "\n")
    assert shop.more.content() != before
    assert edited({"more": before, "other": {}}) == [name]
    Path(name).unlink()
    assert edited({"more": before}) == [name]


def test_edits_of_other_files_are_nothing(shop):
    before = shop.columns.content()
    for name in ("shop_alone.py", "shop_parts/unused.py"):
        Path(name).write_text("changed = 1\n")
    assert shop.columns.content() == before
    Path("lists/new.txt").write_text("")
    assert edited(before) == ["lists"]


def test_neither_wsal_nor_installed_packages_count(shop):
    import pytest as installed

    found = code_files(Path(shop.__file__), "shop_rules")
    assert not [path for path in found if "polars" in path.parts or "wsal" in path.parts]
    of_installed = code_files(Path(installed.__file__), "pytest")
    assert {path.parent.name for path in of_installed} == {"pytest"}


def test_a_helper_that_is_no_python_is_followed_no_further(shop):
    Path("shop_late.py").write_text("print 'python 2'\n")
    assert "shop_late.py" in files_of(shop.tea)


def test_a_file_that_is_missing_is_said(shop):
    def reads(record):
        return None

    with pytest.raises(RuleError, match=r"reads: its file 'no\.txt' is not in .* nor in "):
        rule(files=["no.txt"])(reads).content()
    with pytest.raises(RuleError, match=r"its file 'no\.txt'"):
        column_rule(files=["no.txt"])(reads).content()
    with pytest.raises(DataError, match=r"terms\.csv not found .*"):
        Gazetteer("terms.csv").content()


NOTEBOOK = """
from dataclasses import dataclass
from wsal.rules.functions import column_rule, rule

@rule
def beans(record):
    return "Coffee" if record["text"] in {"beans", "arabica"} or (lambda: 0)() else None

@column_rule
def columns(frame):
    return [None] * len(frame)

@dataclass(frozen=True)
class Own:
    label: str
    def vote(self, records, labels):
        return [0] * len(records)
"""


def cell(code=NOTEBOOK, name="<cell 1>"):
    """What a notebook's cell defines."""
    scope = {"__name__": "__main__"}
    exec(compile(code, name, "exec"), scope)
    return scope


def test_a_function_without_a_file_is_its_source_or_else_its_compiled_code(monkeypatch):
    compiled = cell()["beans"].content()
    assert list(compiled) == ["bytecode"]
    assert cell(name="<cell 2>")["beans"].content() == compiled
    edits = [NOTEBOOK.replace("arabica", "robusta"), NOTEBOOK.replace("(lambda: 0)", "(lambda: 1)")]
    assert all(cell(edit)["beans"].content() != compiled for edit in edits)
    assert cell()["columns"].content() != compiled
    lines = NOTEBOOK.splitlines(keepends=True)
    entry = (len(NOTEBOOK), None, lines, "<cell 1>")
    monkeypatch.setitem(sys.modules["linecache"].cache, "<cell 1>", entry)  # as IPython does
    assert cell()["beans"].content() == {"source": "".join(lines[4:7])}


@pytest.mark.slow
def test_the_content_of_a_function_without_a_file_is_the_same_in_every_process(tmp_path):
    code = f"{NOTEBOOK}\nprint(beans.content())"
    outputs = {
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
                       capture_output=True, text=True, check=True).stdout
        for seed in "123"
    }  # fmt: skip
    assert len(outputs) == 1
    assert "bytecode" in outputs.pop()


def test_files_of_a_function_without_a_file_are_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("tea")
    content = FunctionRule(cell()["beans"].function, files=("words.txt",)).content()
    assert list(content["files"]) == ["words.txt"]
    with pytest.raises(RuleError, match=r"__main__\.beans: its file 'no\.txt' is not in "):
        rule(files=["no.txt"])(cell()["beans"].function).content()


def test_what_is_not_written_in_python_is_its_name():
    assert of_function(str.lower) == {"name": "builtins.str.lower"}


def test_rules_of_a_notebook_have_a_configuration(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    scope = cell()
    rules = {"beans": scope["beans"], "own": scope["Own"]("Coffee")}
    content = Components({"rules": rules}, {"rules": {}}).config("rules")["content"]
    assert list(content) == ["beans"]


def test_an_encoder_in_a_folder_counts_for_a_similarity_rule(tmp_path):
    (tmp_path / "model.safetensors").write_text("weights")
    near = Similarity({"Tea": ("oolong",)}, encoder=str(tmp_path))
    before = near.content()
    assert edited(before) == []
    (tmp_path / "model.safetensors").write_text("other weights")
    assert edited(before) == [str(tmp_path)]
    assert Similarity({"Tea": ("oolong",)}).content() == {}


@dataclass(frozen=True)
class Wraps:
    parts: tuple[object, ...]
    first: object


def test_components_within_components_count(tmp_path):
    terms = tmp_path / "terms.csv"
    terms.write_text("term,label\ntea,Tea\n")
    inner = Gazetteer(str(terms))
    content = Components({"x": Wraps((1, inner), inner)}, {"x": {}}).config("x")["content"]
    expected = of_files([terms])
    assert expected == {"files": {str(terms): file_digest(terms)}}
    assert content["parts"] == {"1": expected}
    assert content["first"] == expected
    assert list(content["code"]["files"]) == ["tests/test_contents.py"]


def test_names_that_yaml_reads_as_numbers_are_text():
    node = {501: {"values": {1: "a"}}, "tea": [{2: "b"}]}
    built = {"501": None, "tea": None}
    assert Components({"rules": built}, {"rules": node}).config("rules")["node"] == {
        "501": {"values": {"1": "a"}}, "tea": [{"2": "b"}],
    }  # fmt: skip


@pytest.mark.slow
def test_votes_notice_an_edited_helper_word_list_and_gazetteer(wsal, tmp_path, monkeypatch):
    (tmp_path / "mine" / "rules").mkdir(parents=True)
    for name, text in {
        "mine/rules/r.yaml": "by_code: {_target_: my_rules.tea}\n"
        "by_term: {_target_: wsal.rules.gazetteer.Gazetteer, path: terms.csv}\n",
        "my_rules.py": "from wsal.rules.functions import rule\nfrom helper import hit\n"
        "WORDS = set(open('words.txt').read().split())\n"
        "@rule\ndef tea(record):\n    return hit(record['text'], WORDS)\n",
        "helper.py": "def hit(text, words):\n"
        "    return 'Coffee' if words & set(text.split()) else None\n",
        "words.txt": "coffee", "terms.csv": "term,label\ncoffee,Coffee\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)

    def vote():
        return wsal("vote", "--config-dir", "mine", "name=s", "data=catalog_small", "rules=r",
                    "trusted=[my_rules]").stdout.splitlines()[0]  # fmt: skip

    def changed():
        content = json.loads(manifest.read_text())["config"]["rules"]["content"]
        return sorted({Path(name).name for name in edited(content)})

    wsal("prepare", "name=s", "data=catalog_small")
    manifest = tmp_path / "runs" / "s" / "votes" / "manifest.json"
    monkeypatch.chdir(tmp_path)
    first = vote()
    assert "2 rules" in first
    assert changed() == []
    assert "up to date" in vote()
    edits = {"helper.py": "# edited\n", "words.txt": " beans", "terms.csv": "beans,Coffee\n"}
    for name, more in edits.items():
        (tmp_path / name).write_text((tmp_path / name).read_text() + more)
        assert changed() == [name]
        assert "up to date" not in vote(), name
        assert "up to date" in vote(), name


def test_status_notices_an_edited_gazetteer(wsal, tmp_path):
    (tmp_path / "mine" / "rules").mkdir(parents=True)
    (tmp_path / "mine" / "rules" / "r.yaml").write_text(
        "by_term: {_target_: wsal.rules.gazetteer.Gazetteer, path: terms.csv}\n"
    )
    (tmp_path / "terms.csv").write_text("term,label\ncoffee,Coffee\n")
    options = ("--config-dir", "mine", "name=s", "data=catalog_small", "rules=r")
    wsal("prepare", *options)
    wsal("vote", *options)

    def state():
        return next(line for line in wsal("status", "s").stdout.splitlines() if "vote" in line)

    assert "done" in state()
    (tmp_path / "terms.csv").write_text("term,label\nbeans,Coffee\n")
    assert "stale" in state()
