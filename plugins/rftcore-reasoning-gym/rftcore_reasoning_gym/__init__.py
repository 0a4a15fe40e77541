"""reasoning-gym for rftcore: its generated problems as tasks."""
