"""Ask a language model, from the cache where possible, within the budget."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wsal.errors import LLMError
from wsal.llm.answering import Complete, answer, most_calls
from wsal.llm.cache import open_cache
from wsal.llm.calling import Caller
from wsal.llm.calls import call_key
from wsal.llm.prompts import which_class
from wsal.llm.questions import Answer, Answers, Prompt, Question, Reply
from wsal.llm.settings import CACHE_FILE, LLMSettings
from wsal.llm.spending import most
from wsal.llm.tasks import Task, results

FIRST = 20  # answers; if none of them is valid, no more are paid for


@dataclass(frozen=True)
class LLM:
    """A language model with the cache of a run."""

    settings: LLMSettings
    cache: Path
    sleep: Callable[[float], object] | None = None
    """What waits between attempts; None: a wait that ends when another call has failed."""

    def ask(self, questions: Sequence[Question], purpose: str) -> Answers:
        """An answer to each question, up to the budget.

        Which questions are answered depends only on the questions, the replies and the budget,
        neither on timing nor on earlier kills. `purpose` ("vote", "round 3", "review") is what the
        log says the calls were made for.

        A question is asked if all that was spent before, plus the most that its calls can cost, is
        within the budget. An answer that is wholly in the cache costs nothing.

        Raises:
            LLMError: the server cannot be reached, refuses the key or does not know the model, or
                goes on failing after all retries; or none of the first replies is valid. What was
                answered until then is in the cache.
            ConfigError: the variable of the key is not set.
        """
        tasks = []
        for question in questions:
            prompt = which_class(question).prompt
            most_spent = most(self.settings, prompt, most_calls(self.settings))
            work = partial(answer, question, self.settings)
            tasks.append(Task(call_key(self.settings, prompt), work, most_spent))
        with open_cache(self.cache) as cache:
            caller = Caller(self.settings, cache, purpose)
            return Answers(*results(tasks, caller, self.sleep, self._look))

    def complete(self, prompts: Sequence[Prompt], purpose: str) -> tuple[list[Reply], str]:
        """The replies to the first prompts, and why the others were not sent (the budget).

        Raises:
            LLMError, ConfigError: see `ask`.
        """
        settings = self.settings
        tasks = [
            Task(call_key(settings, prompt), partial(_complete, prompt), most(settings, prompt, 1))
            for prompt in prompts
        ]
        with open_cache(self.cache) as cache:
            caller = Caller(settings, cache, purpose)
            return results(tasks, caller, self.sleep, lambda _: None)

    def _look(self, answers: Mapping[int, Answer]) -> None:
        """Stop early where the model does not reply as it is asked to.

        Raises:
            LLMError: none of the first answers is valid, and each was asked for again.
        """
        first = [answers[number] for number in range(FIRST) if number in answers]
        repaired = 2 * self.settings.samples
        if len(first) == FIRST and all(
            a.status == "invalid" and a.calls == repaired for a in first
        ):
            raise LLMError(
                f"none of the first {FIRST} replies of {self.settings.model} was a valid answer, "
                f"even when asked again (`wsal llm log {self.cache.parent}` shows them): the model "
                "may be too small for the task, or reason for longer than "
                f"llm.max_tokens={self.settings.max_tokens} allows, or the server may ignore the "
                "JSON schema; change one of these"
            )


def _complete(prompt: Prompt, complete: Complete) -> Reply:
    return complete(prompt)


def open_llm(settings: LLMSettings, run_dir: Path) -> LLM | None:
    """The language model of a run; None if there is none (`llm=none`)."""
    return LLM(settings, run_dir / CACHE_FILE) if settings.url else None
