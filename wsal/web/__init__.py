"""The page people annotate on: one process, the run folder, a browser."""
