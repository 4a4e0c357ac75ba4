"""Show what a language model was sent for a run, what it replied, and what that cost."""

import argparse
from collections.abc import Mapping, Sequence

import polars as pl
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from wsal.errors import MissingArtifactError
from wsal.llm.cache import Call, open_cache
from wsal.llm.calls import content_of
from wsal.llm.client import OPTIONAL
from wsal.llm.settings import CACHE_FILE
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.vote_report import console

NUMBERS = ("calls", "tokens in", "tokens out", "seconds", "cost")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal llm log`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    parser.add_argument(
        "--last",
        type=int,
        default=3,
        metavar="N",
        help="show the last N calls as they were sent (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Print the last calls, and a table of what all of them cost.

    Raises:
        MissingArtifactError: no language model was asked in this run.
    """
    run_dir = run_folder(options.run)
    path = run_dir / CACHE_FILE
    if not path.exists():
        raise MissingArtifactError(f"{run_dir} has no {CACHE_FILE}: no language model was asked")
    with open_cache(path) as cache:
        calls = list(cache.calls())
    if not calls:
        raise MissingArtifactError(f"{path} holds no calls: no language model has replied yet")
    out = console()
    last = calls[-options.last :] if options.last > 0 else []
    for number, call in enumerate(last, start=len(calls) - len(last) + 1):
        about = f"call {number:,} of {len(calls):,}: {call.purpose}, {call.model}, {call.at[:19]}"
        show_messages(out, about, call.request["messages"])
        refusal = call.reply["choices"][0]["message"].get("refusal")
        reply = content_of(call.reply) or (f"refused: {refusal}" if refusal else "(nothing)")
        out.print(Text("reply", "bold"))
        out.print(_plain(reply))
    out.print()
    out.print(_costs(calls, f"calls in {path}, with the mean seconds of a call"))
    if any(call.estimated for call in calls):
        out.print("The server does not count tokens: some are estimated, as 4 characters each.")
    refused = [name for name in OPTIONAL if any(name not in call.request for call in calls)]
    if refused:
        out.print(f"The server does not accept {', '.join(refused)}: calls were made without.")


def show_messages(out: Console, about: str, messages: Sequence[Mapping[str, str]]) -> None:
    """Print the messages of a prompt, wholly and as they are."""
    out.print(Rule(_plain(about), align="left"))
    for message in messages:
        out.print(Text(message["role"], "bold"))
        out.print(_plain(message["content"]))


def _plain(text: str) -> Text:
    """The text without control characters: replies could steer the terminal with them."""
    return Text("".join(c if c.isprintable() or c == "\n" else " " for c in text))


def _costs(calls: Sequence[Call], title: str) -> Table:
    """A row for each purpose and model, and one for all."""
    frame = pl.DataFrame(
        [(c.purpose, c.model, c.input_tokens, c.output_tokens, c.seconds, c.cost) for c in calls],
        schema=["purpose", "model", "tokens in", "tokens out", "seconds", "cost"],
        orient="row",
    )
    sums = [
        pl.len().alias("calls"),
        pl.col("tokens in", "tokens out", "cost").sum(),
        pl.col("seconds").mean(),
    ]
    table = Table(title=_plain(title), title_justify="left")
    for name in ("purpose", "model", *NUMBERS):
        table.add_column(name, justify="right" if name in NUMBERS else "left", overflow="fold")
    by_purpose = frame.group_by("purpose", "model", maintain_order=True).agg(sums)
    for row in by_purpose.iter_rows(named=True):
        table.add_row(_plain(row["purpose"]), _plain(row["model"]), *_cells(row))
    table.add_section()
    table.add_row("all", "", *_cells(frame.select(sums).row(0, named=True)))
    return table


def _cells(row: Mapping[str, float]) -> list[str]:
    form = {"seconds": ".2f", "cost": ",.4f"}
    return [f"{row[name]:{form.get(name, ',')}}" for name in NUMBERS]
