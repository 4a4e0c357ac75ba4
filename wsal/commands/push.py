"""`wsal push`: upload an exported model to the Hugging Face Hub, as one commit."""

import argparse
import logging
import sys
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError  # type: ignore[attr-defined]
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from wsal.artifacts import MANIFEST
from wsal.errors import ConfigError
from wsal.serving.exported import Exported

KEPT_HERE = (MANIFEST,)  # a run's own notes


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `wsal push` takes."""
    parser.add_argument("model", type=Path, help="the exported folder")
    parser.add_argument("repo", help="OWNER/NAME; made, if it is not there")
    parser.add_argument("--public", action="store_true", help="a new repository: all may read it")
    parser.add_argument("--revision", help="a branch; made, if it is not there")
    parser.add_argument("--message", default="", help="of the commit")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be sent; send nothing"
    )


def push(options: argparse.Namespace) -> None:
    """Upload all files of the folder; a new repository is private unless asked otherwise.

    The token is that of `hf auth login` or HF_TOKEN, the address HF_ENDPOINT if it is set.

    Raises:
        ConfigError: no exported folder, no valid name, no token; or the Hub refuses.
    """
    exported = Exported.open(options.model)
    try:
        validate_repo_id(options.repo)
    except HFValidationError as error:
        raise ConfigError(f"{options.repo!r} cannot be a repository: {error}") from error
    if options.repo.count("/") != 1:
        raise ConfigError(f"expected OWNER/NAME, found {options.repo!r}")
    files = files_of(options.model)
    api = HfApi()
    branch = f" (branch {options.revision})" if options.revision else ""
    size = sum(one.stat().st_size for one in files.values())
    told = f"{len(files)} files, {size / 1e6:,.1f} MB to {api.endpoint}/{options.repo}{branch}"
    if options.dry_run:
        listed = "".join(f"  {one.stat().st_size:>13,}  {at}\n" for at, one in files.items())
        sys.stdout.write(f"{listed}would send {told}\n")
        return
    if not get_token():
        raise ConfigError(
            "no token for the Hugging Face Hub; run `hf auth login`, or set HF_TOKEN to one that "
            "may write (https://huggingface.co/settings/tokens)"
        )
    message = options.message or f"wsal export {exported.digest}"
    url = _sent(api, options, files, message)
    sys.stdout.write(f"sent {told}: {url}\n")


def files_of(folder: Path) -> dict[str, Path]:
    """Every file of an exported folder that is for others, by its place in the repository."""
    found = {
        str(one.relative_to(folder)): one for one in sorted(folder.rglob("*")) if one.is_file()
    }
    return {at: one for at, one in found.items() if at not in KEPT_HERE and at[0] != "."}


def _sent(api: HfApi, options: argparse.Namespace, files: dict[str, Path], message: str) -> str:
    """Make what is missing and send one commit; its address."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    changes = [CommitOperationAdd(at, one) for at, one in files.items()]
    try:
        api.create_repo(options.repo, private=not options.public, exist_ok=True)
        if options.revision:
            api.create_branch(options.repo, branch=options.revision, exist_ok=True)
        sent = api.create_commit(
            options.repo, changes, commit_message=message, revision=options.revision
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        what = {
            401: "the token is not valid: `hf auth login`, or set HF_TOKEN anew",
            403: f"the token may not write to {options.repo}; take one of the role write",
            404: f"{options.repo} is not there, or the token may not see it",
        }.get(status, "see https://status.huggingface.co, and run the same command again")
        said = error.server_message or str(error).splitlines()[0]
        raise ConfigError(f"{api.endpoint} refuses ({status}: {said}); {what}") from error
    except HTTPError as error:
        raise ConfigError(f"{api.endpoint} cannot be reached ({error}); run it again") from error
    return str(sent.commit_url)
