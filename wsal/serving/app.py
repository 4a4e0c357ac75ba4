"""The HTTP server over an exported folder: /predict, /health, /metrics, and its OpenAPI page."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from wsal import __version__
from wsal.errors import DataError
from wsal.serving import predictions
from wsal.serving.batching import Batcher, QueueFullError
from wsal.serving.engine import Engine
from wsal.serving.limiting import BodyLimit
from wsal.serving.limits import Limits
from wsal.serving.monitoring import Metrics
from wsal.serving.predictions import Field as TextField
from wsal.serving.predictions import Row, row_of, to_predictions

Text = str | dict[str, TextField]


class Query(BaseModel):
    """One text or several; a text is a string, or a mapping of the fields that make it up."""

    model_config = ConfigDict(extra="forbid")
    text: Text | None = Field(None, examples=["Bosch serie 4 washing machine 8 kg"])
    texts: list[Text] | None = None
    top: Annotated[int, Field(ge=1, le=1_000)] = 1


class ClassProbability(BaseModel):
    """A class and its probability."""

    label: str
    probability: float


class Prediction(BaseModel):
    """What the model says of a text; null and an abstention if the text is empty."""

    label: str | None
    probability: float | None
    abstain: bool
    top: list[ClassProbability]


class Answer(BaseModel):
    """A prediction for each text, in their order, and the digest of the model."""

    model: str
    predictions: list[Prediction]


class Problem(BaseModel):
    """What is wrong: a sentence, or a list of places in the body with what is wrong there."""

    detail: str | list[dict[str, Any]]


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body cannot be read"},
    401: {"model": Problem, "description": "The token is missing or wrong"},
    408: {"model": Problem, "description": "The body did not arrive in time"},
    413: {"model": Problem, "description": "Too many bytes, texts or characters"},
    415: {"model": Problem, "description": "The Content-Type is not JSON"},
    422: {"model": Problem, "description": "The body is not as described"},
    503: {"model": Problem, "description": "Too many texts wait; try again after Retry-After"},
    504: {"model": Problem, "description": "Not answered in time"},
}


def make_app(engine: Engine, limits: Limits, token: str | None = None) -> FastAPI:
    """The server; with a `token`, /predict and /metrics require it (`Authorization: Bearer`)."""
    metrics = Metrics()
    exported = engine.exported

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.batcher = batcher = Batcher(engine, limits.waiting)
        with ThreadPoolExecutor(1, thread_name_prefix="wsal-batch") as threads:
            worker = asyncio.create_task(batcher.work(threads))
            yield
            worker.cancel()

    app = FastAPI(
        title=f"wsal: {len(exported.labels)} classes",
        version=__version__,
        lifespan=lifespan,
        description=f"Model {exported.digest}, backend {engine.name}.",
    )
    app.add_middleware(
        BodyLimit, max_bytes=limits.body, max_seconds=limits.seconds, metrics=metrics
    )
    app.state.draining = False
    bearer = HTTPBearer(auto_error=False)

    def check_token(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> None:
        sent = credentials.credentials if credentials else ""
        if token and not secrets.compare_digest(sent.encode(), token.encode()):
            raise HTTPException(
                401, "the token is missing or wrong; expected Authorization: Bearer TOKEN"
            )

    authorised = [Depends(check_token)] if token else []

    @app.post(
        "/predict",
        response_model=Answer,
        responses=REFUSALS,
        dependencies=[*authorised, Depends(_check_json)],
    )
    async def predict(query: Query) -> Response:
        """Label one text or several."""
        started = time.perf_counter()
        rows = _rows(query, exported.fields, limits)
        labelled = []
        if rows:
            probs = await _in_time(app.state.batcher, rows, limits.seconds)
            labelled = to_predictions(exported, probs, query.top)
        metrics.answered(len(rows), time.perf_counter() - started)
        return JSONResponse(
            {
                "model": exported.digest,
                "predictions": [_as_json(prediction) for prediction in labelled],
            }
        )

    @app.get("/health", responses={503: {"model": Problem, "description": "Shutting down"}})
    async def health() -> Response:
        """Whether requests are taken, and which model answers them."""
        if app.state.draining:
            raise HTTPException(503, "shutting down")
        return JSONResponse(
            {
                "status": "ok",
                "model": exported.digest,
                "backend": engine.name,
                "labels": list(exported.labels),
            }
        )

    @app.get("/metrics", responses={401: REFUSALS[401]}, dependencies=authorised)
    async def prometheus() -> Response:
        """Counts and times in the format of Prometheus."""
        return Response(metrics.text(app.state.batcher.n_waiting), media_type=metrics.KIND)

    return app


def _check_json(request: Request) -> None:
    """Refuse a body whose Content-Type is not JSON; FastAPI would read it as one string."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        found = f"Content-Type is {kind}" if kind else "the header Content-Type is missing"
        raise HTTPException(
            415,
            f"{found}; send `Content-Type: application/json` (curl -H 'content-type: "
            "application/json')",
        )


async def _in_time(batcher: Batcher, rows: list[Row], seconds: float) -> np.ndarray:
    try:
        return await asyncio.wait_for(batcher.probs(rows), seconds)
    except QueueFullError as error:
        raise HTTPException(503, "too many texts wait already", {"Retry-After": "1"}) from error
    except TimeoutError as error:
        raise HTTPException(504, f"not answered within {seconds:g} seconds") from error


def _rows(query: Query, fields: tuple[str, ...], limits: Limits) -> list[Row]:
    """The fields of each text of a request."""
    if (query.text is None) == (query.texts is None):
        raise HTTPException(422, "expected either `text` or `texts`")
    texts = [query.text] if query.text is not None else query.texts or []
    if len(texts) > limits.texts:
        raise HTTPException(413, f"found {len(texts)} texts; expected at most {limits.texts}")
    try:
        rows = [row_of(text, fields) for text in texts]
    except DataError as error:
        raise HTTPException(422, str(error)) from error
    for number, row in enumerate(rows):
        if sum(len(value or "") for value in row) > limits.characters:
            raise HTTPException(413, f"text {number} has more than {limits.characters} characters")
    return rows


def _as_json(prediction: predictions.Prediction) -> dict[str, Any]:
    top = [{"label": label, "probability": probability} for label, probability in prediction.top]
    return {
        "label": prediction.label,
        "probability": prediction.probability,
        "abstain": prediction.abstain,
        "top": top,
    }
