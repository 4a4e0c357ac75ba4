"""Embeddings for similarity rules."""

from collections.abc import Sequence

from wsal.arrays import Embeddings


def embed_for_rules(
    texts: Sequence[str], encoder: str, *, learned_from: Sequence[str] | None = None
) -> Embeddings:
    """Embed texts for similarity rules. torch is imported only if there are such rules."""
    from wsal.classifier.text_embedding import embed_texts  # noqa: PLC0415

    return embed_texts(texts, encoder, learned_from)
