"""`annotator=label_studio`: each query becomes a project on a Label Studio server (REST API)."""

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
from wsal.annotation.returned_sheet import Row, match_answers
from wsal.errors import AnnotationError, ConfigError, WaitingForAnnotations
from wsal.settings import Amount

TOKEN = "LABEL_STUDIO_API_KEY"  # noqa: S105  the name of a variable
TASKS_PER_REQUEST = 500


@dataclass(frozen=True)
class LabelStudio:
    """Uploads each query as a project of its own, then fetches annotations until all are there.

    The token is read from the environment variable LABEL_STUDIO_API_KEY, so that it is never
    written to a file. Uploading again, for example after a kill, does not add tasks twice.
    """

    url: str = "http://localhost:8080"
    """Address of the server."""
    poll_seconds: Amount = 5.0
    """Seconds between two looks at the server."""
    wait: bool = True
    """Whether to stay until all answers are there; otherwise run the same command again later."""
    name: str = "label_studio"
    """The annotator's name in the annotations."""

    human = True

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """The project's annotations, once every task was annotated or skipped.

        Raises:
            WaitingForAnnotations: some are missing, and `wait` is off.
            AnnotationError: the server cannot be reached, refuses, or has answers that cannot be
                accepted.
            ConfigError: there is no token.
        """
        try:
            with httpx.Client(base_url=self.url, auth=_Token(self.url), timeout=60) as client:
                project = self._uploaded(client, query)
                address = f"{self.url}/projects/{project}"
                while True:
                    rows = self._answers(client, project, query, address)
                    n_open = sum(not row.label and row.id not in query.gone for row in rows)
                    if not n_open:
                        return sheet.table([row for row in rows if row.label], self.name)
                    if not self.wait:
                        raise WaitingForAnnotations(
                            f"{n_open} of {len(rows)} texts wait for an answer at {address} "
                            "(run the same command again later)"
                        )
                    time.sleep(self.poll_seconds)
        except httpx.HTTPStatusError as error:
            raise AnnotationError(
                f"Label Studio at {self.url} answered {error.response.status_code} to "
                f"{error.request.url.path}: {error.response.text[:300]}"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AnnotationError(
                f"Label Studio at {self.url} does not answer: {error}; start it "
                "(label-studio start), or set annotator.url; the query is kept"
            ) from error

    def _uploaded(self, client: httpx.Client, query: Query) -> int:
        """The number of the query's project, which is created and completed where needed."""
        digest = hashlib.sha256("\n".join(query.table["id"]).encode()).hexdigest()[:8]
        run = query.round_dir.parents[1].name[:24]
        title = f"{run} round {query.round_dir.name} {digest}"
        projects = _get(client, "/api/projects", title=title, page_size=100)["results"]
        project = next((p["id"] for p in projects if p["title"] == title), None)
        if project is None:
            config = tool_formats.setup_of(
                query.labels, "label_studio", multilabel=query.multilabel
            )
            project = _post(client, "/api/projects", {"title": title, "label_config": config})["id"]
        uploaded = {task["data"]["id"] for task in _export(client, project)}
        tasks = tool_formats.tasks(query.table, query.labels, "label_studio", query.sets_guessed)
        missing = [task for task in tasks if task["data"]["id"] not in uploaded]
        for start in range(0, len(missing), TASKS_PER_REQUEST):
            part = missing[start : start + TASKS_PER_REQUEST]
            _post(client, f"/api/projects/{project}/import", part)
        return int(project)

    def _answers(self, client: httpx.Client, project: int, query: Query, address: str) -> list[Row]:
        """The project's answers so far, in the order of the query."""
        tool, rows = tool_formats.FORMATS["label_studio"], list[Row]()
        for task in _export(client, project):
            try:
                where = f"task {task['id']}"
                rows += tool_formats.answers(task, tool, where, multilabel=query.multilabel)
            except ValueError as error:
                raise AnnotationError(f"{address}, task {task['id']}: {error}") from error
        return match_answers(tool_formats.keyed(rows), query, address, allow_others=True).rows


def _export(client: httpx.Client, project: int) -> list[dict[str, Any]]:
    """All tasks with their annotations."""
    path = f"/api/projects/{project}/export"
    tasks: list[dict[str, Any]] = _get(client, path, exportType="JSON", download_all_tasks="true")
    return tasks


def _get(client: httpx.Client, path: str, **query: Any) -> Any:  # noqa: ANN401
    return client.get(path, params=query).raise_for_status().json()


def _post(client: httpx.Client, path: str, body: object) -> Any:  # noqa: ANN401
    return client.post(path, json=body).raise_for_status().json()


class _Token(httpx.Auth):
    """Sends a legacy token as it is; exchanges a personal access token for a short-lived one."""

    requires_response_body = True

    def __init__(self, url: str) -> None:
        self.url, self.token = url.rstrip("/"), os.environ.get(TOKEN, "")
        if not self.token:
            raise ConfigError(
                f"annotator=label_studio needs a token: set the environment variable {TOKEN} "
                "(Label Studio shows yours under Account & Settings)"
            )
        self.access = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self.token.count(".") != 2:  # not a JWT
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
