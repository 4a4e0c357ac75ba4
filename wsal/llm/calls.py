"""A prompt as the body of a request, the key of its call, and what is read from the reply."""

from typing import Any

from wsal.digests import digest_of
from wsal.llm.cache import Call
from wsal.llm.questions import Prompt, Reply
from wsal.llm.settings import LLMSettings


def call_key(settings: LLMSettings, prompt: Prompt) -> str:
    """What identifies a call: the same key means the same reply.

    The address is no part of it, so that a server may move.
    """
    parts = {
        "model": settings.model,
        "messages": prompt.messages,
        "schema": prompt.schema,
        "n_logprobs": prompt.n_logprobs,
        "sample": prompt.sample,
        "temperature": temperature(settings),
        "max_tokens": settings.max_tokens,
    }
    return digest_of(parts)


def temperature(settings: LLMSettings) -> float:
    """The sampling temperature: several samples are of use only if they can differ."""
    if settings.temperature is not None:
        return settings.temperature
    return 0.7 if settings.samples > 1 else 0.0


def body_of(settings: LLMSettings, prompt: Prompt) -> dict[str, Any]:
    """What is sent for a prompt."""
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": [dict(message) for message in prompt.messages],
        "temperature": temperature(settings),
        "max_tokens": settings.max_tokens,
        "seed": prompt.sample,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "strict": True, "schema": prompt.schema},
        },
    }
    if prompt.n_logprobs:
        body |= {"logprobs": True, "top_logprobs": prompt.n_logprobs}
    return body


def reply_of(call: Call, *, cached: bool) -> Reply:
    """What the rest of wsal reads of a call."""
    choice = call.reply["choices"][0]
    message = choice["message"]
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    return Reply(
        content_of(call.reply),
        tuple(token for token in tokens or () if isinstance(token, dict)),
        call.input_tokens,
        call.output_tokens,
        call.cost,
        cached=cached,
        refused=bool(message.get("refusal")) or choice.get("finish_reason") == "content_filter",
    )


def content_of(reply: dict[str, Any]) -> str:
    """The text of a reply; some servers send it in parts."""
    content = reply["choices"][0]["message"].get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
