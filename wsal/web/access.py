"""Who may use the page: the checks that every request passes."""

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from wsal.web.site import Site

TOKEN_COOKIE, NAME_COOKIE = "wsal", "wsal_name"
TOKEN_SECONDS = 30 * 86_400  # that a browser keeps the token


def site_of(request: Request) -> Site:
    """What the application serves."""
    site: Site = request.app.state.site
    return site


def annotator_name(request: Request) -> str:
    """Who sent a request: the owner of the token, or the name that they gave themselves."""
    cookie = request.cookies.get(TOKEN_COOKIE, "")
    for token, name in site_of(request).tokens.items():
        if hmac.compare_digest(cookie.encode(), token.encode()):
            return name or request.cookies.get(NAME_COOKIE, "") or "me"
    raise HTTPException(403, "no valid token: open the address that wsal printed")


AnnotatorName = Annotated[str, Depends(annotator_name)]


def poster_name(request: Request, name: AnnotatorName) -> str:
    """Who posted: other sites cannot set this header, so the post came from the page itself."""
    if request.headers.get("x-wsal") != "1":
        raise HTTPException(403, "the header X-Wsal is missing")
    return name


PosterName = Annotated[str, Depends(poster_name)]


def with_token(address: str, token: str, name: str) -> Response:
    """To this address, with the token in a cookie, out of sight."""
    answer = RedirectResponse(address, 303)
    answer.set_cookie(TOKEN_COOKIE, token, httponly=True, samesite="strict", max_age=TOKEN_SECONDS)
    if name:
        answer.set_cookie(NAME_COOKIE, name[:80], httponly=True, samesite="strict")
    return answer
