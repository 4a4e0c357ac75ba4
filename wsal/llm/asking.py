"""Ask a language model, from the cache where possible, within the budget."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from wsal.digests import digest_of
from wsal.errors import LLMError
from wsal.llm.answering import Complete, Metered, answer, most_calls
from wsal.llm.cache import Cache, Call, open_cache
from wsal.llm.calls import body_of, call_key, reply_of
from wsal.llm.client import Client
from wsal.llm.prompts import which_class
from wsal.llm.questions import Answer, Answers, Prompt, Question, Reply
from wsal.llm.settings import CACHE_FILE, LLMSettings
from wsal.llm.spending import Spend, cost_of, most, tokens_of, why_stopped
from wsal.progress import bar

FIRST = 20  # answers; if none of them is valid, no more are paid for
T = TypeVar("T")


class NotCachedError(Exception):
    """A call that has to be made first."""


@dataclass(frozen=True)
class Task(Generic[T]):
    """Something to find out by calls, and the most that these can spend."""

    work: Callable[[Complete], T]
    most: Spend


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
        prompts = [which_class(question).prompt for question in questions]
        tasks = {
            digest_of(prompt.messages): Task(
                partial(answer, question, self.settings),
                most(self.settings, prompt, most_calls(self.settings)),
            )
            for question, prompt in zip(questions, prompts, strict=True)
        }  # a question that occurs twice is asked once
        answers, stopped = self._within_budget(list(tasks.values()), purpose, self._look)
        by_prompt = dict(zip(tasks, answers, strict=False))
        in_order = [by_prompt.get(digest_of(prompt.messages)) for prompt in prompts]
        n = in_order.index(None) if None in in_order else len(in_order)
        return Answers([a for a in in_order[:n] if a], stopped)

    def complete(self, prompts: Sequence[Prompt], purpose: str) -> tuple[list[Reply], str]:
        """The replies to the first prompts, and why the others were not sent (the budget).

        Raises:
            LLMError, ConfigError: see `ask`.
        """
        tasks = [
            Task(partial(_complete, prompt), most(self.settings, prompt, 1)) for prompt in prompts
        ]
        return self._within_budget(tasks, purpose, lambda _: None)

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

    def _within_budget(
        self,
        tasks: Sequence[Task[T]],
        purpose: str,
        look: Callable[[Mapping[int, T]], None],
    ) -> tuple[list[T], str]:
        """The results of the first tasks, and why the others were not begun.

        `look` is shown the results so far, and may raise.
        """
        done: dict[int, T] = {}
        undone: dict[int, Spend] = {}  # number of a task -> the most that it can still spend
        with open_cache(self.cache) as cache:
            for number, task in enumerate(tasks):
                metered = Metered(partial(self._cached, cache))
                try:
                    done[number] = task.work(metered)
                except NotCachedError:
                    paid = Spend.of([reply.cost for reply in metered.replies])
                    undone[number] = task.most - paid
            look(done)
            why = self._work(tasks, undone, done, cache, purpose, look) if undone else ""
        n = next((number for number in range(len(tasks)) if number not in done), len(tasks))
        stopped = f"{n:,} of {len(tasks):,} were asked: {why}" if why else ""
        return [done[number] for number in range(n)], stopped

    def _work(
        self,
        tasks: Sequence[Task[T]],
        undone: Mapping[int, Spend],
        done: dict[int, T],
        cache: Cache,
        purpose: str,
        look: Callable[[Mapping[int, T]], None],
    ) -> str:
        """Do the tasks in their order, several at once; returns why it stopped, if it did.

        A task is begun while others run only if the budget suffices for the most that all of them
        can spend. So it would also have been begun after them, and timing makes no difference.
        """
        spent = Spend.of(cache.costs())
        waiting = sorted(undone, reverse=True)
        running: dict[Future[tuple[T, Spend]], int] = {}
        failed = threading.Event()
        client = Client(self.settings, partial(_pause, self.sleep, failed))
        call = partial(self._call, cache, client, purpose)
        pool = ThreadPoolExecutor(self.settings.parallel)
        try:
            with bar(f"asking {self.settings.model}", len(waiting), "texts") as advance:
                while waiting or running:
                    while waiting and len(running) < self.settings.parallel:
                        number = waiting[-1]
                        reserved = sum((undone[n] for n in running.values()), undone[number])
                        if not (spent + reserved).within(self.settings):
                            break
                        running[pool.submit(_spending, tasks[number].work, call)] = number
                        waiting.pop()
                    if not running:
                        return why_stopped(spent, undone[waiting[-1]], self.settings)
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        number = running.pop(future)
                        done[number], new = future.result()
                        spent += new
                        advance(1)
                    look(done)
        finally:
            failed.set()  # other calls in flight end, but are not tried again
            pool.shutdown(cancel_futures=True)
            client.http.close()
        return ""

    def _call(self, cache: Cache, client: Client, purpose: str, prompt: Prompt) -> Reply:
        """The reply to a prompt: from the cache, or else from the server, and then in the cache."""
        key = call_key(self.settings, prompt)
        if call := cache.get(key):
            return reply_of(call, cached=True)
        start = time.monotonic()
        request, reply = client.send(body_of(self.settings, prompt), key)
        seconds = time.monotonic() - start
        tokens = tokens_of(request, reply)
        cost = cost_of(self.settings.price, *tokens[:2])
        model = str(self.settings.model)
        made = cache.put(Call(key, purpose, model, request, reply, *tokens, cost, seconds))
        return reply_of(made, cached=False)

    def _cached(self, cache: Cache, prompt: Prompt) -> Reply:
        call = cache.get(call_key(self.settings, prompt))
        if call is None:
            raise NotCachedError
        return reply_of(call, cached=True)


class StoppedError(Exception):
    """Another call has failed for good, so this one is not tried again."""


def _pause(
    sleep: Callable[[float], object] | None, failed: threading.Event, seconds: float
) -> None:
    """Wait before another attempt, but not once another call has failed for good."""
    if sleep:
        sleep(seconds)
    if failed.wait(0 if sleep else seconds):
        raise StoppedError


def _spending(work: Callable[[Complete], T], call: Complete) -> tuple[T, Spend]:
    """The result of a task, and what it spent now."""
    metered = Metered(call)
    result = work(metered)
    return result, Spend.of([reply.cost for reply in metered.replies if not reply.cached])


def _complete(prompt: Prompt, complete: Complete) -> Reply:
    return complete(prompt)


def open_llm(settings: LLMSettings, run_dir: Path) -> LLM | None:
    """The language model of a run; None if there is none (`llm=none`)."""
    return LLM(settings, run_dir / CACHE_FILE) if settings.url else None
