"""What the server accepts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one request may ask for, and all that wait together."""

    texts: int = 256
    """In one request."""
    characters: int = 20_000
    """In one text; the model ignores what exceeds its own length in any case."""
    body: int = 4_000_000
    """Bytes of a request."""
    waiting: int = 4_096
    """Texts of all requests that have not been answered yet."""
    seconds: float = 30.0
    """After which a request is given up."""
