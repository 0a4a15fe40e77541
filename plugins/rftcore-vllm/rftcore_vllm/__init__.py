"""Samplers on vLLM."""
