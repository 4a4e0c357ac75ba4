"""Runs: the table of stages, the loop over rounds, and what is printed of them."""
