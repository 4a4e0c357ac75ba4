"""What is sent to the Hub, to a local server that speaks as much of its HTTP as a push needs."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

GOOD = "hf_good"


class Hub(BaseHTTPRequestHandler):
    """Notes every request; knows one token, and the owner `me`."""

    def do_POST(self):
        path = urlsplit(self.path).path
        sent = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((path, sent))
        owner = json.loads(sent).get("organization") if path == "/api/repos/create" else "me"
        if self.headers.get("authorization") != f"Bearer {GOOD}":
            self.answer({"error": "Invalid credentials"}, 401)
        elif owner != "me":
            self.answer({"error": "You don't have the rights"}, 403)
        elif path == "/api/repos/create":
            self.answer({"url": self.server.url + "/me/titles", "name": "me/titles"})
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/branch/" in path:
            self.answer({})
        elif "/preupload/" in path:
            files = json.loads(sent)["files"]
            modes = {"uploadMode": "regular", "shouldIgnore": False}
            self.answer({"files": [{"path": one["path"], **modes} for one in files]})
        elif "/commit/" in path:
            url = f"{self.server.url}/me/titles/commit/{'0' * 40}"
            self.answer({"commitUrl": url, "commitOid": "0" * 40, "hookOutput": ""})
        else:
            self.answer({"error": f"what is {path}?"}, 404)

    def do_GET(self):
        self.server.asked.append((self.path, b""))
        self.answer({"error": "not found"}, 404)

    def answer(self, told, status=200):
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if status >= 400:
            self.send_header("x-error-message", told["error"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked, server.url = [], f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def push(folder, hub, tmp_path):
    """`wsal push FOLDER ...` in a process of its own, with a home of its own."""

    def command(*arguments, token=GOOD, model=folder, url=None):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        env = {
            **kept,
            "HF_ENDPOINT": url or hub.url,
            "HF_HOME": str(tmp_path),
            "HF_HUB_OFFLINE": "0",
        }
        env |= {"HF_TOKEN": token} if token else {}
        return subprocess.run(
            [sys.executable, "-c", "from wsal.cli import main; main()", "push", model, *arguments],
            env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return command


def committed(hub):
    """What each commit held: its summary, and the content of each file."""
    for path, sent in hub.asked:
        if "/commit/" in path:
            lines = [json.loads(line) for line in sent.splitlines()]
            files = [one["value"] for one in lines if one["key"] == "file"]
            summary = next(one["value"]["summary"] for one in lines if one["key"] == "header")
            yield path, summary, {one["path"]: base64.b64decode(one["content"]) for one in files}


@pytest.mark.slow
def test_all_files_come_in_one_commit_to_a_private_repository(push, hub, folder):
    done = push("me/titles")
    assert done.returncode == 0, done.stderr
    assert "me/titles/commit/000" in done.stdout
    assert done.stderr == ""
    made = json.loads(next(sent for path, sent in hub.asked if path == "/api/repos/create"))
    assert made["visibility"] == "private"
    ((path, summary, files),) = committed(hub)
    assert path.endswith("/commit/main")
    assert summary == "wsal export 0123456789ab"
    here = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    assert set(files) == set(here) - {"manifest.json"}
    for name, content in files.items():
        assert hashlib.sha256(content).digest() == hashlib.sha256(here[name].read_bytes()).digest()


@pytest.mark.slow
def test_public_branch_and_message_are_as_asked(push, hub):
    done = push("me/titles", "--public", "--revision", "trial", "--message", "third round")
    assert done.returncode == 0, done.stderr
    made = json.loads(next(sent for path, sent in hub.asked if path == "/api/repos/create"))
    assert made["visibility"] == "public"
    assert any(path.endswith("/branch/trial") for path, _ in hub.asked)
    ((path, summary, _),) = committed(hub)
    assert path.endswith("/commit/trial")
    assert summary == "third round"


@pytest.mark.slow
def test_a_dry_run_asks_the_hub_nothing_and_needs_no_token(push, hub):
    done = push("me/titles", "--dry-run", token=None)
    assert done.returncode == 0, done.stderr
    assert "model.safetensors" in done.stdout
    assert "manifest.json" not in done.stdout
    assert f"to {hub.url}/me/titles" in done.stdout
    assert hub.asked == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (["me/titles"], {"token": None}, "error: no token for the Hugging Face Hub; run `hf auth"),
        (["me/titles"], {"token": "hf_bad"}, "(401: Invalid credentials); the token is not valid"),
        (["you/titles"], {}, "the token may not write to you/titles"),
        (["titles"], {}, "error: the repository is 'titles'; expected OWNER/NAME"),
        (["me/ti tles"], {}, "error: 'me/ti tles' is not a valid repository name"),
        (["me/titles"], {"url": "http://127.0.0.1:9"}, "cannot be reached"),
        (["me/titles"], {"model": "/nowhere"}, "error: there is no folder /nowhere; expected"),
    ],
)
def test_what_cannot_be_sent_says_why_and_commits_nothing(push, hub, arguments, given, said):
    done = push(*arguments, **given)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(committed(hub))
