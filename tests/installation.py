"""An installation of wsal with its base dependencies alone, made from the running environment."""

import subprocess
import sys
import venv
from importlib import metadata

from helpers import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def built_wheel(folder):
    """The wheel of this checkout, built without the network."""
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", folder, ROOT], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def installed(wheel, folder):
    """The folder of scripts of a new virtual environment: the wheel, and what it requires.

    The distributions are links to those of the running environment, but only to those that the
    wheel's metadata require without an extra, and to what these require in turn. So a module that
    wsal imports without declaring it cannot be imported there. Compiled modules are shared with
    the running environment: compiling them anew takes half a minute.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    scripts, site = folder / "bin", next((folder / "lib").glob("python*")) / "site-packages"
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True, capture_output=True)
    (wsal,) = metadata.distributions(name="wsal", path=[str(site)])
    for distribution in required(wsal).values():
        for path in distribution.files:
            if path.parts[0] != ".." and path.suffix != ".pyc":
                link = site / path
                link.parent.mkdir(parents=True, exist_ok=True)
                source = distribution.locate_file(path)
                if not link.exists():
                    link.symlink_to(source)
                compiled, name = link.parent / "__pycache__", source.parent / "__pycache__"
                if path.suffix == ".py" and name.is_dir() and not compiled.exists():
                    compiled.symlink_to(name)
    return scripts


def required(distribution):
    """Name -> distribution: all that it requires without an extra, directly or not."""
    found, waiting = {}, [(distribution, frozenset())]
    seen = set()
    while waiting:
        one, extras = waiting.pop()
        for requirement in map(Requirement, one.requires or ()):
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": e}) for e in (extras or {""})):
                continue
            name, wanted = canonicalize_name(requirement.name), frozenset(requirement.extras)
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                found[name] = metadata.distribution(name)
                waiting.append((found[name], wanted))
    return found
