"""Rewritten copies of annotated records that keep their label; consistency of predictions."""
