"""Rules: cheap heuristics that vote for a class, or abstain."""
