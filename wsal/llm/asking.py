"""Ask a language model, from the cache where possible, within the budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsal.llm.questions import Answers, Prompt, Question, Reply
from wsal.llm.settings import LLMSettings

CACHE_FILE = "llm.sqlite"  # in the run folder


@dataclass(frozen=True)
class LLM:
    """A language model with the cache of a run."""

    settings: LLMSettings
    cache: Path

    def ask(self, questions: Sequence[Question], purpose: str) -> Answers:
        """An answer to each question, up to the budget.

        Which questions are answered depends only on the questions, the replies and the budget,
        neither on timing nor on earlier kills. `purpose` ("vote", "round 3", "review") is what the
        log says the calls were made for.

        Raises:
            LLMError: the server cannot be reached, refuses the key or does not know the model, or
                goes on failing after all retries. What was answered until then is in the cache.
        """
        raise NotImplementedError

    def complete(self, prompts: Sequence[Prompt], purpose: str) -> tuple[list[Reply], str]:
        """The replies to the first prompts, and why the others were not sent (the budget)."""
        raise NotImplementedError


def open_llm(settings: LLMSettings, run_dir: Path) -> LLM | None:
    """The language model of a run; None if there is none (`llm=none`)."""
    return LLM(settings, run_dir / CACHE_FILE) if settings.url else None
