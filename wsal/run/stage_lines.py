"""The facts of each stage in one line, with all details: `wsal status` and `--verbose`."""

from collections.abc import Callable

from wsal.active.money import amount
from wsal.annotation.set_aside import of_removed_message, set_aside_message
from wsal.artifacts import Facts
from wsal.run.quality_lines import UNMEASURED, metrics_of, quality_of
from wsal.run.vote_report import console


def _prepare(facts: Facts) -> str:
    n_bad, shards = facts.get("n_bad_records"), facts.get("rows_of_shards")
    bad = f"; records that cannot be parsed: {n_bad:,}, in pool/bad_records.jsonl" if n_bad else ""
    n = facts.get("n_without_class")
    without = f"; {n:,} texts of no class, left out of dev and test" if n else ""
    return (
        f"{facts['n_rows']:,} rows -> pool {facts['n_pool']:,}"
        f"{f' in {len(shards)} files' if shards else ''}, dev {facts['n_dev']:,}, "
        f"test {facts['n_test']:,}; {len(facts['labels'])} classes; "
        f"{facts['n_duplicates']:,} duplicates merged{without}{bad}{_edited(facts)}"
    )


def _edited(facts: Facts) -> str:
    """What edits of the classes did."""
    if not (edits := facts.get("edits")):
        return ""
    n = facts.get("n_gold_left_out", 0)
    lost = f", {n:,} gold labels left out (their class was split or removed)" if n else ""
    return f"; {len(edits)} edit{'s' * (len(edits) != 1)} of classes{lost}"


def _vote(facts: Facts) -> str:
    abstaining = facts.get("abstaining", [])
    removed = (
        f"; rules that abstain because a class that they name was removed: {', '.join(abstaining)}"
    )
    shares = ", ".join(f"{name} {facts[name]:.3f}" for name in ("coverage", "overlap", "conflict"))
    return f"{facts['n_rules']} rules; {shares}{removed if abstaining else ''}"


def _ask(facts: Facts) -> str:
    """How many texts were answered and why they were asked, and what that cost."""
    if not facts["n_planned"]:
        return "no text to ask (llm.texts)"
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in facts["reasons"].items())
    statuses = dict(facts["statuses"])
    parts = [f"{statuses.pop('class', 0):,} of {facts['n_asked']:,} texts answered ({reasons})"]
    parts += [f"{n:,} {status}" for status, n in statuses.items()]
    parts.append(_spent(facts))
    return "; ".join([*parts, facts["stopped"]] if facts["stopped"] else parts)


def _spent(facts: Facts) -> str:
    """What a stage's calls of a language model took; the cost only where tokens have a price."""
    spent = facts["llm"]
    tokens = spent["input_tokens"] + spent["output_tokens"]
    cost = f", cost {spent['cost']:.4g}" if spent["cost"] else ""
    return f"{spent['calls']:,} calls, {tokens:,} tokens{cost}"


def _aggregate(facts: Facts) -> str:
    parts = [f"weak labels for {facts['n_covered']:,} of {facts['n_texts']:,} texts"]
    parts += [f"rules alone: {quality_of(facts)}", facts["label_model"]]
    if not facts["n_covered"]:
        parts = [f"no rule votes on any of the {facts['n_texts']:,} texts"]
    if facts.get("n_answered"):
        parts.append(f"{facts['n_answered']:,} texts answered by a language model; {facts['llm']}")
    return "; ".join(parts)


def _tokenise(facts: Facts) -> str:
    return f"{facts['n_pieces']:,} word pieces in the pool, {facts['pieces_per_text']} per text"


def _pretrain(facts: Facts) -> str:
    refined = ""
    if part := facts.get("refined"):
        refined = f"not refined ({'worse on dev' if 'on_dev' in part else 'too many'}), "
        if part["n_refined"]:
            refined = f"refined: {part['n_changed']:,} changed, {part['n_added']:,} added, "
    return (
        f"{facts['n_texts']:,} weak labels, {refined}{facts['n_steps']} steps; {quality_of(facts)}"
    )


def _embed(facts: Facts) -> str:
    return f"{facts['n_texts']:,} texts, {facts['n_dims']} dimensions"


def _select(facts: Facts) -> str:
    early = f", {n} answered early" if (n := facts.get("n_early")) else ""
    if n := facts.get("n_yes_or_no"):
        early += f", {n} by yes or no"
    for noun in ("words", "groups"):
        if n := facts.get(f"n_{noun}"):
            early += f", and {n} {noun} to ask about"
    return (
        f"{facts['n_asked']} texts to label, {facts['n_evaluation']} of them for evaluation"
        f"{early}; "
        f"{facts['n_candidates']:,} candidates of {facts['n_left']:,} unlabelled texts"
    )


def _annotate(facts: Facts) -> str:
    none = f" ({n} of them: none of these)" if (n := facts.get("n_none")) else ""
    parts = [f"{facts['n_labels']} labels{none}, {facts['n_skipped']} skipped"]
    if "n_words" in facts:
        parts.append(f"{facts['n_words']} words answered, {facts['n_depends']} of them: it depends")
    if "n_groups" in facts:
        n, n_not = facts["n_groups"], facts["n_not_all"]
        parts.append(f"{n} groups answered, {n_not} of them: not all of one class")
    if "n_llm" in facts:
        parts.append(_by_model(facts))
    if n := facts.get("n_unseen"):
        parts.append(f"{n} not answered (later rounds may select them again)")
    return "; ".join([*parts, *facts.get("notes", [])])


def _by_model(facts: Facts) -> str:
    """Who answered how many texts of a round, and what the language model cost."""
    line = f"language model {facts['n_llm']}, people {facts['n_people']}"
    if n := facts["n_audited"]:
        line += f" ({n} of them an audit)"
    if n := facts["n_sure"]:
        line += f"; {n} not asked (the classifier is sure)"
    if names := facts.get("returned_classes"):
        line += f"; back to people: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
    return f"{line}; {_spent(facts)}"


def _reweigh(facts: Facts) -> str:
    parts = [f"{facts['n_gold']} gold labels"]
    if n := facts.get("n_words"):
        parts.append(f"{n} words answered")
    if "set_aside" in facts and (message := set_aside_message(facts["set_aside"])):
        parts.append(message)
    if message := of_removed_message(facts.get("of_removed", {})):
        parts.append(message)
    if not facts["n_covered"]:
        return "; ".join([*parts, "no votes to weigh"])
    return "; ".join([*parts, facts["checked"], _before_after(facts), facts["label_model"]])


def _before_after(facts: Facts) -> str:
    """Quality of weak labels without and with gold labels, on texts with votes."""
    for split in ("test", "dev"):
        before, after = (f["covered"].get(split, {}) for f in (facts["before"], facts))
        if "log_loss" in before:
            changes = ", ".join(
                f"{name.replace('_', ' ')} {before[name]:.3f} -> {after[name]:.3f}"
                for name in ("log_loss", "calibration_error", "accuracy")
            )
            return f"on {split} texts with votes: {changes}"
    return UNMEASURED


def _retrain(facts: Facts) -> str:
    """How far the weak labels moved, and what training on them anew brought."""
    moved, least = facts["distance"], facts["least_distance"]
    if moved is None:
        return "off" if least is None else "off, as there is no weak training (pretrain.epochs=0)"
    line = f"weak labels moved by {moved:.3f} since the last weak training"
    if not facts["trained"]:
        return f"{line}; less than retrain.distance={least}, so not trained anew"
    steps = f"{facts['n_texts']:,} weak labels, {facts['n_steps']} steps; {quality_of(facts)}"
    parts = [line, steps]
    if compared := facts.get("gain"):
        change = f"{compared['value']:+.3f} [{compared['low']:+.3f}, {compared['high']:+.3f}]"
        parts.append(
            f"macro-F1 {compared['before']:.3f} -> {compared['after']:.3f}, {change}, on "
            f"{compared['on']}"
        )
    else:
        parts.append("no dev split or evaluation sample shows whether it helps")
    return "; ".join([*parts, "kept" if facts["kept"] else "worse, so not kept"])


def _finetune(facts: Facts) -> str:
    parts = [f"{facts['n_gold']} gold labels"]
    if n := facts.get("n_answered"):
        parts.append(f"{n:,} texts answered by a language model, {facts['n_llm']} of them accepted")
    return "; ".join([*parts, quality_of(facts)])


def _assess(facts: Facts) -> str:
    """Quality, what the round brought, and what it cost."""
    parts = [f"{facts['n_gold']} gold labels"]
    if facts["measured_on"]:
        newest = facts["rounds"][-1]
        for key, name in metrics_of(newest).items():
            value, gain = newest[key], facts["gain"][key]
            parts.append(
                f"{name} {value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}], "
                f"gain {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
            )
        parts.append(f"measured on {facts['measured_on']}")
    if facts["seconds"] is not None:
        parts.append(f"{facts['seconds'] / 60:.1f} min of annotation")
    if llm := facts.get("llm"):
        parts.append(f"language model {llm['calls']:,} calls, {amount(llm['cost'])}")
    if facts["agreement"] is not None:
        parts.append(f"agreement with the previous round {facts['agreement']:.3f}")
    return "; ".join(parts)


def _export(facts: Facts) -> str:
    """The folder, and the share of labels on which each format agrees with torch."""
    formats = ", ".join(
        f"{name} {result if isinstance(result, str) else format(result, '.2%')}"
        for name, result in facts["formats"].items()
    )
    shown = f"agreement with torch: {formats}" if formats else "torch only"
    return f"{facts['folder']}; {shown}{_rejection(facts.get('rejection', {}))}"


def _rejection(facts: Facts) -> str:
    """How well texts of no class are rejected, if they are."""
    if not facts:
        return ""
    if "left_out" in facts:
        return f"; rejects no text: {facts['left_out']}"
    auroc = f"{facts['method']}, AUROC {facts['auroc']:.3f} on {facts['measured_on']}"
    others = " and, if hard, probably more on others" if facts.get("measured_on_answers") else ""
    return f"; rejects texts of no class ({auroc}{others})"


LINES: dict[str, Callable[[Facts], str]] = {
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
"""Stage -> its facts in one line."""


def print_line(line: str) -> None:
    """Print a line as it is, however long."""
    console().print(line, highlight=False, markup=False, soft_wrap=True)
