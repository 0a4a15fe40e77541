"""Shows runs in Weights & Biases as they work."""
