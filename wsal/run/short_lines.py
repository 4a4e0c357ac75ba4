"""The facts of each stage in one short line: what was made, and the figure that matters most."""

from collections.abc import Callable

from wsal.artifacts import Facts
from wsal.run.quality_lines import UNMEASURED


def _prepare(facts: Facts) -> str:
    line = f"{facts['n_pool']:,} texts, {len(facts['labels'])} classes"
    splits = [f"{split} {n:,}" for split in ("dev", "test") if (n := facts[f"n_{split}"])]
    return f"{line}; {', '.join(splits)}" if splits else line


def _vote(facts: Facts) -> str:
    if not facts["n_rules"]:
        return "no rules"
    cover = "covers" if facts["n_rules"] == 1 else "cover"
    line = f"{_counted(facts['n_rules'], 'rule')} {cover} {facts['coverage']:.0%} of the pool"
    return f"{line}, {facts['conflict']:.0%} in conflict"


def _ask(facts: Facts) -> str:
    if not facts["n_planned"]:
        return "no text to ask (llm.texts)"
    n_classes = facts["statuses"].get("class", 0)
    cost = facts["llm"]["cost"]
    line = f"{n_classes:,} of {_counted(facts['n_asked'], 'text')} answered"
    return f"{line}, cost {cost:.4g}" if cost else line


def _aggregate(facts: Facts) -> str:
    if not facts["n_covered"]:
        return f"no rule votes on any of the {facts['n_texts']:,} texts"
    return f"{_counted(facts['n_covered'], 'weak label')}: {_macro_f1(facts)}"


def _tokenise(facts: Facts) -> str:
    return f"{facts['n_pieces']:,} word pieces, {facts['pieces_per_text']} in a text"


def _pretrain(facts: Facts) -> str:
    return f"trained on {_counted(facts['n_texts'], 'weak label')}: {_macro_f1(facts)}"


def _embed(facts: Facts) -> str:
    return f"{_counted(facts['n_texts'], 'text')} in {facts['n_dims']} dimensions"


def _select(facts: Facts) -> str:
    about = [(facts["n_evaluation"], "for evaluation"), (facts.get("n_early", 0), "early")]
    line = f"{_counted(facts['n_asked'], 'text')} to label"
    if shown := [f"{n:,} {what}" for n, what in about if n]:
        line += f" ({', '.join(shown)})"
    beside = [_counted(n, noun) for noun in ("word", "group") if (n := facts.get(f"n_{noun}s"))]
    return " and ".join([line, *beside])


def _annotate(facts: Facts) -> str:
    parts = [_counted(facts["n_labels"], "label")]
    if n := facts.get("n_llm"):
        parts[0] += f" ({n:,} by a model)"
    if n := facts.get("n_none"):
        parts[0] += f" ({n:,} none of these)"
    parts += [_counted(n, noun) for noun in ("word", "group") if (n := facts.get(f"n_{noun}s"))]
    if n := facts["n_skipped"]:
        parts.append(f"{n:,} skipped")
    return ", ".join(parts)


def _reweigh(facts: Facts) -> str:
    if not facts["n_covered"]:
        return f"{_counted(facts['n_gold'], 'gold label')}; no votes to weigh"
    if facts["gold_used"]:
        return f"rules reweighed with {_counted(facts['n_gold'], 'gold label')}"
    return f"rules keep their weights; {_counted(facts['n_gold'], 'gold label')} so far"


def _retrain(facts: Facts) -> str:
    if facts["distance"] is None:
        return "off"
    if not facts["trained"]:
        return f"weak labels changed by {facts['distance']:.3f}: not trained again"
    if not facts["kept"]:
        return "trained again: worse, so not kept"
    return f"trained again: {_macro_f1(facts)}{'' if 'gain' in facts else ', not checked'}"


def _finetune(facts: Facts) -> str:
    if n := facts.get("n_answered"):
        return f"{facts['n_gold']:,} gold, {n:,} model labels: {_macro_f1(facts)}"
    return f"trained on {_counted(facts['n_gold'], 'gold label')}: {_macro_f1(facts)}"


def _assess(facts: Facts) -> str:
    if not facts["measured_on"]:
        return "not measured: no evaluation sample, no dev split"
    quality = facts["rounds"][-1]["macro_f1"]
    on_dev = facts["measured_on"].startswith("the dev split")
    on = "the dev split" if on_dev else f"a sample of {facts['n_evaluation']:,}"
    return f"macro-F1 {quality['value']:.3f} [{quality['low']:.3f}, {quality['high']:.3f}] on {on}"


def _export(facts: Facts) -> str:
    names = [name for name, result in facts["formats"].items() if not isinstance(result, str)]
    return f"{facts['folder']} ({', '.join(names)})" if names else facts["folder"]


def _macro_f1(facts: Facts) -> str:
    """Quality on the test split, else on the dev split."""
    for split in ("test", "dev"):
        if split in facts:
            return f"{split} macro-F1 {facts[split]['macro_f1']:.3f}"
    return UNMEASURED


def _counted(n: int, noun: str) -> str:
    """A number of things.

    >>> _counted(1, "rule"), _counted(1200, "text")
    ('1 rule', '1,200 texts')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


SHORT_LINES: dict[str, Callable[[Facts], str]] = {
    "prepare": _prepare,
    "vote": _vote,
    "ask": _ask,
    "aggregate": _aggregate,
    "tokenise": _tokenise,
    "pretrain": _pretrain,
    "embed": _embed,
    "select": _select,
    "annotate": _annotate,
    "reweigh": _reweigh,
    "retrain": _retrain,
    "finetune": _finetune,
    "assess": _assess,
    "export": _export,
}
"""Stage -> its facts in about 50 characters. `stage_lines.LINES` has all of them."""
