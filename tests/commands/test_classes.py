"""`wsal classes`, on a folder that has only the pool of a run."""

import pytest

from wsal import artifacts, cli
from wsal.errors import BusyError, ConfigError, MissingArtifactError
from wsal.llm.cache import Call, open_cache
from wsal.llm.settings import CACHE_FILE
from wsal.run.loop import locked

FLAT = {"labels": ["Coffee", "Tea", "Pets"]}
TREE = {
    "labels": ["Food > Hot > Tea", "Food > Hot > Coffee", "Food > Bread", "Pets > Toys"],
    "parents": {"Food": [], "Food > Hot": [], "Pets": []},
    "renamed": {"Tea": "Food > Hot > Tea", "7": "Food > Bread"},
}


def a_run(folder, facts):
    (folder / "runs/shop").mkdir(parents=True)
    (folder / "runs/shop/config.json").write_text("{}")
    with artifacts.create(folder / "runs/shop/pool", {}, {}) as (_, own):
        own.update({"renamed": {}} | facts)


@pytest.fixture
def flat(tmp_path, monkeypatch):
    a_run(tmp_path, FLAT)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    a_run(tmp_path, TREE)
    monkeypatch.chdir(tmp_path)


def classes(capsys, *words):
    """What the command prints."""
    cli.run(["classes", words[0], "shop", *words[1:]])
    return capsys.readouterr().out


def shown(capsys, *words):
    return classes(capsys, "show", *words).splitlines()


def test_changes_are_numbered_listed_undone_and_restored(flat, capsys):
    assert "have not been changed" in classes(capsys, "log")
    words = classes(capsys, "rename", "Coffee", " Kaffee ", "--by", "ann")
    assert words.startswith("change 1: rename Coffee to Kaffee; run")
    classes(capsys, "split", "Tea", "--into", "Green Tea", "Black Tea")
    assert shown(capsys) == ["Kaffee", "Green Tea", "Black Tea", "Pets",
                             "Tea: Green Tea or Black Tea (old answers)"]  # fmt: skip
    assert classes(capsys, "undo").startswith("change 3: undo split Tea into Green Tea")
    assert shown(capsys) == ["Kaffee", "Tea", "Pets"]
    words = classes(capsys, "restore", "--at", "2")
    assert words.startswith("change 4: return to the classes after change 2")
    assert shown(capsys)[1] == "Green Tea"
    classes(capsys, "restore", "--at", "0")
    assert shown(capsys) == FLAT["labels"]
    assert shown(capsys, "--at", "1") == ["Kaffee", "Tea", "Pets"]
    log = classes(capsys, "log")
    assert log.count("(no longer in force)") == 2
    assert "ann" in log
    classes(capsys, "restore", "--at", "1")
    classes(capsys, "undo")  # the edit that was restored
    assert shown(capsys) == FLAT["labels"]
    with pytest.raises(ConfigError, match=r"no change .* is in force"):
        classes(capsys, "undo")


def test_former_names_are_understood_and_new_uses_of_them_pointed_out(flat, capsys):
    classes(capsys, "rename", "Coffee", "Kaffee")
    words = classes(capsys, "rename", "Coffee", "Mokka")  # Kaffee
    assert words.startswith("change 2: rename Kaffee to Mokka")
    assert "'Coffee' was the name of another class before" in classes(capsys, "add", "Coffee")
    classes(capsys, "remove", "Tea")
    with pytest.raises(ConfigError, match="no class 'Tea' any more; known"):
        classes(capsys, "rename", "Tea", "X")


def test_short_names_stand_for_paths_in_a_tree(tree, capsys):
    assert "rename Food > Hot > Tea to Food > Hot > Teas" in classes(
        capsys, "rename", "Tea", "Teas"
    )
    assert "move Food > Hot to Hot" in classes(capsys, "move", "Hot", "--under", "")
    assert "rename Hot to Hot Drinks" in classes(capsys, "rename", "Hot", "Hot  Drinks")
    assert "add Pets > Food" in classes(capsys, "add", "Food", "--under", "Pets")
    assert "remove Food > Bread" in classes(capsys, "remove", "7")
    words = classes(capsys, "split", "Toys", "--into", "Balls", "Bones")
    assert "into Pets > Toys > Balls and Pets > Toys > Bones" in words
    words = classes(capsys, "merge", "Pets > Toys", "--into", "Pets > Toys")  # all below it
    assert "merge Pets > Toys > Balls and Pets > Toys > Bones into Pets > Toys" in words
    assert shown(capsys) == ["Hot Drinks > Teas", "Hot Drinks > Coffee", "Pets > Toys",
                             "Pets > Food"]  # fmt: skip
    with pytest.raises(ConfigError, match="'Coffee' is a class, not a parent; split it instead"):
        classes(capsys, "move", "Toys", "--under", "Coffee")
    with pytest.raises(ConfigError, match="cannot be moved below itself"):
        classes(capsys, "move", "Pets", "--under", "Pets")
    with pytest.raises(ConfigError, match=r"no class '.*Teaz'; did you mean '.*Teas'"):
        classes(capsys, "rename", "Hot Drinks > Teaz", "X")


def test_a_change_says_what_asking_the_language_model_again_may_cost(flat, capsys, tmp_path):
    assert "language model" not in classes(capsys, "rename", "Coffee", "Kaffee")
    with open_cache(tmp_path / "runs/shop" / CACHE_FILE) as cache:
        for key in ("a", "b"):
            cache.put(Call(key, "vote", "m", {}, {}, 10, 1, False, 0.25, 1.0))
    assert "its 2 calls so far cost 0.50" in classes(capsys, "rename", "Kaffee", "Coffee")
    assert "language model" not in classes(capsys, "undo")


def test_nothing_is_changed_while_a_command_works_on_the_run(flat, capsys, tmp_path):
    with locked(tmp_path / "runs/shop"), pytest.raises(BusyError, match="no answer is lost"):
        classes(capsys, "rename", "Coffee", "Kaffee")
    assert "have not been changed" in classes(capsys, "log")


def test_a_run_without_a_pool_and_a_flat_run_have_no_places(flat, capsys, tmp_path):
    with pytest.raises(ConfigError, match="no tree"):
        classes(capsys, "add", "Cocoa", "--under", "Coffee")
    (tmp_path / "runs/shop/pool/manifest.json").unlink()
    with pytest.raises(MissingArtifactError):
        classes(capsys, "add", "Cocoa")
