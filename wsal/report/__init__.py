"""The report of a run: what its artifacts say, as one HTML page."""
