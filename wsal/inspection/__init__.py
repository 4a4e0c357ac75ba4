"""What a run shows: its artifacts, errors, groups of texts, slices."""
