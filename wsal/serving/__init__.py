"""Serving: an exported folder labels tables and answers requests."""
