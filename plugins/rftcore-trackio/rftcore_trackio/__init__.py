"""Shows runs in Trackio as they work."""
