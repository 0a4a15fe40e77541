"""The checks of `rftcore.testing` that need torch: what losses and samplers promise."""
