"""Serve recorded answers of a language model as an OpenAI-compatible server on this machine.

    python benchmarks/llm_replay.py --set bigbasket --port 8080
    wsal run experiment=bigbasket llm=local llm.model=recorded

The answers are read from WSAL_DATA/llm_answers/SET.parquet. The server looks for the text in the
prompt and replies with the code of the recorded class, or with that of "none of these" where the
record says so or the class is not offered, and with the stated confidence. To "is it really X?" it
replies yes if X is the recorded class. A text without a recorded answer is refused, in the field
`refusal` of the message and at no cost: wsal counts it as invalid and does not ask again. Tokens
are counted as 4 characters each.
"""

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
from product_texts import DATA

from wsal.llm.prompts import NONE, code_in, text_in
from wsal.seeding import rng
from wsal.text import clean_text

MODEL = "recorded"
FAULTS = ("429", "500", "dropped", "broken")


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that are gone."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        """Raise nothing, and print nothing."""


class ReplayServer:
    """The server, for use in a `with` block; its address is `url`.

    Args:
        name: the set.
        port: 0 means any free port.
        faults: share of the requests that fail; which, depends on the text and on how often it was
            asked about before.
        data: the folder of the data.
    """

    def __init__(self, name, port=0, faults=0.0, data=DATA):
        table = pl.read_parquet(data / "llm_answers" / f"{name}.parquet")
        recorded = zip(table["text"], table["answer"], table["confidence"], strict=True)
        self.answers = {
            clean_text(text): (answer and clean_text(answer), int(confidence))
            for text, answer, confidence in recorded
        }
        self.faults, self.attempts, self.lock = faults, {}, threading.Lock()
        self.replies = {}  # text -> replies that were paid for
        bound = type("Bound", (Handler,), {"replay": self})
        self.http = QuietServer(("127.0.0.1", port), bound)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def fault(self, prompt):
        """The fault that is due for this request, or None."""
        with self.lock:
            attempt = self.attempts.get(prompt, 0)
            self.attempts[prompt] = attempt + 1
        chance = rng(0, "fault", prompt, attempt)
        return str(chance.choice(FAULTS)) if chance.uniform() < self.faults else None


class Handler(BaseHTTPRequestHandler):
    """Replies to one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    replay = None

    def log_message(self, *_):
        """Nothing is logged."""

    def do_GET(self):
        """List the model."""
        self.send(200, {"data": [{"id": MODEL}]})

    def do_POST(self):
        """Reply to a prompt, unless a fault is due."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][1]["content"]
        match self.replay.fault(prompt):
            case "429":
                self.send(429, {"error": {"message": "too many requests"}}, {"Retry-After": "0.05"})
            case "500":
                self.send(500, {"error": {"message": "internal error"}})
            case "dropped":
                self.close_connection = True
            case "broken":
                self.send(200, '{"choices": [{"message": {')
            case _:
                self.send(200, self.reply(body, prompt))

    def reply(self, body, prompt):
        """The recorded answer, or a refusal."""
        text = text_in(prompt) or ""
        message = {"role": "assistant", "content": None}
        usage = {"prompt_tokens": 0, "completion_tokens": 0}
        if text in self.replay.answers:
            answer, confidence = self.replay.answers[text]
            code = code_in(prompt, answer or NONE) or code_in(prompt, NONE)
            message["content"] = json.dumps({"answer": code, "confidence": confidence})
            sent = sum(len(m["content"]) for m in body["messages"])
            usage = {"prompt_tokens": sent // 4, "completion_tokens": len(message["content"]) // 4}
            with self.replay.lock:
                self.replay.replies[text] = self.replay.replies.get(text, 0) + 1
        else:
            message["refusal"] = "no answer to this text was recorded"
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage}

    def send(self, status, body, headers=None):
        """Send JSON, or text as it is."""
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the client is gone


def main():
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = sorted(path.stem for path in (DATA / "llm_answers").glob("*.parquet"))
    parser.add_argument("--set", required=True, choices=names, help="whose answers to serve")
    parser.add_argument("--port", type=int, default=8080, help="default: %(default)s")
    parser.add_argument(
        "--faults", type=float, default=0.0, metavar="SHARE", help="of the requests that fail"
    )
    options = parser.parse_args()
    server = ReplayServer(options.set, options.port, options.faults)
    print(f"{len(server.answers):,} answers of {options.set} at {server.url}", flush=True)
    try:
        server.http.serve_forever()
    except KeyboardInterrupt:
        server.http.server_close()


if __name__ == "__main__":
    main()
