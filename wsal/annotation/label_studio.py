"""`annotator=label_studio`: a query becomes a project of a Label Studio server, by its REST API."""

import hashlib
import os
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import polars as pl

from wsal.annotation import sheet, tool_formats
from wsal.annotation.query import Query
from wsal.annotation.returned_sheet import Row, matched
from wsal.errors import AnnotationError, ConfigError, WaitingForAnnotations
from wsal.settings import Amount

TOKEN = "LABEL_STUDIO_API_KEY"  # noqa: S105  the variable's name
AT_ONCE = 500  # tasks a request


@dataclass(frozen=True)
class LabelStudio:
    """Pushes each query as a project of its own, then pulls its annotations until all are there.

    The token is read from the variable LABEL_STUDIO_API_KEY, so that no file ever holds it.
    Pushing again, after a kill for instance, adds nothing twice.
    """

    url: str = "http://localhost:8080"
    poll_seconds: Amount = 5.0
    wait: bool = True
    """Whether to stay until the answers are there; else the same command asks again later."""
    name: str = "label_studio"
    """Who answers, for the record."""

    human = True

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """The project's annotations, once each task has one or was skipped."""
        try:
            with httpx.Client(base_url=self.url, auth=_Token(self.url), timeout=60) as client:
                project = self._pushed(client, query)
                place = f"{self.url}/projects/{project}"
                while True:
                    rows = self._answers(client, project, query, place)
                    given = [row for row in rows if row.label]
                    n_open = sum(not row.label and row.id not in query.gone for row in rows)
                    if not n_open:
                        return sheet.table(given, self.name)
                    if not self.wait:
                        raise WaitingForAnnotations(
                            f"{n_open} of {len(rows)} texts wait for an answer at {place}; "
                            "run the same command again later"
                        )
                    time.sleep(self.poll_seconds)
        except httpx.HTTPStatusError as error:
            said = error.response.text[:300]
            raise AnnotationError(
                f"Label Studio at {self.url} answered {error.response.status_code} to "
                f"{error.request.url.path}: {said}"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AnnotationError(
                f"Label Studio at {self.url} does not answer: {error}; start it "
                "(label-studio start), or set annotator.url; the query is kept"
            ) from error

    def _pushed(self, client: httpx.Client, query: Query) -> int:
        """The project with the query in it; made, and completed, where needed."""
        digest = hashlib.sha256("\n".join(query.table["id"]).encode()).hexdigest()[:8]
        run = query.round_dir.parents[1].name[:24]
        title = f"{run} round {query.round_dir.name} {digest}"
        found = _get(client, "/api/projects", title=title, page_size=100)["results"]
        project = next((one["id"] for one in found if one["title"] == title), None)
        if project is None:
            config = tool_formats.label_studio_config(query.labels)
            project = _post(client, "/api/projects", {"title": title, "label_config": config})["id"]
        there = {task["data"]["id"] for task in _export(client, project)}
        tasks = tool_formats.tasks(query.table, query.labels, "label_studio")
        missing = [task for task in tasks if task["data"]["id"] not in there]
        for start in range(0, len(missing), AT_ONCE):
            _post(client, f"/api/projects/{project}/import", missing[start : start + AT_ONCE])
        return int(project)

    def _answers(self, client: httpx.Client, project: int, query: Query, place: str) -> list[Row]:
        """The project's answers so far, in the order of the query."""
        known, rows = tool_formats.FORMATS["label_studio"], list[Row]()
        for task in _export(client, project):
            try:
                rows += tool_formats.answers(task, known, f"task {task['id']}")
            except ValueError as error:
                raise AnnotationError(f"{place}, task {task['id']}: {error}") from error
        return matched(tool_formats.keyed(rows), query, place, others=True).rows


def _export(client: httpx.Client, project: int) -> list[dict[str, Any]]:
    """All tasks with their annotations."""
    path = f"/api/projects/{project}/export"
    found: list[dict[str, Any]] = _get(client, path, exportType="JSON", download_all_tasks="true")
    return found


def _get(client: httpx.Client, path: str, **query: Any) -> Any:  # noqa: ANN401
    return client.get(path, params=query).raise_for_status().json()


def _post(client: httpx.Client, path: str, body: object) -> Any:  # noqa: ANN401
    return client.post(path, json=body).raise_for_status().json()


class _Token(httpx.Auth):
    """A legacy token as it is; a personal access token is changed for one that lasts minutes."""

    requires_response_body = True

    def __init__(self, url: str) -> None:
        self.url, self.token = url.rstrip("/"), os.environ.get(TOKEN, "")
        if not self.token:
            raise ConfigError(
                f"annotator=label_studio needs a token: set the variable {TOKEN} "
                "(Label Studio shows yours under Account & Settings)"
            )
        self.access = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self.token.count(".") != 2:  # no JWT
            request.headers["Authorization"] = f"Token {self.token}"
            yield request
            return
        request.headers["Authorization"] = f"Bearer {self.access}"
        if self.access and (yield request).status_code != httpx.codes.UNAUTHORIZED:
            return
        answer = yield httpx.Request(
            "POST", f"{self.url}/api/token/refresh", json={"refresh": self.token}
        )
        self.access = answer.raise_for_status().json()["access"]
        request.headers["Authorization"] = f"Bearer {self.access}"
        yield request
