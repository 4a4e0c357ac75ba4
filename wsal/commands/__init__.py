"""Commands: one module each, named as the user types it.

`run` launches through Hydra: `wsal run`, `wsal active` and every stage. The others parse their own
options: a module has `add_options(parser)` and `run(options)`, and its docstring is its `--help`.
"""

LAUNCHED = {
    "run": "Run every stage, from rules to an exported model",
    "active": "Run only the rounds of active learning, until a stop rule holds",
}
"""Command -> help. They take overrides of the configuration, as the stages do."""

COMMANDS = {
    "status": ("[RUN ...]", "Show which stages are done, stale or missing"),
    "append": ("RUN FILE", "Add, change or withdraw records"),
    "rules": ("[RUN]", "Report on the rules: coverage, conflicts, accuracy, examples"),
    "rules suggest": ("[RUN]", "Suggest rules to paste into a rule file"),
    "rules watch": ("FILE [RUN]", "Show what each edit of a rule file changes"),
    "classes": ("ACTION RUN ...", "Add, rename, merge, split, move or remove classes"),
    "data log": ("[RUN]", "List the states of a run, and what changed"),
    "data diff": ("RUN STATE STATE", "Show what changed between two states of a run"),
    "report": ("[RUN]", "Write a report of a run as one HTML page"),
    "forecast": ("[RUN]", "Estimate the labels, hours and cost still needed"),
    "review": ("[RUN]", "List the answers that look wrong"),
    "workspace": ("[RUN]", "Look at errors in a browser, and fix them with rules"),
    "llm plan": ("[RUN]", "Show what a language model would be sent, and the price"),
    "llm log": ("[RUN]", "Show what a language model was sent, and what it cost"),
    "compare": ("RUN [RUN ...]", "Compare runs: a table, and a page with intervals"),
    "estimate": ("INPUT", "Estimate the hours, cost and disk of a large job"),
    "predict": ("MODEL INPUT OUTPUT", "Label a table"),
    "accept": ("MODEL BATCH", "Check a sample of a batch, and release what is good enough"),
    "serve": ("MODEL", "Serve a model over HTTP"),
    "harvest": ("FOLDER --out FILE", "Write the uncertain texts that a server stored"),
    "drift": ("MODEL SUMMARY ...", "Show whether new texts differ from the reference"),
    "push": ("MODEL OWNER/NAME", "Upload a model to the Hugging Face Hub"),
}
"""Command -> arguments, help. The module of `rules watch` is `rules_watch`."""
