"""Which mixture of people and a language model reaches a target at the lowest cost."""

from math import inf, log

from wsal.active.money import amount
from wsal.artifacts import Facts
from wsal.evaluation.forecast import forecast, log_evidence
from wsal.rounds.learning_curve import learning_curve, seconds_per_label, with_interval

LEAST_ODDS = 3.0  # that labels of the language model helped, to say how far they alone would lead
PEOPLE, MIXTURE, LLM = "people alone", "the mixture so far", "the language model alone"


def mixture_sentences(facts: Facts, price: float, metric: str, target: float) -> list[str]:
    """What the target costs by people, by the present mixture and by the language model, in words.

    Empty where no classifier was fine-tuned on a label of a language model. `facts` are those of
    the stage `assess`, `price` is that of an hour of an annotator.
    """
    llm = facts.get("llm")
    if not llm or not llm["labels"][-1]:
        return []
    if not llm["worth"]:
        return [
            "what the language model's labels are worth is unknown, as people judged none of them "
            "(annotator=cascade with annotator.audit), so mixtures cannot be compared"
        ]
    if not price or not seconds_per_label(facts):
        return ["to compare mixtures, annotators need a price (active.price_per_hour) and times"]
    low, middle, high = llm["worth"]
    prediction = forecast(learning_curve(facts, metric, middle), target)
    if not prediction.high:
        return []
    labels = (prediction.labels, prediction.low, prediction.high)
    share = llm["labels"][-1] / (facts["n_gold"] + llm["labels"][-1])
    lines = [
        f"a label of the language model counts as {middle:.2f} of a person's (80%: {low:.2f} to "
        f"{high:.2f}; {llm['right']} of {llm['audited']} audited ones were right); it made "
        f"{share:.0%} of the labels so far"
    ]
    ways = _cost_per_label(facts, price, middle)
    if not (shows := _rounds_show(facts, metric, middle)):
        ways.pop(LLM)
    for way, cost in ways.items():
        lines.append(f"{way}: {with_interval([n * cost for n in labels], amount)}")
    lines.append(_cheapest(facts, price, ways))
    if not shows:
        lines.append(f"the rounds do not show how far {LLM} would lead")
    return lines


def _cost_per_label(facts: Facts, price: float, worth: float) -> dict[str, float]:
    """By each way of getting labels, the cost of what is worth a label of a person."""
    llm, n_gold = facts["llm"], facts["n_gold"]
    people = (seconds_per_label(facts) or 0.0) / 3600 * price
    n_worth = worth * llm["labels"][-1]
    return {
        PEOPLE: people,
        MIXTURE: (n_gold * people + llm["rounds_cost"]) / (n_gold + n_worth)
        if n_gold + n_worth
        else inf,
        LLM: llm["rounds_cost"] / n_worth if n_worth else inf,
    }


def _cheapest(facts: Facts, price: float, ways: dict[str, float]) -> str:
    """The cheapest of some ways, if it is so at both ends of what a label may be worth."""
    cheapest = set()
    for worth in facts["llm"]["worth"]:
        costs = _cost_per_label(facts, price, worth)
        cheapest.add(min(ways, key=lambda way: costs[way]))
    if len(cheapest) == 1:
        return f"cheapest: {cheapest.pop()}"
    return (
        f"which is cheapest cannot be told from {facts['llm']['audited']} audited labels: "
        f"{' or '.join(sorted(cheapest))}"
    )


def _rounds_show(facts: Facts, metric: str, worth: float) -> bool:
    """Whether the learning curve shows that labels of the language model helped.

    If their share was about the same in all rounds, it cannot: the curve looks alike whatever they
    are worth. `LEAST_ODDS` is compared with a Bayes factor between `worth` and nothing.
    """
    if not all(assessed["n_gold"] for assessed in facts["rounds"][1:]):
        return False  # there is no curve of people's labels to compare with
    with_labels, without = (learning_curve(facts, metric, w) for w in (worth, 0.0))
    return log_evidence(with_labels) - log_evidence(without) >= log(LEAST_ODDS)
