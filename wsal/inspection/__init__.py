"""A run, looked at: its artifacts, errors, groups of texts, slices."""
