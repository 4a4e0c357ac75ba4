"""Large language models: a client, prompts, validated answers, a cache that pays once."""
