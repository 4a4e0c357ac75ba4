"""Active learning: which texts to put before people next, and who answers."""
