"""The file of rules that an edit is written to, changed as little as possible."""

import difflib
import hashlib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wsal.errors import ConfigError
from wsal.inspection.preview_text import with_rule
from wsal.json_files import fsync
from wsal.presets import CONF_DIR

MOST_BYTES = 2_000_000  # of a file of rules
PACKAGE = re.compile(r"\s*#\s*@package\b")
NO_NAME = r"[^A-Za-z0-9]+"  # characters that the name of an option should not have
HYDRA_LOGS = "logs/*/.hydra"
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class RuleFile:
    """Where rules are written to."""

    path: Path
    override: str
    """What uses the file: arguments of `wsal run`."""
    template: str = ""
    """What the file begins with, as long as it does not exist."""
    is_used: bool = False
    """Whether the newest command of the run took its rules from this file."""

    def read(self) -> tuple[str, str]:
        """The text of the file, and its digest.

        Raises:
            ConfigError: it cannot be read, or is too large.
        """
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            raw = self.template.encode()
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error}") from error
        if len(raw) > MOST_BYTES:
            raise ConfigError(
                f"{self.path} has {len(raw):,} bytes; expected {MOST_BYTES:,} or less"
            )
        try:
            return raw.decode(), hashlib.sha256(raw).hexdigest()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path} is not UTF-8 ({error}); save it as UTF-8") from error

    def write(self, text: str, digest: str) -> None:
        """Write the text, all or nothing, unless the file has changed since it was read.

        Raises:
            ConfigError: the file has changed since it had this digest, or cannot be written.
        """
        if self.read()[1] != digest:
            raise ConfigError(
                f"{self.path} has changed since it was read, so nothing was written; look at the "
                "preview again"
            )
        path = self.path.resolve()  # a link stays a link
        temporary = path.with_name(f".{path.name}.unfinished")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, encoding="utf-8", newline="")
            if path.exists():
                os.chmod(temporary, path.stat().st_mode)  # noqa: PTH101
            fsync(temporary)
            temporary.replace(path)
            fsync(path.parent)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error}") from error


def nodes_in(text: str, path: Path) -> dict[str, dict[str, Any]]:
    """The rules in a file, as plain values by name.

    Raises:
        ConfigError: it is not YAML that holds rules, or uses aliases, which can make a small file
            stand for a huge one.
    """
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=Loader)):
            raise ConfigError(f"{path} uses YAML aliases (*name); edit it in an editor")
        values = yaml.load(text, Loader=Loader) or {}  # noqa: S506  it is a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if PACKAGE.match(text):
        raise ConfigError(
            f"{path} begins with # @package, so it holds more than rules; edit it in an editor"
        )
    if not isinstance(values, dict) or not all(isinstance(v, dict) for v in values.values()):
        raise ConfigError(f"{path} does not hold rules; expected rules, each under its name")
    return {str(name): node for name, node in values.items()}


def find_rule_file(run_dir: Path, nodes: Mapping[str, Any], chosen: Path | None) -> RuleFile:
    """The file with the rules of a run, if it is the user's own; else a new file beside the run.

    The run's logs say which option `rules=NAME` it had, and in which folders options were looked
    for. The rules that come with wsal are never written to: the new file begins as a copy of them.
    It is in the user's own folder of options, if there is one, as a command can have only one.

    Args:
        run_dir: the run folder.
        nodes: the configuration of the rules that have voted.
        chosen: a file that the user has named.
    """
    option, places = _option_of_run(run_dir)
    used = [p for place in places if (p := place / "rules" / f"{option}.yaml").is_file()]
    if chosen:
        override = _override(chosen.parent.parent, chosen.stem)
        return RuleFile(chosen, override, is_used=_is_same(chosen, used))
    folder, name = run_dir / "workspace", "edited"
    if own := [place for place in places if place.resolve() != folder.resolve()]:
        folder, name = own[0], f"{re.sub(NO_NAME, '_', run_dir.name)}_edited"
    new = folder / "rules" / f"{name}.yaml"
    of_new = _override(folder, name)
    template = yaml.safe_dump(dict(nodes), sort_keys=False, allow_unicode=True) if nodes else ""
    if not option or new.exists():
        return RuleFile(new, of_new, template, is_used=_is_same(new, used))
    if used:
        return RuleFile(used[0], _override(used[0].parent.parent, option), is_used=True)
    shipped = CONF_DIR / "rules" / f"{option}.yaml"
    if shipped.is_file():
        text = shipped.read_text(encoding="utf-8")
        template = text if _holds(text, shipped, nodes) else template
    return RuleFile(new, of_new, template)


def _override(folder: Path, option: str) -> str:
    return shlex.join(["--config-dir", str(folder), f"rules={option}"])


def _is_same(path: Path, used: Sequence[Path]) -> bool:
    return path.exists() and any(path.samefile(other) for other in used)


def _holds(text: str, path: Path, nodes: Mapping[str, Any]) -> bool:
    try:
        return nodes_in(text, path).keys() == nodes.keys()
    except ConfigError:  # such as options that are made of others
        return False


def _option_of_run(run_dir: Path) -> tuple[str, list[Path]]:
    """The last option of the group `rules`, and the user's own folders of options."""
    for log in sorted(run_dir.glob(f"{HYDRA_LOGS}/hydra.yaml"), reverse=True):
        try:
            runtime = yaml.load(log.read_text(), Loader=Loader)["hydra"]["runtime"]  # noqa: S506
            option, sources = str(runtime["choices"]["rules"]), runtime["config_sources"]
            own = [s["path"] for s in sources if s["schema"] == "file" and s["provider"] != "main"]
            return option, [Path(runtime["cwd"], path) for path in own]
        except (OSError, yaml.YAMLError, KeyError, TypeError):
            continue
    return "", []


def edited(text: str, path: Path, name: str, node: Mapping[str, Any]) -> str:
    """The text of a file of rules in which the rule `name` is `node`; all else stays as it is.

    Raises:
        ConfigError: this cannot be done without changing anything else.
    """
    before, changed = nodes_in(text, path), ""
    try:
        changed = with_rule(text, name, node, before.get(name))
        is_right = nodes_in(changed, path) == {**before, name: dict(node)}
    except (ConfigError, yaml.YAMLError):
        is_right = False
    if not is_right:
        raise ConfigError(
            f"{path} is written in a way that cannot be edited here without changing other parts "
            "of it; edit it in an editor"
        )
    return changed


def diff(before: str, after: str, path: Path) -> str:
    """The lines that change, as `diff -u` shows them."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(path), str(path), lineterm="", n=2
    )
    return "\n".join(lines)
