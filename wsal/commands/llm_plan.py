"""Show the prompts for three texts, and how many calls, tokens, money and time all would take.

Nothing is sent. `wsal prepare llm=local llm.model=NAME` makes a run that can be planned.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from wsal.commands.llm_log import show_messages
from wsal.commands.status import json_in
from wsal.config.composed import parts_of
from wsal.errors import ConfigError
from wsal.llm.cache import open_cache
from wsal.llm.pool_texts import questions_about
from wsal.llm.prompts import is_it_really, which_class
from wsal.llm.questions import Question
from wsal.llm.settings import CACHE_FILE, LLMSettings
from wsal.llm.spending import cost_of, estimated_tokens
from wsal.rounds.llm_questions import vote_questions
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.multilabel_checks import refuse_run
from wsal.run.pipeline import opened, required
from wsal.run.stage_table import CONFIG, STAGES
from wsal.run.vote_report import console
from wsal.seeding import rng

SHOWN = 3  # texts
MEASURED = 200  # texts whose prompts are measured
REPLY_CHARACTERS = 40  # of {"answer": "A", "confidence": 90}
SECONDS = 1.0  # a call, as long as none was made


@dataclass(frozen=True)
class Estimate:
    """What it would take to ask about some texts, without repairs."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal llm plan`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    parser.add_argument(
        "--texts",
        type=int,
        metavar="N",
        help="how many texts to plan for (default: llm.texts, those that it votes on)",
    )


def run(options: argparse.Namespace) -> None:
    """Print three prompts, and a table of what all calls would take.

    Once the rules have voted, the prompts are those that the stage `ask` would send first.

    Raises:
        ConfigError: the run has no language model.
        MissingArtifactError: the run has no pool yet.
    """
    run_dir = run_folder(options.run)
    refuse_run(run_dir, "`wsal llm plan`")
    parts = parts_of(json_in(run_dir / CONFIG))
    settings: LLMSettings = parts["llm"]()
    if settings.url is None:
        raise ConfigError(
            f"{run_dir} has no language model (llm=none); name one with the same command as "
            "before, for example: wsal prepare llm=local llm.model=NAME"
        )
    pool = required(run_dir, "prepare")
    n_pool = int(pool.facts["n_pool"])
    n = min(n_pool, settings.texts if options.texts is None else max(0, options.texts))
    votes, n_classes = opened(run_dir, STAGES["vote"].writes), len(pool.facts["labels"])
    if votes:
        seed = json_in(run_dir / CONFIG)["seed"]
        wanted = replace(settings, texts=max(n, SHOWN))
        _, questions = vote_questions(pool, votes, wanted, parts["evaluation"](), seed)
        n = min(n, len(questions))
    else:  # which texts are asked depends on the votes; these are as good an example
        rows = rng(0, "llm plan").permutation(n_pool)[: max(SHOWN, min(n, MEASURED))]
        offered = [np.arange(min(n_classes, settings.options))] * len(rows)
        questions = questions_about(pool, rows, settings, offered)
    out = console()
    where = "on this machine" if settings.on_this_machine else "NOT on this machine"
    for number, question in enumerate(questions[:SHOWN], start=1):
        about = f"prompt {number} of {SHOWN} to {settings.model} at {settings.url}, {where}"
        messages = which_class(question).prompt.messages
        show_messages(out, about, messages if number == 1 else messages[1:])
    out.print()
    _show_estimate(out, estimate(questions, settings, n), settings, n, run_dir)
    if n_classes > settings.options and not votes:
        out.print(
            f"Of the {n_classes} classes, each text is offered the {settings.options} nearest "
            "(llm.options); the prompts above show the first ones.",
            highlight=False,
        )
    if settings.budget is None and settings.calls is None:
        line = "There is no limit; llm.budget=MONEY or llm.calls=N would set one."
        out.print(line, highlight=False)


def estimate(questions: list[Question], settings: LLMSettings, n_texts: int) -> Estimate:
    """What it would take to ask about so many texts that are like those of the questions."""
    characters = [_size(which_class(q).prompt.messages) for q in questions]
    sent = float(np.mean(characters)) * settings.samples
    calls = settings.samples
    if settings.questions == 2:  # at most: "none of these" is not asked about again
        sent += float(np.mean([_size(is_it_really(q, q.options[0]).prompt.messages)
                               for q in questions]))  # fmt: skip
        calls += 1
    input_tokens = estimated_tokens(round(sent * n_texts))
    output_tokens = estimated_tokens(REPLY_CHARACTERS * calls * n_texts)
    cost = cost_of(settings.price, input_tokens, output_tokens)
    return Estimate(calls * n_texts, input_tokens, output_tokens, cost)


def _size(messages: tuple) -> int:
    return sum(len(message["content"]) for message in messages)


def _show_estimate(
    out: Console, plan: Estimate, settings: LLMSettings, n_texts: int, run_dir: Path
) -> None:
    """Print a row for each quantity: planned, spent so far in this run, and the limit."""
    calls, spent, seconds, about = 0, 0.0, SECONDS, f"if a call takes {SECONDS:g} s"
    if (run_dir / CACHE_FILE).exists():
        with open_cache(run_dir / CACHE_FILE) as cache:
            made = list(cache.calls())
        if made:
            calls, spent = len(made), sum(call.cost for call in made)
            seconds = float(np.mean([call.seconds for call in made]))
            about = f"each of {seconds:.2f} s, as measured"
    minutes = plan.calls * seconds / settings.parallel / 60
    table = Table(title=f"to ask about {n_texts:,} texts, each alone", title_justify="left")
    for name in ("", "estimate", "so far", "limit"):
        table.add_column(name, justify="right" if name else "left")
    limit_calls = "" if settings.calls is None else f"{settings.calls:,}"
    limit = "" if settings.budget is None else f"{settings.budget:,.2f}"
    table.add_row("calls", f"{plan.calls:,}", f"{calls:,}", limit_calls)
    table.add_row("input tokens", f"{plan.input_tokens:,}", "", "")
    table.add_row("output tokens", f"{plan.output_tokens:,}", "", "")
    table.add_row("cost", f"{plan.cost:,.4f}", f"{spent:,.4f}", limit)
    table.add_row("minutes", f"{minutes:,.1f}", "", "")
    out.print(table)
    out.print(
        "Tokens are estimated as 4 characters each; reasoning, repairs and the prompts of rounds "
        "come on top. The prices of a million tokens (llm.price) are "
        f"{settings.price.input:g} for input and {settings.price.output:g} for output. Time is "
        f"estimated with {settings.parallel} calls at once, {about}.",
        highlight=False,
    )
