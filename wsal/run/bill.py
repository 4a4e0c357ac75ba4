"""The bill of a run: what its artifacts say, and every call that was paid."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsal.active.money import Bill, bill_of
from wsal.llm.cache import open_cache
from wsal.llm.settings import CACHE_FILE


def spent_on_llm(run_dir: Path) -> tuple[int, float]:
    """How many calls to the language model a run has paid for, and what they cost."""
    path = run_dir / CACHE_FILE
    if not path.exists():
        return 0, 0.0
    with open_cache(path) as cache:
        costs = cache.costs()
    return len(costs), sum(costs)


def bill_of_run(run_dir: Path, facts: Mapping[str, Any], price_per_hour: float) -> Bill:
    """The bill after a round, with the calls that its answers do not need any more.

    These are calls of `wsal review` and `wsal rules suggest`, and those made with other settings or
    other data. The arguments `facts` and `price_per_hour` are those of `bill_of`.
    """
    bill, path = bill_of(facts, price_per_hour), run_dir / CACHE_FILE
    if not path.exists():
        return bill
    with open_cache(path) as cache:
        return bill.with_all_calls(cache.costs())
