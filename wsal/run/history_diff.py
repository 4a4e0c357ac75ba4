"""What changed between two states of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from wsal.data.class_fold import words
from wsal.run.history import State


@dataclass(frozen=True)
class Difference:
    """What changed from one state of a run to another; texts by their ids."""

    added: list[str]
    withdrawn: list[str]
    changed: list[str]
    """Ids whose text is another one now."""
    new_rules: list[str]
    dropped_rules: list[str]
    edited_rules: list[str]
    edits: list[str]
    """Of classes, in words; those that were undone are marked."""
    new_classes: list[str]
    dropped_classes: list[str]
    answers: pl.DataFrame
    """Texts that people answered, or answered otherwise: `id`, `before` (or null), `after` (or
    null)."""
    flipped: pl.DataFrame
    """Texts of the evaluation frame that are predicted otherwise: `id`, `before`, `after`."""
    n_predicted: int
    """How many texts both states predict."""

    @property
    def in_words(self) -> list[str]:
        """A sentence for each kind of change that there is."""
        new = self.answers.filter(pl.col("before").is_null())
        gone = self.answers.filter(pl.col("after").is_null())
        other = len(self.answers) - len(new) - len(gone)
        counts = [
            (len(self.added), "text", "added"),
            (len(self.withdrawn), "text", "withdrawn"),
            (len(self.changed), "text", "changed"),
            (len(self.new_rules), "rule", "added"),
            (len(self.dropped_rules), "rule", "removed"),
            (len(self.edited_rules), "rule", "edited"),
            (len(self.edits), "edit", "of classes"),
            (len(new), "answer", "added"),
            (other, "answer", "changed"),
            (len(gone), "answer", "left out"),
            (len(self.flipped), "prediction", f"of {self.n_predicted:,} flipped"),
        ]
        return [f"{n:,} {noun}{'s' * (n != 1)} {what}" for n, noun, what in counts if n]


def difference(first: State, second: State) -> Difference:
    """What changed from one state to the other.

    Classes of the first state are compared under the names that they have in the second: what was
    only renamed is no change of an answer or of a prediction.
    """
    before, after = first.texts, second.texts
    moved = before.join(after, on="id", suffix="_after")
    changed = moved.filter(pl.col("key") != pl.col("key_after"))["id"]
    added = after.join(before, on="key", how="anti").filter(~pl.col("id").is_in(changed.implode()))
    gone = before.join(after, on="key", how="anti").filter(~pl.col("id").is_in(changed.implode()))
    rules, later = first.facts["rules"], second.facts["rules"]
    answers = _both(first, second, first.answers, second.answers, how="full")
    predicted = _both(first, second, first.predictions, second.predictions, how="inner")
    names, later_names = first.classes.names, second.classes.names
    renamed = {first_name: _present(first, second, first_name) for first_name in names}
    return Difference(
        added["id"].to_list(),
        gone["id"].to_list(),
        changed.to_list(),
        [name for name in later if name not in rules],
        [name for name in rules if name not in later],
        [name for name in later if name in rules and rules[name] != later[name]],
        _edits(first, second),
        [name for name in later_names if name not in renamed.values()],
        [name for name in names if renamed[name] not in later_names],
        _different(answers),
        _different(predicted),
        len(predicted),
    )


def _different(both: pl.DataFrame) -> pl.DataFrame:
    return both.filter(pl.col("before").ne_missing(pl.col("after")))


def _both(
    first: State, second: State, before: pl.DataFrame, after: pl.DataFrame, *, how: str
) -> pl.DataFrame:
    """The labels of each text in both states, the earlier ones under their later names."""
    present = {name: _present(first, second, name) for name in before["label"].unique()}
    before = before.with_columns(label=pl.col("label").replace(present))
    joined = before.unique("key").join(
        after.unique("key"),
        on="key",
        how="full" if how == "full" else "inner",
        coalesce=True,
        suffix="_after",
    )
    id_ = pl.coalesce("id_after", "id")
    return joined.select(id=id_, before="label", after="label_after").sort("id")


def _present(first: State, second: State, name: str) -> str:
    return second.classes.present(name, first.classes.edits)


def _edits(first: State, second: State) -> list[str]:
    before, after = first.classes.edits, second.classes.edits
    pairs = enumerate(zip(before, after, strict=False))
    shared = next((n for n, (edit, other) in pairs if edit != other), min(len(before), len(after)))
    undone: Sequence[str] = [f"{words(edit)} (undone)" for edit in reversed(before[shared:])]
    return [*undone, *(words(edit) for edit in after[shared:])]
