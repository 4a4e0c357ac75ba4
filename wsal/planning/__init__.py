"""How long a large job takes: measured on a sample, computed for all rows and a cluster."""
