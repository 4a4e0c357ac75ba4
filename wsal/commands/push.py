"""Upload an exported model to the Hugging Face Hub, in one commit.

A new repository is private unless --public is given. The token is that of `hf auth login` or
HF_TOKEN; HF_ENDPOINT changes the address of the Hub.
"""

import argparse
import logging
import sys
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError  # type: ignore[attr-defined]
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from wsal.digests import MANIFEST
from wsal.errors import ConfigError
from wsal.serving.exported import Exported

NOT_SENT = (MANIFEST,)  # notes of the run, of no use elsewhere


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal push`."""
    parser.add_argument("model", type=Path, help="an exported folder, such as runs/NAME/exported")
    parser.add_argument("repo", help="OWNER/NAME; created if it does not exist")
    parser.add_argument("--public", action="store_true", help="make a new repository public")
    parser.add_argument("--revision", help="a branch; created if it does not exist")
    parser.add_argument("--message", default="", help="the commit message")
    parser.add_argument(
        "--dry-run", action="store_true", help="list what would be uploaded; upload nothing"
    )


def run(options: argparse.Namespace) -> None:
    """Upload all files of the folder.

    Raises:
        ConfigError: the folder holds no exported model, the name is not valid, there is no token,
            or the Hub refuses.
    """
    exported = Exported.open(options.model)
    try:
        validate_repo_id(options.repo)
    except HFValidationError as error:
        raise ConfigError(f"{options.repo!r} is not a valid repository name: {error}") from error
    if options.repo.count("/") != 1:
        raise ConfigError(f"the repository is {options.repo!r}; expected OWNER/NAME")
    files = files_of(options.model)
    api = HfApi()
    branch = f" (branch {options.revision})" if options.revision else ""
    size = sum(path.stat().st_size for path in files.values())
    upload = f"{len(files)} files, {size / 1e6:,.1f} MB to {api.endpoint}/{options.repo}{branch}"
    if options.dry_run:
        for name, path in files.items():
            sys.stdout.write(f"  {path.stat().st_size:>13,}  {name}\n")
        sys.stdout.write(f"would upload {upload}\n")
        return
    if not get_token():
        raise ConfigError(
            "no token for the Hugging Face Hub; run `hf auth login`, or set HF_TOKEN to a token "
            "with write access (https://huggingface.co/settings/tokens)"
        )
    message = options.message or f"wsal export {exported.digest}"
    url = _commit(api, options, files, message)
    sys.stdout.write(f"uploaded {upload}: {url}\n")


def files_of(folder: Path) -> dict[str, Path]:
    """The files of an exported folder to upload, by their path in the repository."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = {str(path.relative_to(folder)): path for path in paths}
    return {name: path for name, path in files.items() if name not in NOT_SENT and name[0] != "."}


def _commit(api: HfApi, options: argparse.Namespace, files: dict[str, Path], message: str) -> str:
    """Create repository and branch if need be, and make one commit; returns its address."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    changes = [CommitOperationAdd(name, path) for name, path in files.items()]
    try:
        api.create_repo(options.repo, private=not options.public, exist_ok=True)
        if options.revision:
            api.create_branch(options.repo, branch=options.revision, exist_ok=True)
        commit = api.create_commit(
            options.repo, changes, commit_message=message, revision=options.revision
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        advice = {
            401: "the token is not valid; run `hf auth login`, or set HF_TOKEN again",
            403: f"the token may not write to {options.repo}; use one with write access",
            404: f"{options.repo} does not exist, or the token has no access to it",
        }.get(status, "see https://status.huggingface.co, and run the same command again")
        reason = error.server_message or str(error).splitlines()[0]
        raise ConfigError(
            f"{api.endpoint} rejected the upload ({status}: {reason}); {advice}"
        ) from error
    except HTTPError as error:
        raise ConfigError(f"{api.endpoint} cannot be reached ({error}); try again later") from error
    return str(commit.commit_url)
