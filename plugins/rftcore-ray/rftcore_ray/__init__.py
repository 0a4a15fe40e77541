"""Runs the jobs of studies on Ray."""
