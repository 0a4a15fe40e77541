"""Gymnasium for rftcore: its environments here, and ours there."""
