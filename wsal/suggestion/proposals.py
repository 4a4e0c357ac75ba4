"""A proposed rule, and how it is written down: YAML to paste, with the evidence as comments."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PATTERNS = "wsal.rules.patterns"
PLAIN = re.compile(r"[^\W\d_](?:[\w /.&+]*\w)?")  # scalars that YAML can only read as text
WORDS_OF_YAML = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


@dataclass(frozen=True)
class Proposal:
    """A rule by name, as its node in the configuration."""

    name: str
    node: Mapping[str, Any]
    why: Sequence[str]
    """The evidence for the rule, in lines."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """The evidence for single words of the rule."""


def to_yaml(proposals: Iterable[Proposal]) -> str:
    r"""The proposals as a file of rules.

    >>> node = {"label": "Tea", "words": ["yes", "tea"]}
    >>> print(to_yaml([Proposal("tea", node, ["in 8 texts"], {"tea": "8 texts"})]))
    # in 8 texts
    tea:
      label: Tea
      words:
      - 'yes'
      - tea  # 8 texts
    """
    rules = ("\n".join(_lines(proposal)) for proposal in proposals)
    return "\n\n".join(rules)


def _lines(proposal: Proposal) -> Iterator[str]:
    yield from (f"# {line}" for line in proposal.why)
    yield f"{scalar(proposal.name)}:"
    for key, value in proposal.node.items():
        if isinstance(value, str | bool | int | float):
            yield f"  {key}: {_value(value)}"
        elif not any(word in proposal.evidence for word in value):
            yield f"  {key}: [{', '.join(map(_value, value))}]"
        else:
            yield f"  {key}:"
            for word in value:
                evidence = proposal.evidence.get(word)
                yield f"  - {_value(word)}" + (f"  # {evidence}" if evidence else "")


def _value(value: str | float) -> str:
    """A value as YAML for OmegaConf, to which an unescaped `${` would be a reference."""
    if isinstance(value, str):
        value = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    return scalar(value)


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


def comment(text: str) -> str:
    r"""The text on one line, as a comment in YAML can hold it.

    >>> comment("tea\n- pot\u2028x\x00")
    'tea - pot x'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def rule_name(stem: str, taken: Iterable[str]) -> str:
    """A name of lower-case words and underscores that no rule has yet.

    >>> rule_name("Pet Toys & Beds, words", ["pet_toys_beds_words"])
    'pet_toys_beds_words_2'
    """
    name = "_".join(re.findall(r"\w+", stem.lower()))
    unused, number, used = name, 1, set(taken)
    while unused in used:
        number += 1
        unused = f"{name}_{number}"
    return unused
