"""Export: the fine-tuned model leaves as files that anything can serve."""
