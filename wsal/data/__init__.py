"""Data sources, and the steps from their rows to records: clean, group, split."""
