"""Rules that a language model writes: proposed with evidence, or left out with a reason.

None of them is used before a person copies it into a file of rules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from wsal.llm.asking import LLM
from wsal.llm.questions import Reply
from wsal.rules.patterns import Keyword, Regex
from wsal.seeding import rng
from wsal.suggestion.proposals import PATTERNS, Proposal, comment, rule_name, to_yaml
from wsal.suggestion.rule_evidence import Evidence, conflicts, judge
from wsal.suggestion.rule_precision import LEVEL
from wsal.suggestion.rule_prompts import KnownOfClasses, rule_prompts
from wsal.suggestion.rule_replies import Drafts, drafts_of, faulty, quoted
from wsal.suggestion.suggest import LabelledSample, Suggestions
from wsal.suggestion.terms import MIN_GOLD

PURPOSE = "rules"  # of the calls, in the log
EXAMPLES = 3  # texts shown with each rule
LONGEST = 100  # characters of such a text
LISTED = 30  # things left out for the same reason
LONGEST_LINE = 200  # characters of the line for each of them


@dataclass(frozen=True)
class Kept:
    """A rule to propose."""

    rule: Keyword | Regex
    words: dict[str, str]
    """The evidence for each word."""
    precision: tuple[float, float, float] | None = None
    """Of a pattern, estimate and interval."""


@dataclass
class Written:
    """What became of the rules that a language model wrote."""

    model: str
    proposals: list[Proposal] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What wsal cannot use, with the reason."""
    unused: list[str] = field(default_factory=list)
    """What votes on no text of the sample."""
    repeated: list[str] = field(default_factory=list)
    """What existing rules or other suggestions do already."""
    imprecise: list[str] = field(default_factory=list)
    """What gold labels speak against."""
    calls: list[Reply] = field(default_factory=list)
    n_prompts: int = 0
    stopped: str = ""
    """Why some classes were not asked about; empty if all were."""


def write_rules(
    llm: LLM, known: KnownOfClasses, sample: LabelledSample, mined: Suggestions, precision: float
) -> Written:
    """Ask for rules, a few classes at a time, and judge them.

    Args:
        llm: the language model of the run.
        known: what it is shown.
        sample: the texts that the evidence is from.
        mined: the suggestions that were made without a language model.
        precision: a word is left out if the whole interval of its precision is below this; with
            too little gold for estimates, none is.

    Raises:
        LLMError: the server cannot be reached, or fails.
    """
    prompts = rule_prompts(known)
    replies, stopped = llm.complete(prompts, PURPOSE)
    repairs = faulty(prompts, replies)
    again, _ = llm.complete([*repairs.values()], PURPOSE) if repairs else ([], "")
    usable = {**dict(enumerate(replies)), **dict(zip(repairs, again, strict=False))}
    drafts = drafts_of([*usable.values()], sample.labels)
    written = Written(
        model=llm.settings.model or "the language model",
        refused=drafts.refused,
        calls=[*replies, *again],
        n_prompts=len(prompts),
        stopped=stopped,
    )
    _propose(drafts, sample, mined, precision, written)
    return written


def report(written: Written, sample: LabelledSample, precision: float) -> Iterator[str]:
    """The rules as YAML, and as comments what was left out and what the calls cost."""
    yield f"\n# --- written by {comment(written.model)}: read each rule before you use it"
    n_gold = int((sample.gold >= 0).sum())
    if n_gold < MIN_GOLD:
        yield (
            f"# Their precision is unknown: an estimate needs {MIN_GOLD} gold labels, and {n_gold} "
            "are known.\n"
        )
    else:
        yield (
            f"# The comment after each word: texts that contain it, estimated precision "
            f"({LEVEL:.0%} interval), gold labels.\n"
        )
    yield to_yaml(written.proposals) if written.proposals else "# No rule can be proposed."
    reasons = (
        ("invalid", written.refused),
        (f"in none of the {len(sample.gold):,} texts that were read", written.unused),
        ("repeats an existing rule or a suggestion above", written.repeated),
        (f"precision below {precision:.2f}, as far as gold labels tell", written.imprecise),
    )
    yield f"\n# Written by {comment(written.model)}, but left out:"
    for reason, things in reasons:
        yield f"#   {reason}: {len(things):,}"
        different = [*dict.fromkeys(comment(thing)[:LONGEST_LINE] for thing in things)]
        yield from (f"#     {thing}" for thing in different[:LISTED])
        if len(different) > LISTED:
            yield f"#     ... and {len(different) - LISTED:,} more"
    yield from (f"# {comment(line)}" for line in _bill(written))


def _bill(written: Written) -> Iterator[str]:
    calls = written.calls
    paid = [call for call in calls if not call.cached]
    yield (
        f"{len(calls)} call{'s' * (len(calls) != 1)}, {len(calls) - len(paid)} of them answered "
        f"from the cache; {sum(call.input_tokens for call in paid):,} tokens sent, "
        f"{sum(call.output_tokens for call in paid):,} received, "
        f"cost {sum(call.cost for call in paid):.4f}."
    )
    if written.stopped:
        yield f"Some classes were not asked about: {written.stopped}"


def _propose(
    drafts: Drafts, sample: LabelledSample, mined: Suggestions, precision: float, written: Written
) -> None:
    """Judge each word and each pattern alone, and propose rules of those that are left."""
    singles = [(draft, word) for draft in drafts.rules for word in draft.words]
    patterns = [(draft, draft.regex()) for draft in drafts.rules if draft.pattern]
    rules: list[Keyword | Regex] = [draft.single(word) for draft, word in singles]
    rules += [regex for _, regex in patterns if regex]
    labels = [sample.labels.index(rule.label) for rule in rules]
    judged = judge(rules, labels, sample)
    taken = _mined_words(mined)
    words: dict[int, dict[str, str]] = {}
    for (draft, word), evidence in zip(singles, judged, strict=False):
        where = f"{draft.label}: {quoted(word)}"
        if (draft.label, word.lower()) in taken:
            written.repeated.append(f"{where} (suggested above)")
        elif _is_kept(where, evidence, sample, precision, written):
            words.setdefault(id(draft), {})[word] = evidence.short(sample)
        taken.add((draft.label, word.lower()))
    kept = [
        Kept(Keyword(draft.label, (*words[id(draft)],), draft.unless), words[id(draft)])
        for draft in drafts.rules
        if id(draft) in words
    ]
    for (draft, regex), evidence in zip(patterns, judged[len(singles) :], strict=True):
        where = f"{draft.label}: pattern {quoted(draft.pattern or '')}"
        if regex and _is_kept(where, evidence, sample, precision, written):
            kept.append(Kept(regex, {}, evidence.precision))
    written.proposals += _proposals(kept, sample, mined, written.model)


def _is_kept(
    where: str, evidence: Evidence, sample: LabelledSample, precision: float, written: Written
) -> bool:
    """Whether a word or pattern is proposed; if not, why is noted."""
    if not len(evidence.rows):
        written.unused.append(where)
    elif evidence.same_as:
        written.repeated.append(f"{where} ({evidence.same_as} has these votes)")
    elif evidence.precision and evidence.precision[2] < precision:
        written.imprecise.append(f"{where} ({evidence.short(sample)})")
    else:
        return True
    return False


def _mined_words(mined: Suggestions) -> set[tuple[str, str]]:
    """Class and word of every keyword suggested without a language model."""
    return {
        (proposal.node["label"], word.lower())
        for proposal in (*mined.names, *mined.terms)
        for word in proposal.node.get("words", ())
    }


def _proposals(
    kept: Sequence[Kept], sample: LabelledSample, mined: Suggestions, model: str
) -> list[Proposal]:
    """The rules with the evidence for each as a whole."""
    rules = [item.rule for item in kept]
    labels = [sample.labels.index(rule.label) for rule in rules]
    judged = [
        replace(evidence, precision=item.precision)
        for item, evidence in zip(kept, judge(rules, labels, sample), strict=True)
    ]
    above = (*mined.names, *mined.terms, *mined.mistakes)
    used = [*sample.nodes, *(proposal.name for proposal in above)]
    names: list[str] = []
    for rule in rules:
        kind = "llm" if isinstance(rule, Keyword) else "llm pattern"
        names.append(rule_name(f"{rule.label} {kind}", [*used, *names]))
    worst = conflicts([evidence.rows for evidence in judged], labels, len(sample.gold))
    proposals = []
    for number, (item, evidence) in enumerate(zip(kept, judged, strict=True)):
        why = [_coverage(evidence, sample, model), evidence.summary(sample)]
        if number in worst:
            other, n = worst[number]
            why.append(f"{names[other]} votes for another class on {sample.scaled(n)} of its texts")
        drawn = rng(0, "rule examples", names[number]).permutation(evidence.rows)[:EXAMPLES]
        why += [f"in: {sample.records['text'][int(row)][:LONGEST]}" for row in drawn]
        why = [comment(line) for line in why]
        proposals.append(Proposal(names[number], _node(item.rule), why, item.words))
    return proposals


def _coverage(evidence: Evidence, sample: LabelledSample, model: str) -> str:
    n, share = len(evidence.rows), len(evidence.rows) / max(len(sample.gold), 1)
    new = f", {sample.scaled(evidence.n_new)} of them without a vote so far" if sample.nodes else ""
    return f"written by {model}; votes on {sample.scaled(n)} texts ({share:.1%}){new}"


def _node(rule: Keyword | Regex) -> dict[str, str | list[str]]:
    node: dict[str, str | list[str]] = {
        "_target_": f"{PATTERNS}.{type(rule).__name__}",
        "label": rule.label,
    }
    if isinstance(rule, Regex):
        return node | {"pattern": rule.pattern} | ({"unless": rule.unless} if rule.unless else {})
    return node | {"words": [*rule.words]} | ({"unless": [*rule.unless]} if rule.unless else {})
