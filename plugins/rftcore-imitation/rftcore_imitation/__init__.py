"""Imitation for rftcore: a supervised stage on demonstrations, or on the agent's own successes."""
