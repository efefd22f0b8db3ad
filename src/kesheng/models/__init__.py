"""What scores texts: n-grams, sentiment, aspects, topics, and their artefacts."""
