"""Chaos for a study of real processes: `make chaos` says whether runs end with the numbers of undisturbed ones."""
