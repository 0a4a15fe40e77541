"""Models behind OpenAI-compatible chat endpoints, as policies that are evaluated and never trained."""
