"""One rule in the text of a YAML file, added or changed, with the least change of the text."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from wsal.suggestion.proposals import Proposal, scalar, to_yaml

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def with_rule(
    text: str, name: str, node: Mapping[str, Any], before: Mapping[str, Any] | None
) -> str:
    r"""The text of a file of rules with this rule in it.

    A new rule is added at the end. Of one that is there, only the values that differ from `before`
    are replaced. The caller must check that the result says what it should.

    >>> text = "tea:  # green\n  label: Tea\n  words: [tea]\n"
    >>> after = {"label": "Tea", "words": ["tea", "no"]}
    >>> print(with_rule(text, "tea", after, {"label": "Tea"}), end="")
    tea:  # green
      label: Tea
      words: [tea, 'no']
    """
    if before is None:
        start = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{start}{to_yaml([Proposal(name, node, [])])}\n"
    for key in dict.fromkeys([*before, *node]):
        if key not in node:
            text = _without(text, name, key)
        elif key not in before or before[key] != node[key]:
            text = _with_value(text, name, key, node[key])
    return text


def _with_value(text: str, name: str, key: str, value: str | Sequence[str]) -> str:
    """The text with this value of a rule; the key is added after the last one if it is new."""
    rule = _node_of(_root(text), name)
    written = scalar(value) if isinstance(value, str) else f"[{', '.join(map(scalar, value))}]"
    old = _node_of(rule, key)
    if old is None:
        if rule.flow_style:
            place = rule.end_mark.index - 1
            return f"{text[:place].rstrip()}, {key}: {written}{text[place:]}"
        last = text.find("\n", _end(text, rule.value[-1][1]))  # after a comment in this line
        last = len(text) if last < 0 else last
        indent = " " * rule.value[0][0].start_mark.column
        return f"{text[:last]}\n{indent}{key}: {written}{text[last:]}"
    if isinstance(old, yaml.SequenceNode) and not old.flow_style:
        return _with_items(text, old, value)
    return f"{text[: old.start_mark.index]}{written}{text[_end(text, old) :]}"


def _with_items(text: str, old: yaml.SequenceNode, value: str | Sequence[str]) -> str:
    """The text in which a list with an item on each line has these items; comments stay."""
    wanted = [value] if isinstance(value, str) else list(value)
    present = [item.value for item in old.value]
    dropped = {item.start_mark.line for item in old.value if item.value not in wanted}
    last, indent = old.value[-1].start_mark.line, " " * old.start_mark.column
    new = "".join(f"{indent}- {scalar(word)}\n" for word in wanted if word not in present)
    lines = text.splitlines(keepends=True)
    before = "".join(line for n, line in enumerate(lines[: last + 1]) if n not in dropped)
    if before and not before.endswith("\n"):
        before += "\n"
    return before + new + "".join(lines[last + 1 :])


def _without(text: str, name: str, key: str) -> str:
    """The text without a key of a rule whose mapping has a key on each line."""
    rule = _node_of(_root(text), name)
    for key_node, value in rule.value:
        if key_node.value == key and not rule.flow_style:
            start = text.rfind("\n", 0, key_node.start_mark.index) + 1
            end = text.find("\n", _end(text, value))
            return text[:start] + ("" if end < 0 else text[end + 1 :])
    return text


def _end(text: str, node: yaml.Node) -> int:
    """Where the value ends: YAML counts empty lines and comments after a block as part of it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    while end and text[end - 1] in " \n\r":
        end -= 1
    return end


def _root(text: str) -> Any:  # noqa: ANN401  yaml has no types
    return yaml.compose(text, Loader=Loader)


def _node_of(mapping: Any, key: str) -> Any:  # noqa: ANN401
    """The node of a key; None if there is none."""
    return next((value for k, value in mapping.value if k.value == key), None)
