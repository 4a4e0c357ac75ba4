"""What each term of the rules is worth, as `wsal rules --terms` shows it."""

from pathlib import Path

import polars as pl
from rich.table import Table
from safetensors.numpy import load_file

from wsal import schemas, tables
from wsal.artifacts import Artifact
from wsal.digests import MANIFEST
from wsal.labels import LabelSet
from wsal.rounds.rule_report import terms_shown, with_learned
from wsal.rounds.vote_tables import VOTERS_FILE
from wsal.run.stage_table import STAGES
from wsal.run.vote_report import Row, accuracy_cells, console, table_of

LABEL_MODEL = "label_model.safetensors"


def show_terms(run_dir: Path, votes: Artifact, most: int) -> None:
    """Print the terms of each rule, at most so many, those with the most votes first."""
    voters = terms_of(run_dir, votes)
    if voters is None:
        console().print(
            "these votes were cast by an earlier version of wsal, which did not record terms; "
            "`wsal vote` records them",
            markup=False,
        )
        return
    shown = terms_shown(voters, most)
    if shown.is_empty():
        console().print("no rule has terms, or none of them votes often enough to be told apart")
        return
    console().print(terms_table(shown))


def terms_of(run_dir: Path, votes: Artifact) -> pl.DataFrame | None:
    """The voters and what the newest label model learned of each, as `with_learned` returns them.

    None if an earlier version of wsal, which did not record terms, cast these votes.
    """
    path = votes.path / VOTERS_FILE
    if not path.exists():
        return None
    model = label_model_of(run_dir, votes)
    if model and (with_words := model.with_name(VOTERS_FILE)).exists():
        path = with_words  # people answered questions about words, which vote, too
    precision = load_file(model).get("precision") if model else None
    labels = LabelSet.of_pool(Artifact.open(run_dir / STAGES["prepare"].writes).facts)
    return with_learned(tables.read(path, schemas.VOTERS), precision, labels.answers)


def terms_table(shown: pl.DataFrame) -> Table:
    """A table with a row for each row of `terms_shown`; a rule's name stands in its first row."""
    new_rule = shown["rule"] != shown["rule"].shift(1, fill_value="")

    def cells(row: Row) -> list[str]:
        learned = "" if row["learned"] is None else f"{row['learned']:.3f}"
        term = row["term"] or "(other terms)"
        classes = ", ".join(row["classes"])
        return [row["rule"], term, classes, f"{row['n_votes']:,}", *accuracy_cells(row), learned]

    heads = ["rule", "term", "votes for", "votes", "accuracy", "95%", "on gold", "learned"]
    shown = shown.with_columns(rule=pl.when(new_rule).then("rule").otherwise(pl.lit("")))
    return table_of("terms: what each is worth", heads, 3, shown, cells)


def label_model_of(run_dir: Path, votes: Artifact) -> Path | None:
    """The newest label model that was fitted to these votes."""
    folders = [
        *sorted(run_dir.glob(STAGES["reweigh"].writes.format("*")), reverse=True),
        run_dir / STAGES["aggregate"].writes,
    ]
    for folder in folders:
        if (folder / MANIFEST).exists() and (
            Artifact.open(folder).manifest["inputs"].get("votes") == votes.digest
        ):
            return folder / LABEL_MODEL
    return None
