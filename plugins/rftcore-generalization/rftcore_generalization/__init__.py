"""Generalization figures with honest error bars: what a study may claim, and what it may not."""
