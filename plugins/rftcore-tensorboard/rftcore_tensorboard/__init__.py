"""Shows runs in TensorBoard as they work."""
