"""What the terminal shows of a text and of the classes."""

import re

from rich.console import Console
from rich.text import Text

from wsal.annotation.journal import ANSWER, RECHECK, SETTLE, Answers
from wsal.annotation.keyboard import ReadKey
from wsal.annotation.open_round import Item
from wsal.annotation.questions import CLASS

KEYS = "123456789bchijklmopqrtwxyz"  # for classes, as on the page: letters that are no command
HELP = (
    "u undo  s skip  ? unsure  f flag  n note  v show guess and votes  "
    "d decide together  / find a class  e end the round"
)
SEVERAL = "Enter accept the chosen classes  "


def item_lines(
    item: Item, kind: str, answers: Answers, *, shows_guess: bool, decides_together: bool
) -> list[Text]:
    """The text, and what is shown beside it.

    Args:
        item: the text.
        kind: the kind of event that an answer to it is.
        answers: to this text so far, which are shown where people disagree.
        shows_guess: whether the person wants to see guess and votes.
        decides_together: whether an answer decides near-duplicates, too.
    """
    lines = [Text(item.text, style="bold")]
    if item.is_word:
        lines += [_with_word(example, item.word) for example in item.examples]
        lines.append(Text("0 it depends", style="dim"))
    if item.kind == CLASS and kind == ANSWER:
        lines.append(Text(f"is this {item.guess}? Enter: yes"))
    if len(item.fields) > 1:
        lines += [Text(f"{name}: {value}") for name, value in item.fields.items()]
    if kind == SETTLE:
        lines.append(_disagreement(answers))
    if item.duplicates and kind == ANSWER:
        how = "decided together with" if decides_together else "decided apart from"
        noun = "near-duplicate" if len(item.duplicates) == 1 else "near-duplicates"
        lines.append(Text(f"{how} {len(item.duplicates)} {noun}", style="dim"))
    if kind == RECHECK:
        lines.append(Text("you have answered this text before", style="dim"))
    elif not item.blind:  # the reason would show which texts belong to the evaluation sample
        lines.append(Text(f"why this text: {item.reason}", style="dim"))
    if shows_guess and not item.blind and kind != RECHECK:
        votes = "; ".join(f"{rule}: {label}" for rule, label in item.votes) or "none"
        lines.append(Text(f"guess: {item.guess} ({item.confidence:.2f})  votes: {votes}"))
    elif shows_guess:
        lines.append(Text("guess and votes are hidden for this text", style="dim"))
    return lines


def group_lines(item: Item, kind: str, answers: Answers) -> list[Text]:
    """All texts of a group, and what is asked about them."""
    lines = [Text(f"Are all of these {item.guess}?", style="bold")]
    lines += [Text(f"- {text}") for text in item.examples]
    lines.append(Text("Enter yes, all of them  0 no, not all", style="dim"))
    if kind == SETTLE:
        lines.append(_disagreement(answers))
    return [*lines, Text(f"why these texts: {item.reason}", style="dim")]


def _disagreement(answers: Answers) -> Text:
    labels = ", ".join(f"{name}: {event.label or event.kind}" for name, event in answers.items())
    return Text(f"people disagree: {labels}", style="yellow")


def _with_word(text: str, word: str) -> Text:
    """A line with an example, in which the word stands out as rules find it: whole, in any case."""
    line = Text(f"- {text}")
    line.highlight_regex(rf"(?i)(?<!\w){re.escape(word)}(?!\w)", "bold")
    return line


def read_line(read_key: ReadKey, console: Console, prompt: str) -> str:
    """A line of text, read key by key; empty after Escape."""
    line = ""
    while True:
        console.print(f"\r{prompt}{line} ", end="", markup=False)
        key = read_key()
        if key in ("\r", "\n", "\x1b", ""):
            console.print()
            return "" if key == "\x1b" else line.strip()
        if key in ("\x7f", "\b"):
            line = line[:-1]
        elif not key.startswith("\x1b"):
            line += key
