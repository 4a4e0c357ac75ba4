"""A client of servers that are compatible with OpenAI's: one POST for each call, tried again."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from wsal.errors import LLMError, did_you_mean
from wsal.llm.responses import (
    error_code,
    error_message,
    json_object,
    refusal_of,
    retry_after,
    shown,
)
from wsal.llm.settings import LLMSettings
from wsal.seeding import rng

LONGEST_WAIT = 120.0  # seconds before another attempt, whatever the server asks for
FIRST_WAIT = 0.5  # doubles with each attempt
MOST_BYTES = 20_000_000  # of a reply
CONNECT_SECONDS = 10.0
SHORTEST_KEY = 12  # characters: a shorter one is a placeholder, and may be a word of a reply
TRANSIENT = (408, 409, 425, 429)  # and 5xx
OPTIONAL = ("response_format", "logprobs", "seed", "temperature")
"""Parameters that some servers or models do not accept. A call does without them."""
RENAMED = {"max_tokens": "max_completion_tokens"}  # OpenAI's models that reason
UNKNOWN_MODEL = re.compile(
    r"model.*(not found|not exist|not available|unknown)|(invalid|unknown|no such) model",
    re.IGNORECASE,
)
QUOTA = ("insufficient_quota", "billing_hard_limit_reached")


class Client:
    """A connection to the server; threads may share it.

    Redirects are not followed, because they would take the key and the texts to another host.
    Proxies and certificates of the environment (HTTPS_PROXY, SSL_CERT_FILE) are used for other
    hosts only, so that nothing sent to this machine leaves it.
    """

    def __init__(self, settings: LLMSettings, sleep: Callable[[float], object]) -> None:
        self.settings, self.sleep = settings, sleep
        self.url = (settings.url or "").rstrip("/")
        self.key = settings.key()
        seconds = settings.timeout_seconds
        self.http = httpx.Client(
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            limits=httpx.Limits(max_connections=settings.parallel),
            trust_env=not settings.on_this_machine,
            follow_redirects=False,
        )
        self.unsupported: set[str] = set()
        self.renamed: set[str] = set()
        self.reached = threading.Event()  # the server has replied

    def send(self, body: Mapping[str, Any], key: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The request as it was accepted at last, and the reply to it.

        The `key` of the call seeds the waits between attempts.

        Raises:
            LLMError: the server cannot be reached, refuses, or goes on failing.
        """
        failures = 0
        while True:
            request = self._accepted(body)
            try:
                status, headers, text = self._post(request)
            except httpx.HTTPError as error:
                problem, wait = self._unreachable(error), None
            except httpx.InvalidURL as error:
                raise LLMError(f"llm.url={self.url} is not an address: {error}") from error
            else:
                self.reached.set()
                if status == httpx.codes.OK and (reply := self._reply(text)):
                    return request, reply
                if status in (400, 422) and self._does_without(request, text):
                    continue
                if refusal := refusal_of(text):
                    return request, refusal
                problem = self._refused(status, headers, text)
                wait = retry_after(headers)
            failures += 1
            if failures > self.settings.retries:
                raise LLMError(
                    f"{problem}; tried {failures} times. What was answered so far is kept: run the "
                    "same command again to continue, with a smaller llm.parallel or a larger "
                    "llm.timeout_seconds if the server is overloaded"
                )
            jitter = rng(0, "llm wait", key, failures).uniform(0.5, 1.0)
            backoff = FIRST_WAIT * 2 ** (failures - 1) * jitter
            self.sleep(min(LONGEST_WAIT, backoff if wait is None else wait + FIRST_WAIT * jitter))

    def _accepted(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body without what the server does not accept."""
        request = {name: v for name, v in body.items() if name not in self.unsupported}
        if "logprobs" in self.unsupported:
            request.pop("top_logprobs", None)
        return {RENAMED[n] if n in self.renamed else n: value for n, value in request.items()}

    def _post(self, request: Mapping[str, Any]) -> tuple[int, httpx.Headers, str]:
        """Status, headers and text of the response, without the key, should the server echo it."""
        end = time.monotonic() + self.settings.timeout_seconds
        content = b""
        with self.http.stream("POST", f"{self.url}/chat/completions", json=request) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MOST_BYTES:
                    raise httpx.ReadError(f"the reply has more than {MOST_BYTES:,} bytes")
                if time.monotonic() > end:  # a server that sends a byte now and then
                    raise httpx.ReadTimeout("the reply did not end in time")
        return response.status_code, response.headers, self._without_key(content)

    def _without_key(self, content: bytes) -> str:
        text = content.decode("utf-8", errors="replace")
        if self.key is None or len(self.key) < SHORTEST_KEY:
            return text
        return text.replace(self.key, "[key]")

    def _reply(self, text: str) -> dict[str, Any] | None:
        """The body of a reply; None if it is broken, or is an error in spite of its status.

        Raises:
            LLMError: it is no chat completion.
        """
        reply = json_object(text)
        choices = reply.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, dict) and isinstance(first.get("message"), dict):
            return reply
        if reply.get("error") or (not reply and text.lstrip().startswith("{")):
            return None
        raise LLMError(
            f"{self.url} does not reply as an OpenAI-compatible server does (no choices in "
            f"{shown(text)}); llm.url has to be the server's address up to and including /v1"
        )

    def _does_without(self, request: Mapping[str, Any], text: str) -> bool:
        """Whether the call can be tried again without a parameter that the server refuses."""
        message = error_message(text)
        for name, other in RENAMED.items():
            if other in message and name in request:
                self.renamed.add(name)
                return True
        for name in OPTIONAL:
            words = ("json_schema", name) if name == "response_format" else (name,)
            if name in request and any(word in message for word in words):
                self.unsupported.add(name)
                return True
        return False

    def _refused(self, status: int, headers: Mapping[str, str], text: str) -> str:
        """What to say if the server goes on with this response.

        Raises:
            LLMError: another attempt would be of no use.
        """
        message, code = error_message(text), error_code(text)
        if status in (401, 403):
            variable = self.settings.key_variable
            advice = (
                f"check the key in the environment variable {variable}" if variable
                else "name the environment variable that holds the key: llm.key_variable=NAME"
            )  # fmt: skip
            raise LLMError(f"{self.url} refuses access ({status}: {message}); {advice}")
        if code == "model_not_found" or (status in (400, 404) and UNKNOWN_MODEL.search(message)):
            model = self.settings.model
            models = self._models()
            known = did_you_mean(str(model), models) if models else ""
            raise LLMError(f"{self.url} does not know llm.model={model} ({message}){known}")
        if 300 <= status < 400:
            raise LLMError(
                f"{self.url} redirects to {headers.get('location')}; texts are not sent there: "
                "give that address as llm.url if it is the server's"
            )
        transient = status == httpx.codes.OK or status in TRANSIENT or status >= 500
        if not transient or code in QUOTA:
            advice = (
                "; llm.url has to be the server's address up to and including /v1"
                if status in (404, 405) else ""
            )  # fmt: skip
            raise LLMError(f"{self.url} refuses the call ({status}: {message}){advice}")
        return f"{self.url} replies {status} ({message})"

    def _unreachable(self, error: httpx.HTTPError) -> str:
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol) and not (
            self.reached.is_set()
        ):
            raise LLMError(
                f"{self.url} cannot be reached ({reason}); start the server, or check llm.url"
            ) from error
        if isinstance(error, httpx.TimeoutException):
            return f"{self.url} did not reply in {self.settings.timeout_seconds:g} seconds"
        return f"the connection to {self.url} was lost ({reason})"

    def _models(self) -> list[str]:
        """The server's models, as far as it lists them."""
        try:
            listed = json_object(self.http.get(f"{self.url}/models").text).get("data")
        except httpx.HTTPError:
            return []
        models = listed if isinstance(listed, list) else []
        return [str(model["id"]) for model in models if isinstance(model, dict) and "id" in model]
