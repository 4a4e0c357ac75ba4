"""What requests hold, and what is refused: shared by the routes."""

from typing import Annotated, Any

from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from wsal.errors import DataError
from wsal.serving.limits import Limits
from wsal.serving.predictions import Field as TextField
from wsal.serving.predictions import Row, row_of

Text = str | dict[str, TextField]


class Query(BaseModel):
    """One text or several; a text is a string, or a mapping of the fields that make it up."""

    model_config = ConfigDict(extra="forbid")
    text: Text | None = Field(None, examples=["Bosch serie 4 washing machine 8 kg"])
    texts: list[Text] | None = None
    top: Annotated[int, Field(ge=1, le=1_000)] = 1


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


def check_json(request: Request) -> None:
    """Refuse a body whose Content-Type is not JSON; FastAPI would read it as one string."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        problem = f"Content-Type is {kind}" if kind else "the header Content-Type is missing"
        raise HTTPException(
            415,
            f"{problem}; send `Content-Type: application/json` (curl -H 'content-type: "
            "application/json')",
        )


def rows_of(query: Query, fields: tuple[str, ...], limits: Limits) -> list[Row]:
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
