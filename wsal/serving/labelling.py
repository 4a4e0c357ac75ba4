"""Label a table of any size, in three passes over shards.

1. `distinct`: the distinct texts of each shard, partitioned by hash.
2. `answers`: each distinct text of a partition is predicted once.
3. `labelled`: the records of each shard with the answers to their texts.

Every finished shard of a pass is kept on disk, and so is every part of a partition: a kill loses
little. The output is made of the shards at the end: the types of JSON columns are known only then,
and nobody sees half a table. The price is disk space.
"""

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from wsal import __version__
from wsal.digests import digest_of
from wsal.errors import DataError
from wsal.files.lines import BadLine, Chunk, bad_lines_error
from wsal.json_files import write_json
from wsal.launch.sealing import Facts
from wsal.serving.answers import AnswerWork
from wsal.serving.backends import Model
from wsal.serving.cascade import FittedCascade, fit_cascade
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.distinct import BAD, COUNTS, TEXTS, ReadWork, as_json
from wsal.serving.labelled import LABELLED, LabelWork, changed, n_abstentions, write_labelled
from wsal.serving.multilabel import n_answered
from wsal.serving.output import write_bad_lines, write_output
from wsal.serving.passes import run_pass
from wsal.serving.refused_options import refuse_options
from wsal.serving.sources import STREAM, Source
from wsal.serving.streaming import labelled_chunks, write_to_stdout
from wsal.serving.summaries import Summary, of_partitions
from wsal.serving.tally import Tally, summary_of
from wsal.serving.target import refuse_target, target_kind
from wsal.settings import LauncherSettings
from wsal.shards import read_array, shard_files

SHARD_ROWS = 1_000_000
MOST_BAD = 1_000  # lines that an error counts
LOCAL = LauncherSettings()


@dataclass(frozen=True)
class PredictSummary:
    """What `wsal predict` did."""

    n_rows: int
    n_bad: int
    """Lines that could not be parsed."""
    n_abstained: int
    bad_path: Path | None
    """The file with the lines that could not be parsed, if there are any."""
    n_texts: int | None = None
    """Distinct texts; None if they were not counted, as for standard input."""
    n_student: int = 0
    """Those that the student answered."""
    cascade: FittedCascade | None = None
    """What became of the student, with a cascade."""
    summary: Summary | None = None
    """Figures about the distinct texts, if `PredictOptions.summary`."""


def label_table(
    model: Model,
    source: Source,
    target: Path,
    options: PredictOptions,
    *,
    launcher: LauncherSettings = LOCAL,
    shard_rows: int = SHARD_ROWS,
    force: bool = False,
) -> PredictSummary:
    """Write the columns of the source, in its order, and label, probability, abstain, model.

    Finished work is kept in `TARGET.unfinished` until the end; after a kill, the same call
    continues from there, even with another launcher. Lines that cannot be parsed go to
    `TARGET.bad.jsonl` with their numbers. A file that `wsal predict` did not write is overwritten
    only with `force`.

    Args:
        model: the exported model.
        source: the input.
        target: the output, a file or a folder with a Parquet file for each shard.
        options: how the table is labelled.
        launcher: what runs the work; standard input is labelled in this process.
        shard_rows: about how many rows a shard has, and the most that are held in memory.
        force: overwrite a file that `wsal predict` did not write.

    Raises:
        ConfigError: the target's kind is unknown, or the target is the source, a folder with files
            or a file that wsal did not write; or `top` is larger than the number of classes; or a
            cascade with standard input or `top` above 1.
        DataError: the source cannot be read, has no record, lacks a field, has a field that is not
            text, already has a column of an added name, or changed while it was read.
    """
    kind = target_kind(target, source)
    if kind != STREAM:
        refuse_target(target, None if source.is_stream else source.path, force=force)
    refuse_options(model, source, options)
    work = target.with_name(target.name + ".unfinished")
    if kind == STREAM:
        return _stream(model, source, options, kind, work, target)
    if source.is_stream:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            return _stream(model, source, options, kind, work, target)
        finally:
            shutil.rmtree(work)
    before = source.fingerprint()
    origin = [before, model.exported.digest, model.backend, asdict(options), __version__]
    _open(work, [*origin, shard_rows])
    return _in_passes(model, source, before, target, kind, options, work, launcher, shard_rows)


def _in_passes(
    model: Model,
    source: Source,
    before: str,
    target: Path,
    kind: str,
    options: PredictOptions,
    work: Path,
    launcher: LauncherSettings,
    shard_rows: int,
) -> PredictSummary:
    read, answered, labelled = (work / name for name in ("read", "answered", "labelled"))
    try:
        shards = source.shards(shard_rows)
        sizes = [sum(extent.n_rows for extent in shard) for shard in shards]
        n_partitions = max(1, math.ceil(sum(sizes) / shard_rows))
        reading = ReadWork(model, source, shards, options, shard_rows, n_partitions)
        rows = run_pass(reading, sizes, read, "read", launcher)
        bad_files = shard_files(read / BAD)
        if not any(fact["n_rows"] for fact in rows):
            raise _without_rows(str(source.path), _bad_lines(bad_files))
    except DataError:  # another input is needed
        shutil.rmtree(work)
        raise
    counts = read_array(read / COUNTS)[:]
    known, cascade = work / "known", None
    if options.cascade:
        cascade = fit_cascade(model, read, counts, options, known, launcher)
    given = known if cascade is not None and cascade.n_sample > 0 else None
    top = n_answered(model.exported, options.top)
    answering = AnswerWork(model, read / TEXTS, n_partitions, top, given, options.summary)
    done = run_pass(answering, counts.sum(axis=0).tolist(), answered, "predict", launcher)
    labelling = LabelWork(model, source, shards, options, shard_rows, read, answered)
    facts = run_pass(labelling, [r["n_rows"] for r in rows], labelled, "write", launcher)
    if source.fingerprint() != before:  # rows may have got the answers to others
        raise changed(source)
    files = shard_files(labelled / LABELLED)
    bad_path = write_bad_lines(work, bad_files, target)
    write_output(work, files, facts, kind, target, is_json=source.is_json)
    shutil.rmtree(work)
    return PredictSummary(
        n_rows=_total(facts, "n_rows"),
        n_bad=_total(rows, "n_bad"),
        n_abstained=_total(facts, "n_abstained"),
        bad_path=bad_path,
        n_texts=_total(done, "n_texts"),
        n_student=_total(done, "n_student"),
        cascade=cascade,
        summary=of_partitions(done),
    )


def _stream(
    model: Model, source: Source, options: PredictOptions, kind: str, work: Path, target: Path
) -> PredictSummary:
    """Label standard input; `work` is used if the output is a file or a folder."""
    bad: list[BadLine] = []
    n_rows = n_abstained = 0
    engine = model.open()
    tally = Tally(engine.exported) if options.summary else None

    def noted() -> Iterator[tuple[Chunk, pa.Table]]:
        nonlocal n_rows, n_abstained
        for chunk, table in labelled_chunks(engine, source, options, tally):
            bad.extend(chunk.bad)
            n_rows += len(table)
            n_abstained += n_abstentions(table, options.prefix)
            yield chunk, table

    if kind == STREAM:
        write_to_stdout(noted(), source)
        if not n_rows:
            raise _without_rows("standard input", bad)
        return PredictSummary(n_rows, len(bad), n_abstained, None, summary=summary_of(tally))
    tables = (table for _, table in noted())
    facts = write_labelled(tables, work / LABELLED, source, options)
    if not n_rows:
        raise _without_rows("standard input", bad)
    (work / BAD).write_text("".join(as_json(line) for line in bad), encoding="utf-8")
    bad_path = write_bad_lines(work, [work / BAD], target)
    write_output(work, [work / LABELLED], [facts], kind, target, is_json=source.is_json)
    return PredictSummary(n_rows, len(bad), n_abstained, bad_path, summary=summary_of(tally))


def _open(work: Path, origin: list[Any]) -> None:
    """Make the folder, and empty it if it was made from another origin."""
    state, digest = work / "state.json", digest_of(origin)
    if not state.exists() or json.loads(state.read_text()) != digest:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_json(state, digest)


def _bad_lines(files: Sequence[Path]) -> list[BadLine]:
    """The first lines of these files."""
    first: list[BadLine] = []
    for path in files:
        with path.open(encoding="utf-8") as file:
            for text in islice(file, MOST_BAD - len(first)):
                line = json.loads(text)
                first.append(BadLine(line["line"], line["reason"], line["raw"]))
    return first


def _without_rows(name: str, bad: Sequence[BadLine]) -> DataError:
    return bad_lines_error(name, bad) if bad else DataError(f"{name} has no rows")


def _total(facts: Sequence[Facts], name: str) -> int:
    return sum(fact[name] for fact in facts)
