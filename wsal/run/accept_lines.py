"""What `wsal accept` prints."""

from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from wsal.labels import NONE
from wsal.rounds.acceptance_result import RESULT, Outcome
from wsal.run.stage_lines import print_line
from wsal.run.vote_report import console


def show_step(outcome: Outcome, n_labels: int) -> None:
    """One line after each step: the labels so far, and what passes."""
    n_judged = sum(len(group.rows) for group in outcome.groups)
    n_passed = int(outcome.released.sum())
    print_line(
        f"{n_labels} labels{_sample(outcome)}; {n_passed:,} of {n_judged:,} predictions pass so far"
    )


def _sample(outcome: Outcome) -> str:
    """How many labels confirm the predictions in the part that has the most labels."""
    if len(outcome.groups) != 1:
        return ""
    standings = outcome.verdicts[0].standings
    number = max(range(len(standings)), key=lambda n: (standings[n].asked, n))
    part, is_whole = standings[number], number == len(standings) - 1
    limit = outcome.groups[0].parts.limits[number]
    where = "" if is_whole else f" with a probability of at least {limit:.3f}"
    return f": {part.right} of {part.asked} predictions{where} are right"


def show_result(folder: Path, result: dict[str, Any]) -> None:
    """The table of parts, what was decided, and what to do next."""
    if result["by_class"]:
        _show_classes(result)
    else:
        _show_parts(result)
    for sentence in sentences(folder, result):
        print_line(sentence)


def _show_parts(result: dict[str, Any]) -> None:
    table = Table(title="parts of the batch, the most confident first", title_justify="left")
    for name in ("probability at least", "rows", "share", "labels", "right", "precision", "passes"):
        table.add_column(name, justify="right")
    for part in (part for group in result["groups"] for part in group["parts"]):
        table.add_row(
            f"{part['confidence']:.3f}", f"{part['n']:,}", f"{part['share']:.0%}", *_measured(part)
        )
    console().print(table)


def _show_classes(result: dict[str, Any]) -> None:
    table = Table(title="predicted classes", title_justify="left")
    table.add_column("class", overflow="fold")
    for name in ("rows", "labels", "right", "precision", "passes"):
        table.add_column(name, justify="right")
    for group in result["groups"]:
        whole = group["parts"][-1]
        table.add_row(escape(group["class"]), f"{whole['n']:,}", *_measured(whole))
    console().print(table)


def _measured(part: dict[str, Any]) -> list[str]:
    if not part["n_labels"]:
        return ["0", "", "not known", ""]
    share = part["n_right"] / part["n_labels"]
    precision = f"{share:.3f} [{part['low']:.3f}, {part['high']:.3f}]"
    passes = "yes" if part["passes"] else "no"
    return [str(part["n_labels"]), str(part["n_right"]), escape(precision), passes]


def sentences(folder: Path, result: dict[str, Any]) -> list[str]:
    """What was decided, where the files are, and what to do next."""
    level, wanted = f"{1 - result['error']:.0%}", f"{result['precision']:g}"
    n_judged, n_passed = result["n_judged"], result["n_passed"]
    if not n_judged:
        yes = (
            "No prediction can be judged: no row has both a text that the model does not reject "
            "and a probability of at least --above."
        )
    elif n_passed == n_judged and not result["by_class"]:
        yes = (
            f"The whole batch passes: its precision is at least {wanted} (with {level} certainty)."
        )
    elif n_passed:
        which = "the classes marked above" if result["by_class"] else "the most confident part"
        yes = (
            f"{n_passed:,} of {n_judged:,} predictions pass, {which}: their precision is at least "
            f"{wanted} (with {level} certainty{', for each class' if result['by_class'] else ''})."
        )
    else:
        yes = f"No prediction passes: no part certainly has a precision of at least {wanted}."
    lines = [yes]
    if n := result["n_rejected"]:
        lines.append(
            f"{n:,} {'row is' if n == 1 else 'rows are'} not judged, as the model rejects "
            f"{'its text' if n == 1 else 'their texts'} (none of these)."
        )
    lines += [
        f"{n:,} {'text was' if n == 1 else 'texts were'} {what}; the predictions count as wrong."
        for n, what in (
            (result["n_skipped"], "skipped"),
            (result["n_none"], f"answered with {NONE!r}"),
            (
                result["n_parents"],
                "answered with a parent, which does not decide whether the class is right",
            ),
        )
        if n
    ]
    files = result["files"]
    lines.append(
        f"released: {result['n_released']:,} rows ({result['n_by_people']:,} with the class that "
        f"people gave), {folder / files['released']}"
    )
    if result["n_to_do"]:
        lines.append(
            f"still to do: {result['n_to_do']:,} rows, the most uncertain first, "
            f"{folder / files['to_do']}; label them, write rules for them, or give them to the "
            f"next round: wsal append RUN {folder / files['to_do']}"
        )
    if not result["finished"]:
        lines.append("Some texts have no answer yet; run the same command again to go on.")
    elif result["n_to_do"] and result["n_labels"] >= result["most_labels"]:
        lines.append(
            f"All {result['most_labels']} labels are used; with more (--labels N), a larger part "
            "may pass."
        )
    elif result["n_passed"] < n_judged:
        lines.append(
            "No more texts are asked about: too many of the other predictions are wrong, or they "
            "need more labels than there are texts, or than are left of "
            f"--labels {result['most_labels']}."
        )
    return [*lines, f"answers and figures: {folder / files['answers']}, {folder / RESULT}"]
