"""Replies to prompts: from the cache, or else from the server and then in the cache."""

import time
from dataclasses import dataclass

from wsal.llm.cache import Cache, Call
from wsal.llm.calls import body_of, call_key, reply_of
from wsal.llm.client import Client
from wsal.llm.questions import Prompt, Reply
from wsal.llm.settings import LLMSettings
from wsal.llm.spending import cost_of, tokens_of


class NotCachedError(Exception):
    """A call that has to be made first."""


@dataclass(frozen=True)
class Caller:
    """Calls of one purpose."""

    settings: LLMSettings
    cache: Cache
    purpose: str

    def cached(self, prompt: Prompt) -> Reply:
        """The reply to a prompt that was sent before.

        Raises:
            NotCachedError: it was not.
        """
        call = self.cache.get(call_key(self.settings, prompt))
        if call is None:
            raise NotCachedError
        return reply_of(call, cached=True)

    def reply(self, client: Client, prompt: Prompt) -> Reply:
        """The reply to a prompt, which is sent unless it was before.

        Raises:
            LLMError: see `Client.send`.
        """
        key = call_key(self.settings, prompt)
        if call := self.cache.get(key):
            return reply_of(call, cached=True)
        start = time.monotonic()
        request, reply = client.send(body_of(self.settings, prompt), key)
        seconds = time.monotonic() - start
        n_in, n_out, estimated = tokens_of(request, reply)
        cost = cost_of(self.settings.price, n_in, n_out)
        model = str(self.settings.model)
        call = Call(
            key, self.purpose, model, request, reply, n_in, n_out, estimated, cost, seconds
        )  # fmt: skip
        return reply_of(self.cache.put(call), cached=False)
