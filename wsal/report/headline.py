"""The beginning of the report: how good the classifier is, what that cost, and what to do next."""

from collections.abc import Mapping
from typing import Any

from wsal.evaluation.sample import whole_sample
from wsal.inspection.judged import judged_texts
from wsal.inspection.run_view import RunView
from wsal.report.next_steps import next_steps
from wsal.report.outlook import assessments, price_per_hour
from wsal.report.section import Section
from wsal.rounds.assessment import LEVEL
from wsal.rounds.assessment import METRICS as ESTIMATES
from wsal.rounds.known_probs import split_probs
from wsal.rounds.split_gold import gold_of, has_gold
from wsal.run.bill import bill_of_run
from wsal.seeding import rng


def headline_section(view: RunView) -> Section:
    """Quality, labels, time and money, and the next steps."""
    facts = view.pool.facts
    figures = {
        "n_pool": facts["n_pool"],
        "n_classes": len(facts["labels"]),
        "n_rounds": len(view.of_rounds("finetune")),
        "quality": quality(view),
        "test": view.once(test_quality),
        **_labels(view),
        **_spent(view),
        "next": next_steps(view),
    }
    return Section("headline", "Overview", figures)


def quality(view: RunView) -> dict[str, Any] | None:
    """Both metrics of the newest classifier with 90% intervals; None if nothing measures it.

    After a round, they are what the stage `assess` says; before the first one, they are measured on
    the dev split.
    """
    assessed = assessments(view)
    if assessed and len(assessed) == len(view.of_rounds("finetune")):
        if not assessed[-1]["measured_on"]:
            return None
        newest = assessed[-1]["rounds"][-1]
        flat: dict[str, Any] = {name: _without_variance(newest[name]) for name in ESTIMATES}
        of_tree = {name: newest[name] for name in ("levels", "hierarchical") if name in newest}
        if of_tree:
            n, n_coded = (assessed[-1]["n_measured"][key] for key in ("class", "all"))
            of_tree |= {"n_texts": n, "n_parents": n_coded - n}
        return {"measured_on": assessed[-1]["measured_on"], **flat, **of_tree}
    judged = view.once(judged_texts)
    if judged is None:
        return None
    sample, probs = judged.reference.sample, judged.frame_probs
    return {"measured_on": judged.reference.name} | _estimates(view, sample, probs)


def test_quality(view: RunView) -> dict[str, Any] | None:
    """Both metrics of the newest classifier on the test split; None if there is no such split."""
    if not view.classifiers or not has_gold(view.pool, "test"):
        return None
    probs = split_probs(view.pool, view.classifiers[-1], "test")
    gold, weights = gold_of(view.pool, "test")
    n = len(probs)
    sample = whole_sample(gold[:n], weights[:n], len(view.labels))
    return {"n": n} | _estimates(view, sample, probs)


def _estimates(view: RunView, sample: Any, probs: Any) -> dict[str, Any]:  # noqa: ANN401
    seed = int(view.config["seed"])
    estimates = {
        name: estimate(sample, probs, rng(seed, "report", name), LEVEL)
        for name, estimate in ESTIMATES.items()
    }
    return {
        name: {key: round(getattr(e, key), 6) for key in ("value", "low", "high")}
        for name, e in estimates.items()
    }


def _without_variance(estimate: Mapping[str, float]) -> dict[str, float]:
    return {key: estimate[key] for key in ("value", "low", "high")}


def _labels(view: RunView) -> dict[str, Any]:
    """Labels that were trained on, and that measure; by people and by a language model."""
    tuned, assessed, asked = view.of_rounds("finetune"), assessments(view), view.artifact("ask")
    return {
        "n_gold": tuned[-1].facts["n_gold"] if tuned else 0,
        "n_evaluation": assessed[-1]["n_evaluation"] if assessed else 0,
        "n_llm": asked.facts["statuses"].get("class", 0) if asked else 0,
    }


def _spent(view: RunView) -> dict[str, Any]:
    """The bill, and minutes of people; None where no answer was timed."""
    assessed, asked = assessments(view), view.artifact("ask")
    facts = assessed[-1] if assessed else asked.facts if asked else {}
    bill = bill_of_run(view.run_dir, facts, price_per_hour(view))
    minutes = None if bill.seconds is None else round(bill.seconds / 60, 2)
    return {"bill": bill.facts(), "minutes": minutes, "bill_in_words": bill.sentences()}
