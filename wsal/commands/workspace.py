"""Look at the errors of a run in a browser, group by group, and fix them with rules.

The page also labels groups of texts, and asks doubtful labels again. It can be open while
a command works on the run, and after the run has ended.

  wsal workspace shop
"""

import argparse
import json
import signal
import sys
import threading
import webbrowser
from importlib import import_module
from pathlib import Path

from wsal.annotation.journal import JOURNAL_FILE, Journal
from wsal.errors import ConfigError
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.multilabel_checks import refuse_run
from wsal.run.pipeline import required
from wsal.run.stage_table import CONFIG
from wsal.sockets import listening_socket


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal workspace`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    rules = "the YAML file that rules are written to (default: the run's own, or a new one)"
    parser.add_argument("--rules", type=Path, default=None, metavar="FILE", help=rules)
    port = "the port on this machine; 0 for any free one (default: %(default)s)"
    parser.add_argument("--port", type=int, default=8766, metavar="N", help=port)
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def run(options: argparse.Namespace) -> None:
    """Serve the workspace on this machine until Ctrl-C.

    Raises:
        ConfigError: the port is taken, or the file of rules does not exist.
        MissingArtifactError: the run has no pool.
    """
    run_dir = run_folder(options.run)
    refuse_run(run_dir, "the workspace")
    required(run_dir, "prepare")
    if options.rules and not options.rules.is_file():
        raise ConfigError(f"--rules is {options.rules}, which is not a file; name a file of rules")
    from wsal.web.app import make_app  # noqa: PLC0415  slow to import
    from wsal.web.server import running, tokens_of  # noqa: PLC0415
    from wsal.web.site import Site  # noqa: PLC0415
    from wsal.web.workspace_state import takes_answers  # noqa: PLC0415

    tokens = tokens_of(run_dir, _names(run_dir))
    token = next(iter(tokens))
    listening = listening_socket("127.0.0.1", options.port, "--port")
    port = listening.getsockname()[1]
    site = Site(run_dir, {token: tokens[token]})
    site.asks = takes_answers(json.loads((run_dir / CONFIG).read_text()))
    site.over = "No command works on this run at the moment, so there is nothing more to answer."
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Journal(run_dir / JOURNAL_FILE).held(), running(make_app(site, options.rules), listening):
        address = f"http://127.0.0.1:{port}/workspace?token={token}"
        sys.stdout.write(f"workspace of {run_dir} at {address}\npress Ctrl-C to stop\n")
        sys.stdout.flush()
        if not options.no_browser:
            webbrowser.open(address)
        import_module("sklearn.cluster")  # now, and not while somebody waits for it
        ended.wait()


def _names(run_dir: Path) -> list[str]:
    """Those who have tokens already, which must stay valid."""
    path = run_dir / "web.json"
    return list(json.loads(path.read_text()).values()) if path.exists() else []
