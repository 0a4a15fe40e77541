"""Curricula whose stages follow from the configuration: single, mixture, sequential, easy to hard, growing horizon."""
