"""A rule is written with the least change of the file, or not at all."""

from pathlib import Path

import pytest
import yaml

from wsal.errors import ConfigError
from wsal.inspection.preview_file import RuleFile, diff, edited, find_rule_file, nodes_in
from wsal.presets import CONF_DIR

KEYWORD = "wsal.rules.patterns.Keyword"
FLOW = """# what the shop knows
tea: {_target_: wsal.rules.patterns.Keyword, label: Tea, words: [tea]}  # green

pot:
  _target_: wsal.rules.patterns.Keyword
  label: Pot
  words: [pot, 'no']   # these
  # and that was all
"""
BLOCK = """tea:
  _target_: wsal.rules.patterns.Keyword
  label: Tea  # or herbs
  words:
  - tea      # green
  # a comment
  - oolong
  unless:
    - pot
cup: {_target_: wsal.rules.patterns.Keyword, label: Cup, words: [cup]}
"""
PLAIN = f"tea:\n  _target_: {KEYWORD}\n  label: Tea\n  words: [tea]\n"
PATH = Path("shop.yaml")


def node(label="Tea", words=("tea",), **more):
    return {"_target_": KEYWORD, "label": label, "words": [*words], **more}


@pytest.mark.parametrize(
    ("text", "name", "new", "n_lines"),
    [
        (FLOW, "cup", node("Cup", ["it's a cup", "yes", "a: b"]), 4),  # added
        (FLOW, "tea", node(words=["tea", "no"]), 2),
        (FLOW, "tea", node(unless=["pot"]), 2),
        (FLOW, "pot", node("Pot", ["pot", "no"], unless=["tea"]), 1),
        (FLOW, "pot", node("Tea", ["pot", "no"]), 2),
        (BLOCK, "tea", node(words=["tea", "oolong", "#1"], unless=["pot"]), 1),
        (BLOCK, "tea", node(words=["oolong", "mate"], unless=["pot"]), 2),
        (BLOCK, "tea", node(words=["tea", "oolong"], unless=["pot", "cup"]), 1),
        (BLOCK, "tea", node(words=["tea", "oolong"]), 2),
        (BLOCK.rstrip("\n"), "cup", node("Cup", ["cup"], unless=["tea"]), 2),
        ("", "tea", node(), 4),
        ("# nothing yet", "tea", node(), 4),
    ],
)
def test_only_the_rule_changes(text, name, new, n_lines):
    after = edited(text, PATH, name, new)
    assert nodes_in(after, PATH) == {**nodes_in(text, PATH), name: new}
    changed = [line for line in diff(text, after, PATH).splitlines()[2:] if line[0] in "+-"]
    assert len(changed) == n_lines, changed
    kept = [line for line in text.splitlines() if f"-{line}" not in changed]
    assert all(line.partition("# ")[2] in after for line in kept)


@pytest.mark.parametrize(
    "text",
    ["{}\n", "- a\n", "a: b\n", "tea: [\n", "\ufeff" + PLAIN, "# @package _global_\nrules: {}\n"],
)
def test_what_cannot_be_edited_safely_is_refused(text):
    with pytest.raises(ConfigError):
        edited(text, PATH, "tea", node(words=["mate"], unless=["cup"]))


def test_folders_with_spaces_are_quoted_in_commands(tmp_path):
    file = find_rule_file(tmp_path, {}, tmp_path / "my shop" / "rules" / "own.yaml")
    assert file.override == f"--config-dir '{tmp_path}/my shop' rules=own"


def test_aliases_are_refused_before_they_are_followed():
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
    )
    with pytest.raises(ConfigError, match="aliases"):
        nodes_in(bomb, PATH)


def test_a_file_that_has_changed_is_not_overwritten(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(FLOW)
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    file = RuleFile(link, "rules=shop")
    text, digest = file.read()
    file.write(text + "# more\n", digest)
    assert path.read_text() == FLOW + "# more\n"
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(ConfigError, match="has changed since"):
        file.write("", digest)
    assert path.read_text() == FLOW + "# more\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "shop.yaml"]


def log(run_dir, cwd, option, *sources):
    folder = run_dir / "logs" / "2026" / ".hydra"
    folder.mkdir(parents=True, exist_ok=True)
    listed = [{"path": path, "schema": "file", "provider": who} for who, path in sources]
    runtime = {"cwd": str(cwd), "choices": {"rules": option}, "config_sources": listed}
    (folder / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"runtime": runtime}}))


def test_the_run_s_own_file_is_found_in_its_log(tmp_path):
    own = tmp_path / "mine" / "rules" / "shop.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(FLOW)
    log(tmp_path / "run", tmp_path, "shop", ("main", str(CONF_DIR)), ("command-line", "mine"))
    file = find_rule_file(tmp_path / "run", {}, None)
    assert file.path == own
    assert file.override == f"--config-dir {tmp_path / 'mine'} rules=shop"
    assert file.is_used
    assert find_rule_file(tmp_path / "run", {}, own).is_used
    assert not find_rule_file(tmp_path / "run", {}, tmp_path / "mine" / "rules" / "x.yaml").is_used


def test_rules_that_come_with_wsal_are_copied_with_their_comments(tmp_path):
    shipped = (CONF_DIR / "rules" / "catalog.yaml").read_text()
    log(tmp_path / "run", tmp_path, "catalog", ("main", str(CONF_DIR)))
    nodes = nodes_in(shipped, PATH)
    file = find_rule_file(tmp_path / "run", nodes, None)
    text, digest = file.read()
    assert text == shipped
    after = edited(text, file.path, "tea", node())
    file.write(after, digest)
    assert file.path == tmp_path / "run" / "workspace" / "rules" / "edited.yaml"
    again = find_rule_file(tmp_path / "run", nodes, None)
    assert again.path == file.path
    assert again.read()[0] == after
    assert not again.is_used
    log(tmp_path / "run", tmp_path, "edited", ("command-line", "run/workspace"))
    assert find_rule_file(tmp_path / "run", nodes, None).is_used
    assert (CONF_DIR / "rules" / "catalog.yaml").read_text() == shipped


def test_a_copy_is_made_in_the_folder_that_the_run_takes_its_options_from(tmp_path):
    log(
        tmp_path / "new run", tmp_path, "catalog", ("main", str(CONF_DIR)), ("command-line", "mine")
    )
    file = find_rule_file(tmp_path / "new run", {"tea": node()}, None)
    assert file.path == tmp_path / "mine" / "rules" / "new_run_edited.yaml"
    assert file.override == f"--config-dir {tmp_path / 'mine'} rules=new_run_edited"
    assert not file.is_used


def test_rules_of_unknown_origin_are_written_down(tmp_path):
    file = find_rule_file(tmp_path / "run", {"tea": node()}, None)
    assert nodes_in(file.read()[0], file.path) == {"tea": node()}
    chosen = find_rule_file(tmp_path / "run", {}, tmp_path / "mine" / "rules" / "x.yaml")
    assert chosen.override == f"--config-dir {tmp_path / 'mine'} rules=x"
