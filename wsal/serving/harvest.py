"""Uncertain texts that were served, kept in a folder until they are given to the next round.

The folder holds texts of users: only its owner can read it, and nothing of it is sent anywhere. It
is off unless `wsal serve --harvest FOLDER` is given. Several servers can share a folder.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl

from wsal.errors import ConfigError
from wsal.serving.exported import Exported
from wsal.serving.predictions import Row
from wsal.serving.trusted_nodes import DECIMALS

FILE = "harvest.sqlite"
SURE = 0.9
"""Texts with this probability are not kept, unless the model abstains."""
MOST = 10_000
BUSY_SECONDS = 30.0
ADDED = ("model_label", "model_probability", "model_abstain", "model", "times")
TABLE = """CREATE TABLE IF NOT EXISTS texts (id TEXT PRIMARY KEY, fields TEXT, label TEXT,
probability REAL, abstain INTEGER, model TEXT, times INTEGER DEFAULT 1)"""
INSERT = """INSERT INTO texts (id, fields, label, probability, abstain, model)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET times = times + 1,
label = excluded.label, probability = excluded.probability, abstain = excluded.abstain,
model = excluded.model"""
ORDER = "ORDER BY abstain DESC, probability, id"


@dataclass(frozen=True)
class Harvest:
    """The texts in a folder, each once: those on which the model abstains, then the least sure."""

    folder: Path
    most: int = MOST
    """How many texts are kept."""

    def prepare(self) -> None:
        """Make the folder and its file, which only the owner can read."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / FILE).touch(mode=0o600)
        with closing(self._open()) as file, file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute(TABLE)

    def add(
        self, exported: Exported, rows: Sequence[Row], texts: Sequence[str],
        classes: np.ndarray, probabilities: np.ndarray, rejected: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Keep the uncertain ones of these texts.

        Args:
            exported: the model.
            rows: the fields of each text.
            texts: the texts, as `Exported.text_of` returns them; empty ones are left out.
            classes: `(texts,)`: the likeliest class of each.
            probabilities: `(texts,)`, of these classes.
            rejected: `(texts,)`: whether the model rejects each as one of no class; by default,
                it rejects none.
        """
        abstains = exported.abstains(classes, probabilities)
        if rejected is not None:
            abstains |= rejected
        uncertain = abstains | (probabilities < SURE)
        kept = [
            (
                text_id(texts[at]),
                json.dumps(dict(zip(exported.fields, rows[at], strict=True)), ensure_ascii=False),
                exported.labels[int(classes[at])],
                round(float(probabilities[at]), DECIMALS),
                int(abstains[at]),
                exported.digest,
            )
            for at in np.flatnonzero(uncertain).tolist()
            if texts[at]
        ]
        if not kept:
            return
        with closing(self._open()) as file, file:
            file.executemany(INSERT, kept)
            file.execute(
                f"DELETE FROM texts WHERE id IN (SELECT id FROM texts {ORDER} LIMIT -1 OFFSET ?)",  # noqa: S608
                (self.most,),
            )

    def table(self, most: int | None = None) -> pl.DataFrame:
        """The texts, the most uncertain first: `id`, the fields, and what the model predicted.

        Raises:
            ConfigError: nothing was kept in the folder, or the file is damaged.
        """
        return self.table_and_ids(most)[0]

    def table_and_ids(
        self, most: int | None = None, id_name: str = "id"
    ) -> tuple[pl.DataFrame, list[str]]:
        """The same table, and the ids of its texts here.

        A field `id_name`, if the texts have it, replaces them in the table.

        Raises:
            ConfigError: nothing was kept in the folder, or the file is damaged.
        """
        path = self.folder / FILE
        if not path.exists():
            raise ConfigError(
                f"{self.folder} has no {FILE}; expected the folder of `wsal serve --harvest`"
            )
        columns = "id, fields, label, probability, abstain, model, times"
        sql = f"SELECT {columns} FROM texts {ORDER} LIMIT ?"  # noqa: S608
        try:
            with closing(self._open()) as file:
                file.execute(TABLE)  # a server that was killed at once did not make it
                kept = file.execute(sql, (-1 if most is None else most,)).fetchall()
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"{path} is damaged: {error}") from error
        fields = [json.loads(row[1]) for row in kept]
        names = list(dict.fromkeys(name for of_text in fields for name in of_text))
        if clashes := {*names, id_name} & set(ADDED):
            raise ConfigError(f"the texts have a field {min(clashes)!r}, which is an added column")
        given = {name: [of_text.get(name) for of_text in fields] for name in names}
        ids, labels, probabilities, abstains, models, times = (
            [row[place] for row in kept] for place in (0, *range(2, 7))
        )
        added = zip(ADDED, (labels, probabilities, map(bool, abstains), models, times), strict=True)
        of_table = {**given, **{name: list(values) for name, values in added}}
        return pl.DataFrame(of_table if id_name in names else {id_name: ids, **of_table}), ids

    def remove(self, ids: Sequence[str]) -> None:
        """Remove texts; a server may have kept others since these were read."""
        with closing(self._open()) as file, file:
            file.executemany("DELETE FROM texts WHERE id = ?", [(each,) for each in ids])

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / FILE, timeout=BUSY_SECONDS)


def text_id(text: str) -> str:
    """The id of a served text, made from the text.

    >>> text_id("red mug")
    'served-66145c9cb069'
    """
    return f"served-{blake2b(text.encode(), digest_size=6).hexdigest()}"
