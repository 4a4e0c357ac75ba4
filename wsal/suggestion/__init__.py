"""Rules proposed from class names, gold labels, conflicts and the model's mistakes."""
