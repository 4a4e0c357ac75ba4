"""The preview of an edited rule, and writing it to the file."""

from typing import Any

from fastapi import APIRouter, HTTPException, Request

from wsal.digests import digest_of
from wsal.inspection.preview import preview
from wsal.inspection.preview_file import diff, edited
from wsal.web.workspace_access import PostingOwner, slowly
from wsal.web.workspace_actions import Draft, Edit, node_of
from wsal.web.workspace_state import Workspace

routes = APIRouter()


@routes.post("/api/workspace/preview")
async def preview_rule(request: Request, draft: Draft, _: PostingOwner) -> dict[str, Any]:
    """What an edit of a rule would do, and which lines of the file it would change."""

    def work(workspace: Workspace) -> dict[str, Any]:
        file, text, digest, nodes = workspace.rules_now()
        node = node_of(draft, nodes)
        effect = preview(workspace.current().trial, nodes, draft.name, node)
        after = edited(text, file.path, draft.name, node)
        workspace.previewed.add(digest_of([digest, after]))
        lines = diff(text, after, file.path)
        return {**effect, "diff": lines, "digest": digest, "file": str(file.path)}

    return await slowly(request, work)


@routes.post("/api/workspace/write")
async def write_rule(request: Request, edit: Edit, _: PostingOwner) -> dict[str, Any]:
    """Write a rule whose preview was shown, unless the file has changed since."""

    def work(workspace: Workspace) -> dict[str, Any]:
        file, text, digest, nodes = workspace.rules_now()
        after = edited(text, file.path, edit.draft.name, node_of(edit.draft, nodes))
        if digest != edit.digest or digest_of([digest, after]) not in workspace.previewed:
            raise HTTPException(
                409,
                "the rule or its file has changed since the preview; look at the preview again",
            )
        file.write(after, digest)
        return {"file": str(file.path), "override": file.override, "is_used": file.is_used}

    return await slowly(request, work)
