"""wsal's own ways in the label-savings benchmark: rules, ablations, and what a person's time is."""

WSAL = "wsal"
RULES = ("blind", "present", "names", "none")
"""Rules written without looking at results; those of the experiment; from class names; none."""
BY_RULES = {"none": ("pretrain=none", "finetune=gold_only", "strategy=cold_start")}
"""Overrides by the rules."""
PARTS = {
    "rules vote as a whole": ("label_model.by_term=false",),
    "without balance": ("pretrain.balance=0",),
    "head not fitted first": ("pretrain.head_first=false",),
    "all weak labels": ("pretrain.max_texts=null",),
    "random texts": ("strategy=random",),
    "margin": ("strategy=margin",),
    "without replay": ("finetune.replay=0",),
    "400 steps": ("finetune.steps=400",),
    "running mean of weights": ("finetune.ema=0.98",),
    "with copies": ("amplify=default",),
}
"""Ablations: overrides of wsal with one part changed. A new line here is a new way."""
QUERY, SECONDS, BLIND_SECONDS = 50, 4.0, 900.0
"""Labels of a round; an annotator's seconds for a text, and for a set of blind rules."""
RULES_SECONDS = {"blind": BLIND_SECONDS, "present": None, "names": 0.0, "none": 0.0}
"""What the rules took a person; nobody measured it for the present ones."""
