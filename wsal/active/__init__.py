"""Active learning: which texts to ask people about next. Strategies work on arrays only."""
