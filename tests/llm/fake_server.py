"""An OpenAI-compatible server on 127.0.0.1, with faults on demand, for tests.

    with FakeServer(lambda text: ("Coffee", 90)) as server:
        settings = LLMSettings(url=server.url, model="fake")

Tests in other folders import it as `from llm.fake_server import FakeServer`.
"""

import json
import math
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wsal.llm.prompts import NONE, code_in, text_in

BROKEN = ("429", "500", "html", "broken", "slow", "dropped", "truncated", "redirect")
FAULTS = (*BROKEN, "prose", "unknown", "refusal")
"""What `faults` may return for a request; None means a proper reply."""


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that are gone."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class FakeServer:
    """Answers each text with a class and a confidence, except where a fault is due.

    Args:
        answer: text -> (class or None for "none of these", percent). For "is it really X?" it is
            asked, too: yes if it still names X.
        faults: (text, number of the attempt at this text, from 0) -> a fault of `FAULTS` or None.
        key: the key that requests must bring; None: any.
        model: the model that it knows.
        without: parameters that it refuses with 400, such as "response_format" or "logprobs".
        logprobs: text -> {class: probability}, or None for a server that returns none.
        seconds: text -> how long it takes to reply.
        usage: whether it counts tokens (a token is 4 characters).
        says: text -> the content of the reply as it is, in place of JSON.
        retry_after: this header of 429. redirect: where the fault "redirect" leads.
    """

    def __init__(
        self, answer, *, faults=lambda text, attempt: None, key=None, model="fake", without=(),
        logprobs=None, seconds=lambda text: 0, usage=True, says=None, retry_after="0",
        redirect="http://192.0.2.1/v1",
    ):  # fmt: skip
        self.answer, self.faults, self.key, self.model = answer, faults, key, model
        self.without, self.logprobs, self.seconds, self.usage = without, logprobs, seconds, usage
        self.says, self.retry_after, self.redirect = says, retry_after, redirect
        self.requests = []  # (text, body), each that arrived
        self.replied = []  # the texts of those that got a proper reply, as they would be paid
        self.keys = []  # the Authorization headers
        self.attempts, self.most_at_once, self.at_once = {}, 0, 0
        self.lock = threading.Lock()
        self.http = QuietServer(("127.0.0.1", 0), type("Bound", (Handler,), {"fake": self}))
        self.released = threading.Event()  # ends what is slow, at the end of the test
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each reply waits 40 ms for an acknowledgement
    fake = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send(200, {"data": [{"id": self.fake.model}, {"id": "other"}]})

    def do_POST(self):
        fake = self.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][1]["content"]
        text = text_in(prompt) or prompt
        with fake.lock:
            fake.requests.append((text, body))
            fake.keys.append(self.headers.get("Authorization"))
            attempt = fake.attempts.get(text, 0)
            fake.attempts[text] = attempt + 1
            fake.at_once += 1
            fake.most_at_once = max(fake.most_at_once, fake.at_once)
        try:
            if pause := fake.seconds(text):
                fake.released.wait(pause)
            self.reply(body, prompt, text, fake.faults(text, attempt))
        finally:
            with fake.lock:
                fake.at_once -= 1

    def reply(self, body, prompt, text, fault):
        fake = self.fake
        key, model = self.headers.get("Authorization"), body["model"]
        refused = [name for name in fake.without if name in body]
        if self.path != "/v1/chat/completions":
            self.error(404, "Not Found")
        elif fake.key and key != f"Bearer {fake.key}":
            self.error(401, f"Incorrect API key provided: {key}", code="invalid_api_key")
        elif model != fake.model:
            self.error(404, f"The model {model} does not exist", "model_not_found")
        elif refused:
            self.error(400, f"{refused[0]} is not supported by this server")
        elif fault in BROKEN:
            getattr(self, f"fault_{fault}")()
        else:
            self.proper(body, prompt, text, fault)

    def fault_429(self):
        self.error(429, "too many", headers={"Retry-After": self.fake.retry_after})

    def fault_500(self):
        self.error(500, "internal error")

    def fault_html(self):
        self.send(200, "<html><body>A router's login page</body></html>")

    def fault_broken(self):
        self.send(200, '{"choices": [{"message": {"content": "{')

    def fault_slow(self):
        self.fake.released.wait(30)
        self.close_connection = True

    def fault_dropped(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def fault_truncated(self):
        self.send(200, '{"choices"', more=100)
        self.fault_dropped()

    def fault_redirect(self):
        self.send(307, "", headers={"Location": self.fake.redirect})

    def proper(self, body, prompt, text, fault):
        fake = self.fake
        answer, confidence = fake.answer(text)
        code = code_in(prompt, answer or NONE) or "?"
        content = json.dumps({"answer": code, "confidence": confidence})
        message = {"role": "assistant", "content": content}
        match fault:
            case "prose":
                message["content"] = "It is hard to tell; I would rather not say."
            case "unknown":
                message["content"] = json.dumps({"answer": "Gadgets", "confidence": 99})
            case "refusal":
                message |= {"content": None, "refusal": "I cannot help with that."}
        if fake.says:
            message["content"] = fake.says(text)
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        if fake.logprobs and body.get("logprobs"):
            shares = {code_in(prompt, name): p for name, p in fake.logprobs(text).items()}
            choice["logprobs"] = {"content": tokens(content, code, shares)}
        reply = {"object": "chat.completion", "model": fake.model, "choices": [choice]}
        if fake.usage:
            sent = sum(len(m["content"]) for m in body["messages"])
            received = len(message["content"] or "")
            reply["usage"] = {"prompt_tokens": sent // 4, "completion_tokens": received // 4}
        with fake.lock:
            fake.replied.append(text)
        return self.send(200, reply)

    def error(self, status, message, code=None, headers=None):
        self.send(status, {"error": {"message": message, "code": code}}, headers=headers)

    def send(self, status, body, *, headers=None, more=0):
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + more))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client gave up, or was killed


def tokens(content, code, shares):
    """The reply token by token, with the alternatives at each character of the code."""
    head, tail = content.split(json.dumps(code), 1)
    rows = [{"token": head + '"', "logprob": 0.0, "top_logprobs": []}]
    for n, character in enumerate(code):
        mass = {}
        for other, share in shares.items():
            if other[:n] == code[:n] and share > 0:
                mass[other[n]] = mass.get(other[n], 0) + share
        top = [{"token": c, "logprob": math.log(m / sum(mass.values()))} for c, m in mass.items()]
        rows.append({"token": character, "logprob": 0.0, "top_logprobs": top})
    return [*rows, {"token": '"' + tail, "logprob": 0.0, "top_logprobs": []}]


def wait_until(condition, seconds=30):
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
