"""Standard input, which can be read only once: labelled chunk by chunk in this process."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pyarrow as pa

from wsal.files.lines import Chunk
from wsal.serving.answers import answer
from wsal.serving.chunk_texts import PredictOptions, texts_of, with_labels
from wsal.serving.engine import Engine
from wsal.serving.multilabel import n_answered
from wsal.serving.output import json_lines
from wsal.serving.sources import Source
from wsal.serving.tally import Tally
from wsal.serving.writers import Write, writer


def labelled_chunks(
    engine: Engine, source: Source, options: PredictOptions, tally: Tally | None = None
) -> Iterator[tuple[Chunk, pa.Table]]:
    """Each chunk with its labels; the next one is read and tokenised while one is computed.

    If there is a tally, it counts the texts.
    """

    def prepared() -> Iterator[tuple[Chunk, np.ndarray, np.ndarray, list[np.ndarray]]]:
        for chunk in source.stream():
            texts = texts_of(engine.exported, source, chunk, options)
            # Equal texts are computed once.
            distinct, text_of_row = np.unique(texts.to_numpy(), return_inverse=True)
            text_of_row = np.where(texts == "", -1, text_of_row)
            yield chunk, distinct, text_of_row, engine.exported.pieces(distinct.tolist())

    ahead = prepared()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, ahead, None)
        while (ready := waiting.result()) is not None:
            waiting = thread.submit(next, ahead, None)
            chunk, distinct, text_of_row, pieces = ready
            answers = answer(engine, None, pieces, n_answered(engine.exported, options.top))
            if tally:
                tally.add(distinct.tolist(), answers["classes"][:, 0], answers["probs"][:, 0])
            yield chunk, with_labels(engine.exported, chunk.table, answers, text_of_row, options)


def write_to_stdout(chunks: Iterator[tuple[Chunk, pa.Table]], source: Source) -> None:
    """Write chunks as they come, in the source's own kind; bad lines go to stderr."""
    with ExitStack() as stack:
        write: Write | None = None
        for chunk, table in chunks:
            for line in chunk.bad:
                sys.stderr.write(f"line {line.line}: {line.reason}\n")
            if source.is_json:
                sys.stdout.buffer.writelines(json_lines(table))
            else:
                write = write or stack.enter_context(
                    writer(source.kind, sys.stdout.buffer, table.schema)
                )
                write(table)
            sys.stdout.buffer.flush()
