"""The HTTP server over an exported folder: /predict, /health, /metrics, and its OpenAPI page."""

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from wsal import __version__
from wsal.files.objects import as_text
from wsal.serving.batching import Batcher, QueueFullError, Row
from wsal.serving.engines import Engine
from wsal.serving.exported import Exported
from wsal.serving.limiting import Limited
from wsal.serving.monitoring import Metrics

Text = str | dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Limits:
    """What one request, and all that wait, may ask for."""

    texts: int = 256
    """In one request."""
    characters: int = 20_000
    """In one text; what is after the model's own length is never looked at in any case."""
    body: int = 4_000_000
    """Bytes of a request."""
    waiting: int = 4_096
    """Texts of all requests that are not answered yet."""
    seconds: float = 30.0
    """Until a request is given up."""


class Query(BaseModel):
    """One text or several; a text is a string, or a mapping of the fields that make it up."""

    model_config = ConfigDict(extra="forbid")
    text: Text | None = Field(None, examples=["Bosch serie 4 washing machine 8 kg"])
    texts: list[Text] | None = None
    top: Annotated[int, Field(ge=1, le=1_000)] = 1


class Likely(BaseModel):
    """A class and its probability."""

    label: str
    probability: float


class Prediction(BaseModel):
    """What is said of a text; all null, and abstained on, where it is empty."""

    label: str | None
    probability: float | None
    abstain: bool
    top: list[Likely]


class Answer(BaseModel):
    """One prediction a text, in their order, and the digest of the model."""

    model: str
    predictions: list[Prediction]


class Problem(BaseModel):
    """What is wrong: a sentence, or each place in the body and what is wrong there."""

    detail: str | list[dict[str, Any]]


NOTHING: dict[str, Any] = {"label": None, "probability": None, "abstain": True, "top": []}
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body cannot be read"},
    401: {"model": Problem, "description": "No token, or a wrong one"},
    408: {"model": Problem, "description": "The body was not there in time"},
    413: {"model": Problem, "description": "More bytes, texts or characters than are taken"},
    415: {"model": Problem, "description": "The header does not say that the body is JSON"},
    422: {"model": Problem, "description": "The body is not as described"},
    503: {"model": Problem, "description": "Too much waits already; Retry-After says when to ask"},
    504: {"model": Problem, "description": "Not answered in time"},
}


def make_app(engine: Engine, limits: Limits, token: str | None = None) -> FastAPI:
    """The server; with a `token`, /predict and /metrics want it (`Authorization: Bearer`)."""
    metrics, exported = Metrics(), engine.exported

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.batcher = batcher = Batcher(engine, limits.waiting)
        with ThreadPoolExecutor(1, thread_name_prefix="wsal-batch") as threads:
            worker = asyncio.create_task(batcher.work(threads))
            yield
            worker.cancel()

    app = FastAPI(
        title=f"wsal: {len(exported.labels)} classes", version=__version__, lifespan=lifespan,
        description=f"Model {exported.digest}, backend {engine.name}.",
    )  # fmt: skip
    app.add_middleware(Limited, most=limits.body, seconds=limits.seconds, metrics=metrics)
    app.state.draining = False
    bearer = HTTPBearer(auto_error=False)

    def known(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        said = given.credentials if given else ""
        if token and not secrets.compare_digest(said.encode(), token.encode()):
            raise HTTPException(401, "a token is wanted: Authorization: Bearer TOKEN")

    guarded = [Depends(known)] if token else []

    for_texts = [*guarded, Depends(_check_json)]

    @app.post("/predict", response_model=Answer, responses=REFUSALS, dependencies=for_texts)
    async def predict(query: Query) -> Response:
        """Label one text or several."""
        rows, started = _rows(query, exported.fields, limits), time.perf_counter()
        probs = (
            await _in_time(app.state.batcher, rows, limits.seconds) if rows else np.empty((0, 1))
        )
        metrics.answered(len(rows), time.perf_counter() - started)
        return JSONResponse(
            {"model": exported.digest, "predictions": _said(exported, probs, query.top)}
        )

    @app.get("/health", responses={503: {"model": Problem, "description": "Shutting down"}})
    async def health() -> Response:
        """Whether requests are taken, and by which model they are answered."""
        if app.state.draining:
            raise HTTPException(503, "shutting down")
        told = {"status": "ok", "model": exported.digest, "backend": engine.name}
        return JSONResponse({**told, "labels": list(exported.labels)})

    @app.get("/metrics", responses={401: REFUSALS[401]}, dependencies=guarded)
    async def prometheus() -> Response:
        """Counts and times, as Prometheus reads them."""
        return Response(metrics.text(app.state.batcher.n_waiting), media_type=metrics.KIND)

    return app


def _check_json(request: Request) -> None:
    """Refuse a body that is not called JSON; it would be read as one piece of text."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        what = f"Content-Type is {kind}" if kind else "the header Content-Type is missing"
        raise HTTPException(
            415,
            f"{what}; send `Content-Type: application/json` (curl -H 'content-type: "
            "application/json')",
        )


async def _in_time(batcher: Batcher, texts: list[Row], seconds: float) -> np.ndarray:
    try:
        return await asyncio.wait_for(batcher.probs(texts), seconds)
    except QueueFullError as error:
        raise HTTPException(503, "too much waits already", {"Retry-After": "1"}) from error
    except TimeoutError as error:
        raise HTTPException(504, f"not answered within {seconds:g} seconds") from error


def _rows(query: Query, fields: tuple[str, ...], limits: Limits) -> list[Row]:
    """The fields of each text of a request."""
    if (query.text is None) == (query.texts is None):
        raise HTTPException(422, "expected either `text` or `texts`")
    asked = [query.text] if query.text is not None else query.texts or []
    if len(asked) > limits.texts:
        raise HTTPException(413, f"{len(asked)} texts; at most {limits.texts} are taken at once")
    rows = [_row(one, fields) for one in asked]
    for number, row in enumerate(rows):
        if sum(len(value or "") for value in row) > limits.characters:
            raise HTTPException(413, f"text {number} has more than {limits.characters} characters")
    return rows


def _row(text: Text, fields: tuple[str, ...]) -> Row:
    """The fields of a text; a plain string stands for all of them."""
    if isinstance(text, str):
        return [_whole(text), *[None] * (len(fields) - 1)]
    if not any(name in text for name in fields):
        raise HTTPException(422, f"a text has the fields {list(text)}; expected {list(fields)}")
    values = [text.get(name) for name in fields]
    for name, value in zip(fields, values, strict=True):
        if isinstance(value, float) and not math.isfinite(value):
            raise HTTPException(
                422,
                f"the field {name} is {value}, which is not a JSON number; expected text or null",
            )
    return [None if value is None else _whole(as_text(value) or "") for value in values]


def _whole(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _said(exported: Exported, probs: np.ndarray, top: int) -> list[dict[str, Any]]:
    order = np.argsort(-probs, axis=1, kind="stable")[:, :top]
    found = []
    for row, classes in zip(probs, order, strict=True):
        if np.isnan(row[0]):
            found.append(NOTHING)
            continue
        best = [
            {"label": exported.labels[c], "probability": round(float(row[c]), 6)} for c in classes
        ]
        below = bool(row[classes[0]] < exported.thresholds[classes[0]])
        found.append({**best[0], "abstain": below, "top": best})
    return found
