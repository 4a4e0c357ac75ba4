"""Who may use the workspace, and the thread in which its work is done."""

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, HTTPException, Request

from wsal.errors import MissingArtifactError, WsalError
from wsal.web.access import annotator_name, poster_name, site_of
from wsal.web.workspace_state import Workspace

T = TypeVar("T")


def owner_name(request: Request, name: Annotated[str, Depends(annotator_name)]) -> str:
    """Who sent a request. If several people have tokens, the workspace is not for all of them."""
    if len(site_of(request).tokens) > 1:
        raise HTTPException(
            403,
            "several people annotate on this page, so it has no workspace, which shows answers of "
            "others and writes rules; the person who runs wsal opens it with `wsal workspace`",
        )
    return name


Owner = Annotated[str, Depends(owner_name)]
PostingOwner = Annotated[str, Depends(owner_name), Depends(poster_name)]


def workspace_of(request: Request) -> Workspace:
    """What the application's workspace serves."""
    workspace: Workspace = request.app.state.workspace
    return workspace


async def slowly(request: Request, work: Callable[[Workspace], T]) -> T:
    """The result of work that takes long, in the workspace's own thread.

    Raises:
        HTTPException: what is asked for is not there (409), or wrong (422).
    """
    workspace = workspace_of(request)
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(workspace.thread, lambda: work(workspace))
    except (MissingArtifactError, FileNotFoundError) as error:
        raise HTTPException(409, f"{error}") from error
    except WsalError as error:
        raise HTTPException(422, f"{error}") from error
