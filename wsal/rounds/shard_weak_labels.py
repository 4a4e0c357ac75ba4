"""Weak labels of a pool, shard by shard, from a label model that is fitted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from wsal import schemas, tables
from wsal.annotation.evidence import RULES_FILE
from wsal.arrays import Classes, Mask
from wsal.artifacts import Artifact, Facts
from wsal.label_models.base import FittedLabelModel
from wsal.labels import LabelSet
from wsal.launch.memory import give_back
from wsal.launch.sealing import Shard, WorkOnShard
from wsal.launch.shards import work_on_shards
from wsal.members import members_of
from wsal.rounds.answered import ANSWERED_FILE, rules_alone
from wsal.rounds.answered_words import AnsweredWords
from wsal.rounds.learning_votes import votes_at
from wsal.rounds.sources import LLMAnswers, LLMWeight, weigh_answers
from wsal.rounds.vote_tables import parts_of
from wsal.rounds.weak_labels import WeakTable, weak_table
from wsal.settings import AggregateSettings, LauncherSettings
from wsal.shards import shard_files

WEAK_FILE = "weak_labels.parquet"


@dataclass(frozen=True)
class WeighedAnswers:
    """Answers of a language model to train on, and how far they are trusted."""

    answers: LLMAnswers
    weight: LLMWeight

    def combined(self, table: WeakTable, first: int) -> WeakTable:
        """Weak labels combined with the answers to these texts; the first text is row `first`."""
        rows = self.answers.rows
        mine = self.answers.take((rows >= first) & (rows < first + len(table.probs)))
        places = mine.rows - first
        by_rules, has_vote = table.probs[places], table.n_votes[places] > 0
        probs, used = table.probs.copy(), table.used.copy()
        probs[places], used[places] = self.weight.combine(by_rules, has_vote, mine), True
        return replace(table, probs=probs, used=used)


@dataclass(frozen=True)
class WeakWork:
    """From the votes of a shard to its weak labels and, with answers, rules_alone.parquet."""

    pool: Artifact
    votes: Artifact
    words: AnsweredWords
    fitted: FittedLabelModel
    settings: AggregateSettings
    labels: LabelSet
    llm: WeighedAnswers | None = None

    @property
    def sizes(self) -> list[int]:
        """The rows of each shard."""
        return tables.rows_of_shards(self.pool.path / "pool.parquet")

    def start(self) -> WorkOnShard:
        """Nothing needs to be loaded."""
        sizes = self.sizes
        files = shard_files(self.pool.path / "pool.parquet")

        def work(shard: Shard) -> Facts:
            n_covered = 0

            def parts() -> Iterator[list[pl.DataFrame]]:
                nonlocal n_covered
                for part in parts_of(sizes, [shard.number]):
                    first = sum(sizes[: shard.number]) + part.first
                    votes = self.words.read_votes(self.votes, self.pool, "pool", part)
                    table = weak_table(self.fitted, votes, self.settings, self.labels, first)
                    ids = tables.take_part(files[shard.number], part.rows, ["id"])["id"]
                    alone = []
                    if self.llm is not None:
                        alone = [rules_alone(ids, table.probs, table.n_votes > 0)]
                        table = self.llm.combined(table, first)
                    yield [_frame(ids, table), *alone]
                    n_covered += int((table.n_votes > 0).sum())
                    shard.advance(len(ids))

            written = {WEAK_FILE: schemas.weak_schema(len(self.labels))}
            if self.llm is not None:
                written[RULES_FILE] = schemas.RULES_ALONE
            tables.write_parts(parts(), {shard.folder / n: s for n, s in written.items()})
            give_back()
            return {"n_covered": n_covered}

        return work


def write_weak_labels(
    out: Path,
    work: WeakWork,
    launcher: LauncherSettings,
    llm: tuple[LLMAnswers, Classes, Mask] | None = None,
) -> Facts:
    """Write weak_labels.parquet and label_model.safetensors.

    `llm` has answers of a language model that name a class, the gold label of each of their texts,
    -1 where there is none, and whether it was drawn at random. Answers that measure only show how
    far to trust the others. With it, this also writes rules_alone.parquet, what the rules say
    without the answers, and answered.npy, the rows of the pool whose answers are trained on.
    """
    sizes, facts = work.sizes, Facts()
    if llm is not None:
        weight, answers = _weigh(work, sizes, *llm), llm[0].to_train_on()
        weighed = WeighedAnswers(answers, weight)
        work = replace(work, llm=weighed)
        np.save(out / ANSWERED_FILE, answers.rows)
        facts = {"n_answered": len(answers.rows), "llm": weighed.weight.why()}
    done = work_on_shards(work, sizes, out, "weak labels", launcher)
    arrays = {name: np.ascontiguousarray(a) for name, a in work.fitted.arrays().items()}
    save_file(arrays, out / "label_model.safetensors")  # npz would hold the time of day
    n_covered = sum(each["n_covered"] for each in done)
    why = work.fitted.why()
    return facts | {"n_texts": sum(sizes), "n_covered": n_covered, "label_model": why}


def _weigh(
    work: WeakWork, sizes: Sequence[int], answers: LLMAnswers, gold: Classes, at_random: Mask
) -> LLMWeight:
    read = partial(work.words.read_votes, work.votes, work.pool, "pool")
    votes = votes_at(read, sizes, answers.rows)
    table = weak_table(work.fitted, votes, work.settings, work.labels)
    members = members_of(work.labels)
    return weigh_answers(answers, table.probs, table.n_votes > 0, gold, members, at_random)


def _frame(ids: pl.Series, table: WeakTable) -> pl.DataFrame:
    n_classes = table.probs.shape[1]
    return pl.DataFrame(
        {
            "id": ids,
            "probs": pl.Series(table.probs, dtype=pl.Array(pl.Float32, n_classes)),
            "n_votes": table.n_votes,
            "used": table.used,
        }
    )
