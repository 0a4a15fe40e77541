"""Samplers on vLLM: over HTTP, and in process."""
