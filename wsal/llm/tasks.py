"""Tasks that need calls: several at once, within the budget, with the same result each time."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from wsal.llm.answering import Complete, Metered
from wsal.llm.calling import Caller, NotCachedError
from wsal.llm.client import Client
from wsal.llm.spending import Spend, why_stopped
from wsal.progress import bar

T = TypeVar("T")
Sleep = Callable[[float], object]
Look = Callable[[Mapping[int, T]], None]


@dataclass(frozen=True)
class Task(Generic[T]):
    """Something to find out by calls, and the most that these can spend."""

    key: str  # tasks with the same key are done once
    work: Callable[[Complete], T]
    most: Spend


class StoppedError(Exception):
    """Another call has failed for good, so this one is not tried again."""


def results(
    tasks: Sequence[Task[T]], caller: Caller, sleep: Sleep | None, look: Look[T]
) -> tuple[list[T], str]:
    """The results of the first tasks, and why the others were not begun (the budget).

    Args:
        tasks: what to find out.
        caller: makes the calls.
        sleep: what waits between attempts; None: a wait that ends when another call has failed.
        look: is shown the results so far, by number, again and again; it may raise.

    Raises:
        LLMError: see `Client.send`.
    """
    unique = {task.key: task for task in tasks}
    first, why = _first_results(list(unique.values()), caller, sleep, look)
    by_key = dict(zip(unique, first, strict=False))
    n = next((n for n, task in enumerate(tasks) if task.key not in by_key), len(tasks))
    stopped = f"{n:,} of {len(tasks):,} were asked: {why}" if why else ""
    return [by_key[task.key] for task in tasks[:n]], stopped


def _first_results(
    tasks: Sequence[Task[T]], caller: Caller, sleep: Sleep | None, look: Look[T]
) -> tuple[list[T], str]:
    """The same for tasks that differ, with a shorter reason."""
    done: dict[int, T] = {}
    undone: dict[int, Spend] = {}  # number of a task -> the most that it can still spend
    for number, task in enumerate(tasks):
        metered = Metered(caller.cached)
        try:
            done[number] = task.work(metered)
        except NotCachedError:
            paid = Spend.of([reply.cost for reply in metered.replies])
            undone[number] = task.most - paid
    look(done)
    why = _work(tasks, undone, done, caller, sleep, look) if undone else ""
    n = next((number for number in range(len(tasks)) if number not in done), len(tasks))
    return [done[number] for number in range(n)], why


def _work(
    tasks: Sequence[Task[T]],
    undone: Mapping[int, Spend],
    done: dict[int, T],
    caller: Caller,
    sleep: Sleep | None,
    look: Look[T],
) -> str:
    """Do the tasks in their order, several at once; returns why it stopped, if it did.

    A task is begun while others run only if the budget suffices for the most that all of them can
    spend. So it would also have been begun after them, and timing makes no difference.
    """
    settings = caller.settings
    spent = Spend.of(caller.cache.costs())
    waiting = sorted(undone, reverse=True)
    running: dict[Future[tuple[T, Spend]], int] = {}
    failed = threading.Event()
    client = Client(settings, partial(_pause, sleep, failed))
    pool = ThreadPoolExecutor(settings.parallel)
    try:
        with bar(f"asking {settings.model}", len(waiting), "texts") as advance:
            while waiting or running:
                while waiting and len(running) < settings.parallel:
                    number = waiting[-1]
                    reserved = sum((undone[n] for n in running.values()), undone[number])
                    if (spent + reserved).too_much(settings):
                        break
                    reply = partial(caller.reply, client)
                    running[pool.submit(_spending, tasks[number].work, reply)] = waiting.pop()
                if not running:
                    return why_stopped(spent, undone[waiting[-1]], settings)
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


def _pause(sleep: Sleep | None, failed: threading.Event, seconds: float) -> None:
    """Wait before another attempt, but not once another call has failed for good."""
    if sleep:
        sleep(seconds)
    if failed.wait(0 if sleep else seconds):
        raise StoppedError


def _spending(work: Callable[[Complete], T], reply: Complete) -> tuple[T, Spend]:
    """The result of a task, and what it spent now."""
    metered = Metered(reply)
    result = work(metered)
    return result, Spend.of([reply.cost for reply in metered.replies if not reply.cached])
