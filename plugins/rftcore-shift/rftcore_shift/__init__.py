"""Interface shifts for rftcore: any environment with another interface, and the same tasks behind it."""
