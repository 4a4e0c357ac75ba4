"""A rule that is proposed, and how it is written down: YAML to paste, with its evidence."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PATTERNS = "wsal.rules.patterns"
PLAIN = re.compile(r"[^\W\d_](?:[\w /.&+]*\w)?")  # scalars that YAML takes for nothing but text
WORDS_OF_YAML = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


@dataclass(frozen=True)
class Proposal:
    """A rule by name, as its node in the configuration."""

    name: str
    node: Mapping[str, Any]
    why: Sequence[str]
    """Lines that say what speaks for it."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """What speaks for single words of it."""


def to_yaml(proposals: Iterable[Proposal]) -> str:
    r"""The proposals as a file of rules.

    >>> print(to_yaml([Proposal("tea", {"label": "Tea", "words": ["yes", "tea"]}, ["why"], {"tea": "8"})]))
    # why
    tea:
      label: Tea
      words:
      - 'yes'
      - tea  # 8
    """  # noqa: E501
    lines: list[str] = []
    for one in proposals:
        lines += [f"# {line}" for line in one.why]
        lines.append(f"{scalar(one.name)}:")
        for key, value in one.node.items():
            if isinstance(value, str | bool | int | float):
                lines.append(f"  {key}: {scalar(value)}")
                continue
            if not any(word in one.evidence for word in value):
                lines.append(f"  {key}: [{', '.join(map(scalar, value))}]")
                continue
            lines.append(f"  {key}:")
            for word in value:
                said = f"  # {one.evidence[word]}" if word in one.evidence else ""
                lines.append(f"  - {scalar(word)}{said}")
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def scalar(value: str | float) -> str:
    """A value as YAML writes it.

    >>> scalar("led tv"), scalar("no"), scalar("it's"), scalar(True)
    ('led tv', "'no'", "'it''s'", 'true')
    """
    if not isinstance(value, str):
        return str(value).lower()
    if PLAIN.fullmatch(value) and value.lower() not in WORDS_OF_YAML:
        return value
    return "'" + value.replace("'", "''") + "'"


def rule_name(stem: str, taken: Iterable[str]) -> str:
    """A name of lower-case words and underscores that no rule has yet.

    >>> rule_name("Pet Toys & Beds, words", ["pet_toys_beds_words"])
    'pet_toys_beds_words_2'
    """
    name = "_".join(re.findall(r"\w+", stem.lower()))
    free, number, used = name, 1, set(taken)
    while free in used:
        number += 1
        free = f"{name}_{number}"
    return free
