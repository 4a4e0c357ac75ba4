"""What the workspace knows of the run: groups, rules, and which texts somebody was shown."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wsal.annotation.early import keeps_journal
from wsal.annotation.journal import JOURNAL_FILE, RECHECK, Journal, decisions_in_force
from wsal.arrays import ABSTAIN
from wsal.building import build
from wsal.digests import MANIFEST
from wsal.errors import MissingArtifactError, WsalError
from wsal.inspection.groups import Group, Population, find_groups
from wsal.inspection.groups_of_run import Inspected
from wsal.inspection.groups_slices import slice_groups
from wsal.inspection.preview_file import RuleFile, find_rule_file, nodes_in
from wsal.inspection.preview_votes import Trial
from wsal.inspection.proposals import Evidence
from wsal.inspection.run_view import RunView
from wsal.web.site import Site

MOST_SHOWN = 200  # texts of a group that are shown, and labelled, at once
ERRORS, UNCERTAIN, DOUBTFUL, SLICES = "errors", "uncertain", "doubtful", "slices"


@dataclass
class Opened:
    """What was computed from the artifacts as they were at one moment."""

    inspected: Inspected
    trial: Trial
    groups: dict[str, list[Group]] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)

    @classmethod
    def of(cls, run_dir: Path) -> "Opened":
        """Nothing is computed yet."""
        inspected = Inspected(RunView(run_dir))
        return cls(inspected, Trial(inspected))

    def population(self, section: str) -> Population | None:
        """The texts of a section; None if the run does not have what it takes."""
        inspected = self.inspected
        if section == UNCERTAIN:
            return inspected.uncertain
        return inspected.doubtful if section == DOUBTFUL else inspected.errors

    def groups_of(self, section: str) -> list[Group]:
        """The groups of a section, worst first."""
        if section not in self.groups:
            population = self.population(section)
            judged = self.inspected.judged
            if population and judged and section == SLICES:
                self.groups[section] = slice_groups(self.inspected.view, judged, population)
            else:
                self.groups[section] = find_groups(population) if population else []
        return self.groups[section]

    def evidence_of(self, section: str, population: Population) -> Evidence:
        """The texts in which words for rules of a section are counted."""
        if section not in self.evidence:
            self.evidence[section] = Evidence.of(self.inspected, population)
        return self.evidence[section]


@dataclass
class Workspace:
    """What the workspace serves. Everything slow is done in one thread, so annotators never wait.

    It only reads the artifacts of the run, and appends to its journal, which several processes may
    do; so it works beside a command that trains.
    """

    site: Site
    rules: Path | None = None
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    opened: Opened | None = None
    read_from: tuple[tuple[str, int], ...] = ()
    sent: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """The texts that a person got of a group: (name, group) -> id -> text."""
    seen: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # ids
    previewed: set[str] = field(default_factory=set)  # digests of edits that were shown

    def current(self) -> Opened:
        """What is known from the artifacts as they are now; much of it may not be computed yet."""
        run_dir = self.site.run_dir
        patterns = (f"*/{MANIFEST}", f"rounds/*/*/{MANIFEST}")
        paths = sorted(path for pattern in patterns for path in run_dir.glob(pattern))
        state = tuple((str(path), path.stat().st_mtime_ns) for path in paths)
        if self.opened is None or state != self.read_from:
            self.opened, self.read_from = Opened.of(run_dir), state
        return self.opened

    def group(self, section: str, key: str) -> tuple[Group, Population]:
        """A group as it was listed, with the texts that it is part of.

        Raises:
            MissingArtifactError: there is no such group any more.
        """
        opened = self.current()
        group = next((g for g in opened.groups_of(section) if g.key == key), None)
        population = opened.population(section)
        if group is None or population is None:
            raise MissingArtifactError(
                "this group no longer exists, because the run has gone on; reload the page"
            )
        return group, population

    def rule_file(self) -> RuleFile:
        """Where rules are written to."""
        return find_rule_file(self.site.run_dir, self.current().inspected.nodes, self.rules)

    def rules_now(self) -> tuple[RuleFile, str, str, dict[str, dict[str, Any]]]:
        """The file of rules, its text, its digest, and the rules in it."""
        file = self.rule_file()
        text, digest = file.read()
        return file, text, digest, nodes_in(text, file.path)

    def answered(self) -> set[str]:
        """The texts to which somebody has given an answer that is in force, early ones too."""
        events = Journal(self.site.run_dir / JOURNAL_FILE).events()
        decisions = decisions_in_force(event for _, event in events)
        return {e.text for e in decisions if e.label is not None and e.kind != RECHECK}

    def counts_answers(self) -> bool:
        """Whether the run takes answers from the journal, as its present annotator says."""
        return takes_answers(self.current().inspected.view.config)


def takes_answers(config: Mapping[str, Any]) -> bool:
    """Whether a run with this configuration takes answers from its journal."""
    try:
        return keeps_journal(build(config["annotator"], "annotator"))
    except (WsalError, KeyError):  # a component of the user's own
        return True


def as_shown(group: Group) -> dict[str, Any]:
    """A group in the list."""
    return {
        "key": group.key,
        "kind": group.kind,
        "name": group.name,
        "listed": len(group.rows),
        "n": group.n,
        "n_wrong": group.n_wrong,
        "rate": group.rate,
        "low": group.low,
        "high": group.high,
        "note": group.note,
    }


def texts_of(
    group: Group, population: Population, section: str, answered: set[str]
) -> list[dict[str, Any]]:
    """The texts of a group that are shown, those most likely wrong first."""
    names, texts = population.labels.names, []
    for row in group.rows.tolist():
        record = population.records.row(row, named=True)
        if section == UNCERTAIN and record["text"] in answered:
            continue
        cast = np.flatnonzero(population.votes[row] != ABSTAIN)
        of_codes = population.labels.answers
        votes = [(population.rules[j], of_codes[population.votes[row, j]]) for j in cast]
        fields: Mapping[str, Any] = record["fields"] or {}
        texts.append(
            {
                "id": record["id"],
                "text": record["text"],
                "fields": {name: str(value) for name, value in fields.items() if value},
                "first": names[population.first[row]],
                "second": names[population.second[row]],
                "error": float(population.error[row]),
                "votes": votes,
            }
        )
        if len(texts) == MOST_SHOWN:
            break
    return texts
