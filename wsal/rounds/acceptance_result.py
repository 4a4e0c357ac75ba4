"""What became of a batch: the released part, what is still to be done, and the figures."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal.arrays import Mask
from wsal.errors import DataError
from wsal.evaluation.acceptance import interval
from wsal.evaluation.parts import Goal, Verdict, judge
from wsal.json_files import write_json
from wsal.labels import NONE
from wsal.rounds.acceptance_batch import MODEL, PEOPLE, Batch, Group, is_right
from wsal.serving.backends import Model
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.labelling import label_table
from wsal.serving.sources import Source
from wsal.serving.writers import writer

RESULT, RELEASED, TO_DO, ANSWERS = "result.json", "released", "todo", "answers.csv"
LABELLED_BY, OF_MODEL = "labelled_by", "model_"


@dataclass(frozen=True)
class Outcome:
    """Where the batch stands after some answers."""

    groups: Sequence[Group]
    verdicts: Sequence[Verdict]
    """One for each group."""
    right: np.ndarray
    """`(rows,)`: see `is_right`."""

    @classmethod
    def of(
        cls, batch: Batch, groups: Sequence[Group], answers: Mapping[str, str | None], goal: Goal
    ) -> "Outcome":
        """Judge each group by the answers so far."""
        right = is_right(batch, answers)
        verdicts = [judge(group.parts, right[group.rows], goal) for group in groups]
        return cls(groups, verdicts, right)

    @property
    def released(self) -> Mask:
        """`(rows,)`: whether each row is in a part that passes."""
        mask = np.zeros(len(self.right), dtype=bool)
        for group, verdict in zip(self.groups, self.verdicts, strict=True):
            mask[group.rows[group.parts.part < verdict.n_released]] = True
        return mask


def figures(batch: Batch, outcome: Outcome, answers: pl.DataFrame, goal: Goal) -> dict[str, Any]:
    """The figures of `result.json`."""
    given = answers["label"]
    return {
        "precision": goal.precision,
        "error": goal.error,
        "n_rows": len(batch.texts),
        "n_without_text": int((batch.predicted < 0).sum()),
        "n_rejected": int(batch.rejected.sum()),
        "n_judged": sum(len(group.rows) for group in outcome.groups),
        "n_labels": len(answers),
        "n_skipped": given.null_count(),
        "n_none": int((given == NONE).sum()),
        "n_parents": int(given.is_in(list(batch.labels.parents)).sum()),
        "n_passed": int(outcome.released.sum()),
        "groups": [
            {"class": group.name, "n_released_parts": verdict.n_released,
             "parts": _parts(group, verdict, goal)}
            for group, verdict in zip(outcome.groups, outcome.verdicts, strict=True)
        ],
    }  # fmt: skip


def _parts(group: Group, verdict: Verdict, goal: Goal) -> list[dict[str, Any]]:
    sizes = group.parts.sizes
    listed = []
    for number, part in enumerate(verdict.standings):
        low, high = interval(part.right, part.asked, sizes[number], goal.error)
        listed.append(
            {
                "confidence": round(group.parts.limits[number], 6),
                "n": sizes[number],
                "share": sizes[number] / sizes[-1],
                "n_labels": part.asked,
                "n_right": part.right,
                "low": low,
                "high": high,
                "passes": number < verdict.n_released,
            }
        )
    return listed


def write_result(
    folder: Path, batch: Batch, outcome: Outcome, answers: pl.DataFrame,
    by_text: Mapping[str, str | None], goal: Goal, kind: str, about: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Write the released rows, those still to be done, the answers and `result.json`.

    A row that people gave a class is released with this class, whatever the model predicted and
    whichever part it is in. Rows to be done are in the order of their confidence, the
    least first, and those without a text last.

    Returns:
        The contents of `result.json`.
    """
    table = pl.read_parquet(batch.path)
    given = batch.texts.replace_strict(dict(by_text), default=None, return_dtype=pl.String)
    is_class = given.is_in(list(batch.labels.names)).fill_null(value=False)
    answered = np.isfinite(outcome.right)
    done = is_class.to_numpy() | (outcome.released & ~answered)
    released = _with_answers(table, batch, given, is_class).filter(pl.Series(done))
    todo = table.filter(pl.Series(~done)).rename(_names_in_todo(batch))
    certainty = np.where(batch.predicted < 0, np.inf, batch.confidence)  # without a text: last
    todo = todo.sort(pl.Series(certainty[~done]), maintain_order=True)
    files = {
        "released": _write(folder, RELEASED, kind, released),
        "to_do": _write(folder, TO_DO, kind, todo),
    }
    kept = answers.select("id", "text", "label", "annotator")
    files["answers"] = _write(folder, Path(ANSWERS).stem, "csv", kept)
    contents = {
        **figures(batch, outcome, answers, goal),
        "n_released": len(released),
        "n_by_people": int(is_class.sum()),
        "n_to_do": len(todo),
        "files": files,
        **about,
    }
    write_json(folder / RESULT, contents)
    return contents


def predicted_batch(model: Model, source: Source, path: Path, options: PredictOptions) -> Batch:
    """The batch with predictions, which are made once.

    Raises:
        DataError: the batch has a column of its own with a name that a result needs. Then nothing
            is kept, so that another prefix can be given.
    """
    if path.exists():
        return Batch.read(path, model.exported, options)
    label_table(model, source, path, options)
    batch = Batch.read(path, model.exported, options)
    try:
        _check_columns(batch)
    except DataError:
        path.unlink()
        raise
    return batch


def _check_columns(batch: Batch) -> None:
    own = set(pl.read_parquet_schema(batch.path)) - set(batch.added)
    for name in (f"{batch.prefix}{LABELLED_BY}", *_names_in_todo(batch).values()):
        if name in own:
            raise DataError(
                f"the batch has a column {name!r} of its own; give the added columns other names "
                "with --prefix, such as --prefix new_"
            )


def _names_in_todo(batch: Batch) -> dict[str, str]:
    """What the columns of the model are called in the table of rows to be done.

    What the model predicts there is not certain enough to be taken for a gold label, which a column
    `label` of a table for `wsal append` may hold.
    """
    return {} if batch.prefix else {name: f"{OF_MODEL}{name}" for name in batch.added}


def _with_answers(
    table: pl.DataFrame, batch: Batch, given: pl.Series, is_class: pl.Series
) -> pl.DataFrame:
    """The table with the classes that people gave, and who gave each class.

    Where these are not the predicted ones, the probabilities of the latter are left out.
    """
    label, probability, leaf, trusted, of_trusted, by = (
        f"{batch.prefix}{name}" for name in
        ("label", "probability", "leaf", "trusted", "trusted_probability", LABELLED_BY)
    )  # fmt: skip
    is_other = is_class & (given != table[label]).fill_null(value=False)
    columns = {
        label: pl.when(is_class).then(given).otherwise(pl.col(label)),
        probability: pl.when(~is_other).then(pl.col(probability)),
        by: pl.when(is_class).then(pl.lit(PEOPLE)).otherwise(pl.lit(MODEL)),
    }
    if batch.leaves:
        short = given.replace_strict(batch.leaves, default=None, return_dtype=pl.String)
        columns |= {
            leaf: pl.when(is_class).then(short).otherwise(pl.col(leaf)),
            trusted: pl.when(is_class).then(given).otherwise(pl.col(trusted)),
            of_trusted: pl.when(~is_class).then(pl.col(of_trusted)),
        }
    return table.with_columns(**columns)


def _write(folder: Path, name: str, kind: str, frame: pl.DataFrame) -> str:
    """Write a table, completely or not at all; returns the name of its file."""
    unfinished = folder / f".{name}.unfinished"
    if unfinished.is_dir():
        shutil.rmtree(unfinished)
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    with writer(kind, unfinished, table.schema) as write:
        write(table)
    unfinished.replace(folder / f"{name}.{kind}")
    return f"{name}.{kind}"
