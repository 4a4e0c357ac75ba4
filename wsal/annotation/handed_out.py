"""Whether people were asked a round's query, and the digests of the files that they answer in.

Once people were asked, the query stays as it is, whatever else changes: their answers, even half a
sheet of them, must still match its texts.
"""

from pathlib import Path

from wsal.annotation.annotators import ReadsFiles
from wsal.artifacts import Artifact
from wsal.digests import file_digest

HANDED_OUT = "handed_out"  # a file in the round's folder


def hand_out(round_dir: Path) -> None:
    """Note that people are asked this round's query."""
    (round_dir / HANDED_OUT).touch()


def is_handed_out(round_dir: Path) -> bool:
    """Whether people were asked this round's query."""
    return (round_dir / HANDED_OUT).exists()


def is_work_of_people(stage: str, done: Artifact) -> bool:
    """Whether a stage's artifact is a query that people were asked, or what people answered.

    Answers from an oracle are not, even in a round in which people are asked now.
    """
    asked = stage in ("select", "annotate") and is_handed_out(done.path.parent)
    return asked and bool(done.facts.get("human", True))


def withdraw(round_dir: Path) -> None:
    """Forget that people were asked, because the round has a new query."""
    (round_dir / HANDED_OUT).unlink(missing_ok=True)


def answer_digests(annotator: object, round_dir: Path) -> dict[str, str]:
    """The digest of each file that holds answers, by its name; empty for other annotators."""
    if not isinstance(annotator, ReadsFiles):
        return {}
    return {path.name: file_digest(path) for path in annotator.answer_files(round_dir)}


def is_corrected(annotations: Artifact, annotator: object) -> bool:
    """Whether a file that answers were read from has changed since; a deleted one has not."""
    then = annotations.facts.get("answers_in", {})
    now = answer_digests(annotator, annotations.path.parent)
    return any(now.get(name, digest) != digest for name, digest in then.items())
