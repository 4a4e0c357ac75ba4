"""Data sources, and the way from their rows to records: clean, grouped, split."""
