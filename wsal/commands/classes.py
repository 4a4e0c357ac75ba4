"""Change the classes of a run, list the changes, or return to an earlier state.

  wsal classes add RUN NAME                  a new class
  wsal classes rename RUN OLD NEW
  wsal classes merge RUN A B --into C        C is one of them, or a new name
  wsal classes split RUN A --into B C        old answers stand for B or C, and are asked again
  wsal classes move RUN NODE --under NODE    to another place in the class tree ("": the top)
  wsal classes remove RUN NAME               its answers are kept, but no longer count
  wsal classes show RUN [--at N]             the classes now, or after change N
  wsal classes log RUN                       all changes, with the answers that they concern
  wsal classes undo RUN                      take back the newest change
  wsal classes restore RUN --at N            as they were after change N (0: as configured)

A change takes effect when the run's command is run again. Answers, rules, gold labels and
guidelines follow. Nothing is ever deleted: an undo is a change, too.
"""

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from wsal.active.money import amount
from wsal.annotation.changes_log import Logged, changes_in
from wsal.config.layout_of_run import layout_of_run
from wsal.data.class_edits import check_step, classes_below
from wsal.data.class_fold import words
from wsal.data.class_history import ClassHistory
from wsal.errors import BusyError
from wsal.run.batch_labels import check_batches, check_reuse
from wsal.run.bill import spent_on_llm
from wsal.run.class_changes import (
    ClassesOfRun,
    concerned,
    opened_classes,
    record,
    restore,
    undo,
)
from wsal.run.folders import run_folder
from wsal.run.loop import locked
from wsal.run.multilabel_checks import refuse_run
from wsal.run.typed_edits import Typed, edit_of
from wsal.run.vote_report import console

NAMES = {
    "add": "the new class",
    "rename": "the class or node, and its new name",
    "merge": "the classes to merge",
    "split": "the class to split",
    "move": "the class or node to move",
    "remove": "the classes to remove",
}
COUNTS = {"rename": 2, "split": 1, "move": 1, "add": 1}
APPLY = "run the run's command again to apply it"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal classes`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, names in NAMES.items():
        own = _parser(actions, action)
        own.add_argument("names", nargs=COUNTS.get(action, "+"), metavar="NAME", help=names)
        if action in ("merge", "split"):
            count = "+" if action == "split" else 1
            own.add_argument("--into", nargs=count, required=True, metavar="NAME", help="new names")
        if action in ("add", "move"):
            help_ = 'the parent in the class tree to put it under; "": the top'
            own.add_argument("--under", required=action == "move", metavar="NODE", help=help_)
        _add_options_of_changes(own)
    for action in ("show", "log", "undo", "restore"):
        own = _parser(actions, action)
        if action in ("show", "restore"):
            help_ = "the number of a change in `wsal classes log`; 0: before all changes"
            is_needed = action == "restore"
            own.add_argument("--at", type=int, required=is_needed, metavar="N", help=help_)
        if action in ("undo", "restore"):
            _add_options_of_changes(own)


def _parser(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", action: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(action)
    parser.add_argument("run", help="a run's name or folder")
    return parser


def _add_options_of_changes(parser: argparse.ArgumentParser) -> None:
    """Add the options of every action that makes a change."""
    parser.add_argument("--by", default="", metavar="NAME", help="who makes the change")
    trusted = "a module of your own with a data source; may be given several times"
    parser.add_argument("--trusted", action="append", default=[], metavar="MODULE", help=trusted)


def run(options: argparse.Namespace) -> None:
    """Carry out an action.

    Raises:
        MissingArtifactError: the run has no pool yet.
        ConfigError: the change cannot be made; the message says why, and what to do instead.
        BusyError: a command works on the run.
    """
    run_dir = run_folder(options.run)
    if options.action == "log":
        _print_log(opened_classes(run_dir))
    elif options.action == "show":
        _print_classes(opened_classes(run_dir).at(options.at))
    else:
        _change(run_dir, options)


def _change(run_dir: Path, options: argparse.Namespace) -> None:
    """Record a change, while no command works on the run."""
    who = options.by or getpass.getuser()
    if options.action in NAMES:
        refuse_run(run_dir, f"`wsal classes {options.action}`")
    try:
        with locked(run_dir):
            classes = opened_classes(run_dir)
            made = _record_change(classes, options, who)
    except BusyError as error:
        raise BusyError(
            f"a command is working on {run_dir}, so its classes cannot be changed now; wait for "
            "it, or stop it with Ctrl-C (no answer is lost); then change the classes, and run the "
            "command again"
        ) from error
    sys.stdout.write(f"change {made.number}: {in_words(made)}; {APPLY}\n")
    if made.edit is not None and (n := concerned(classes, made)):
        sys.stdout.write(f"{_what_becomes(made, n)}\n")
    if made.edit is not None and (reused := _reused(classes, made)):
        sys.stdout.write(
            f"{reused!r} was the name of another class before: rules and gold labels of the data "
            "with this name still mean that class\n"
        )
    n_calls, cost = spent_on_llm(run_dir)
    if made.edit is not None and n_calls:
        sys.stdout.write(
            "the language model's prompts contain the class names, so the next run asks it again; "
            f"its {n_calls:,} call{'s' * (n_calls != 1)} so far cost {amount(cost)} (undoing the "
            "change costs nothing)\n"
        )


def _record_change(classes: ClassesOfRun, options: argparse.Namespace, who: str) -> Logged:
    now, batches = classes.now, changes_in(classes.run_dir).batches
    has_labels = any(batch.with_labels for batch in batches)
    if options.action in NAMES:
        edit = edit_of(now, _typed(options))
        if has_labels:
            check_step(now.names, edit, now.parents, tree=now.is_tree)
            layout = layout_of_run(classes.run_dir, options.trusted)
            check_reuse(classes.run_dir, batches, layout, now, edit)
        return record(classes, edit, who)
    is_undo = options.action == "undo"
    edits = now.edits[:-1] if is_undo else classes.at(options.at).edits
    if edits != now.edits and has_labels:
        layout = layout_of_run(classes.run_dir, options.trusted)
        check_batches(classes.run_dir, batches, layout, classes.now, edits)
    return undo(classes, who) if is_undo else restore(classes, options.at, who)


def _typed(options: argparse.Namespace) -> Typed:
    names, into = options.names, getattr(options, "into", ())
    if options.action == "rename":
        names, into = names[:1], names[1:]
    return Typed(options.action, tuple(names), tuple(into), getattr(options, "under", None))


def in_words(logged: Logged) -> str:
    """What an event of the log did."""
    if logged.edit is not None:
        return words(logged.edit)
    return logged.event.text


def _what_becomes(made: Logged, n: int) -> str:
    """What becomes of the answers that an edit concerns."""
    answers = f"{n:,} answer{'s' * (n != 1)}"
    if made.edit is not None and made.edit.action == "split":
        parts = " or ".join(made.edit.into)
        texts = "this text comes" if n == 1 else "these texts come"
        return f"{answers} now mean{'s' * (n == 1)} {parts}; {texts} first in the next query"
    if made.edit is not None and made.edit.action == "remove":
        return f"{answers} no longer count{'s' * (n == 1)}, but {'is' if n == 1 else 'are'} kept"
    return f"{answers} follow{'s' * (n == 1)} the change"


def _reused(classes: ClassesOfRun, made: Logged) -> str:
    """A name that the edit gives to a class, and that another class of the first state had."""
    assert made.edit is not None  # noqa: S101  the caller asked for it
    created = made.edit.names if made.edit.action == "add" else made.edit.into
    now = ClassHistory(classes.now.first, made.edits, classes.now.is_tree, classes.now.aliases)
    return next((n for n in created if n in now.first and now.present(n) != n), "")


def _print_log(classes: ClassesOfRun) -> None:
    if not classes.log:
        sys.stdout.write(f"the classes of {classes.run_dir} have not been changed\n")
        return
    table = Table(title=escape(f"Changes of classes in {classes.run_dir}"), title_justify="left")
    for name in ("change", "time", "by", "what", "answers", "classes"):
        is_number = name in ("change", "answers", "classes")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for logged in classes.log:
        n = concerned(classes, logged) if logged.edit else None
        is_undone = (
            logged.edit is not None and logged.edits != classes.now.edits[: len(logged.edits)]
        )
        table.add_row(
            str(logged.number),
            classes.times[logged.place][:16].replace("T", " "),
            escape(logged.event.annotator),
            escape(in_words(logged)) + (" [dim](no longer in force)[/dim]" if is_undone else ""),
            "" if n is None else f"{n:,}",
            str(len(classes.at(logged.number).names)),
        )
    console().print(table)


def _print_classes(classes: ClassHistory) -> None:
    """Print the classes in their order, then the names that stand for several of them."""
    lines: Sequence[str] = classes.names
    sets = {} if classes.is_tree else classes.parents
    nodes = classes_below(classes.names)
    sets |= {name: own for name, own in classes.parents.items() if name not in nodes}
    lines = [*lines, *(f"{name}: {' or '.join(own)} (old answers)" for name, own in sets.items())]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
