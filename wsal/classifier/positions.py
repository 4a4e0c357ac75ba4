"""How many word pieces a model can read at once."""

from typing import Any

from torch import nn

from wsal.errors import ConfigError

TABLES = ("position_embeddings", "wpe")
"""Ends of the names of the tables that have a vector for each position."""


def most_positions(model: nn.Module) -> int | None:
    """The longest text, in word pieces, that a model can read; None: its positions have no table.

    Models like RoBERTa leave the first rows of the table, up to that of the padding piece, unused.
    """
    tables = [
        table
        for name, table in model.named_modules()
        if isinstance(table, nn.Embedding) and name.rpartition(".")[2] in TABLES
    ]
    if not tables:
        return None
    free = [0 if table.padding_idx is None else table.padding_idx + 1 for table in tables]
    return min(table.num_embeddings - n for table, n in zip(tables, free, strict=True))


def check_length(model: Any, max_length: int) -> None:  # noqa: ANN401  transformers is not typed
    """Check that texts of `max_length` word pieces are not too long for a model.

    Raises:
        ConfigError: they are too long.
    """
    most = most_positions(model)
    if most is not None and max_length > most:
        raise ConfigError(
            f"encoder.max_length is {max_length}, but this encoder reads {most} word pieces at "
            f"most; set encoder.max_length={most} or less"
        )
