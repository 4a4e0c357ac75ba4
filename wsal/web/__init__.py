"""The annotation page: HTTP, and what the browser shows."""
