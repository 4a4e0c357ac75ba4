"""What to do next with a run, in sentences."""

import shlex
from collections import Counter
from shlex import quote
from typing import Any

from wsal.active.stopping import how_to_measure
from wsal.inspection.judged import judged_texts
from wsal.inspection.outdated import outdated
from wsal.inspection.run_view import RunView
from wsal.report.exported import exported_model
from wsal.report.outlook import assessments, outlook, verdicts_now
from wsal.report.words import as_sentence

NAMED = 3  # stages that are out of date
Step = dict[str, Any]
"""`text`, and maybe the `command` that does it, or the `section` that shows more."""


def next_steps(view: RunView) -> list[Step]:
    """The next steps, the most urgent first."""
    states = [*_outdated(view), *_unfinished(view)]
    return [*states, *_stopped(view), *_forecast(view), *_errors(view), *_use(view)]


def _outdated(view: RunView) -> list[Step]:
    names = outdated(view)
    if not names:
        return []
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" * (len(names) > NAMED))
    text = (
        "Figures of this page do not belong together: what these stages were made from has changed "
        f"since ({listed}). The same command as before makes them again. All of them:"
    )
    return [{"text": text, "command": shlex.join(["wsal", "status", str(view.run_dir)])}]


def _unfinished(view: RunView) -> list[Step]:
    if not view.classifiers:
        return [{"text": "No classifier is trained yet. Run the same command again to continue."}]
    last = view.rounds[-1] if view.rounds else None
    if last and last["select"] and not last["annotate"]:
        n = last["select"].facts["n_asked"]
        text = (
            f"Round {last.number} waits for answers to {n:,} texts. Answer them, then run the same "
            "command again."
        )
        return [{"text": text}]
    if last and not last["assess"]:
        text = f"Round {last.number} is not finished. Run the same command again to continue."
        return [{"text": text}]
    return []


def _stopped(view: RunView) -> list[Step]:
    return [
        {"text": f"A stop rule holds: {verdict['words']}", "section": "curve"}
        for verdict in verdicts_now(view)
        if verdict["holds"]
    ]


def _forecast(view: RunView) -> list[Step]:
    ahead = view.once(outlook)
    if ahead:
        far = ahead.prediction.beyond and not ahead.reached
        words = ahead.sentences[0] + (" That is far beyond the rounds so far." if far else "")
        return [{"text": words, "section": "curve"}]
    if assessed := assessments(view):
        advice = how_to_measure(assessed[-1].get("n_frame"))
        return [{"text": f"Measure the quality: {as_sentence(advice)}"}]
    return []


def _errors(view: RunView) -> list[Step]:
    """The most frequent kind of error."""
    judged = view.once(judged_texts)
    if judged is None or not judged.wrong.any():
        return []
    pairs = Counter(
        zip(
            judged.gold[judged.wrong].tolist(), judged.predicted[judged.wrong].tolist(), strict=True
        )
    )
    (gold, predicted), n = min(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    names, total = view.labels.names, int(judged.wrong.sum())
    text = (
        f"The most frequent error is “{names[gold]}” taken for “{names[predicted]}” ({n:,} of "
        f"{total:,} errors). Read these texts, and fix them with a rule if you can:"
    )
    command = f"wsal workspace {quote(str(view.run_dir))}"
    return [{"text": text, "command": command, "section": "confusion"}]


def _use(view: RunView) -> list[Step]:
    exported = exported_model(view)
    if not exported:
        return []
    return [
        {
            "text": "The model is exported. Try it:",
            "command": shlex.join(["wsal", "serve", str(exported.path)]),
        }
    ]
