"""What several stages share: answers, evaluation frame, training set, scores."""
