"""What belongs in each class, for people and language models: a YAML file from class to text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from wsal.digests import file_digest
from wsal.errors import ConfigError, UnknownNameError
from wsal.labels import LabelSet
from wsal.text import clean_text


def check_guidelines(path: str | None, setting: str = "annotator.guidelines") -> None:
    """Check, before any work, that the file is there. `setting` is the one that names it.

    Raises:
        ConfigError: the file does not exist.
    """
    if path is not None and not Path(path).is_file():
        raise ConfigError(f"{setting}={path}: there is no such file")


def guidelines_content(path: str | None) -> Mapping[str, str]:
    """The digest of the file: a query that nobody was asked yet is stale once it changes."""
    return {} if path is None else {"guidelines": file_digest(Path(path))}


def read_guidelines(path: str | None, setting: str = "annotator.guidelines") -> dict[str, str]:
    """Class -> what belongs there, from a YAML file.

    Raises:
        ConfigError: the file cannot be read, or is not a mapping.
    """
    if path is None:
        return {}
    try:
        guidelines: Any = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{setting}={path}: {error}") from error
    if not isinstance(guidelines, dict):
        raise ConfigError(f"{path}: expected a mapping from class to text")
    return {clean_text(str(name)) or "": str(text) for name, text in guidelines.items()}


def followed(texts: Mapping[str, str], labels: LabelSet) -> dict[str, str]:
    """What was written about the configured classes, under the names that they have now.

    Texts of classes that were merged are joined. The text of a class that was split belongs to the
    whole, and to each part without a text of its own; that of a removed class is left out.

    Args:
        texts: class -> text, as it was written.
        labels: as `LabelSet.of_configuration` returns them.
    """
    if not labels.configured:
        return dict(texts)
    own: dict[str, list[str]] = {}
    inherited: dict[str, list[str]] = {}
    for name, text in texts.items():
        try:
            code = labels.code(name)
        except UnknownNameError:
            continue
        if code < 0:
            continue
        own.setdefault(labels.answers[code], []).append(text)
        if code > len(labels) and name in labels.configured:
            for part, is_part in zip(labels.names, labels.members[code], strict=True):
                if is_part:
                    inherited.setdefault(part, []).append(text)
    return {name: "; ".join(dict.fromkeys(lines)) for name, lines in (inherited | own).items()}
