"""What the README says about the repository is true. Its code blocks run in tests/docs."""

import re

from helpers import ROOT

README = (ROOT / "README.md").read_text()


def test_it_is_short():
    assert len(README.splitlines()) <= 180


def test_the_tree_names_every_package():
    tree = next(text for text in README.split("```") if "wsal/\n" in text)
    of_packages = "\n".join(line for line in tree.splitlines() if line.startswith("  "))
    named = set(re.findall(r"\b(\w+)/[, ]", of_packages))
    assert named == {path.parent.name for path in (ROOT / "wsal").glob("*/__init__.py")}
    assert all((ROOT / name).is_dir() for name in re.findall(r"^(\w+)/ ", tree, re.MULTILINE))


def test_its_links_and_targets_exist():
    links = re.findall(r"\]\(([^)#]+)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets
