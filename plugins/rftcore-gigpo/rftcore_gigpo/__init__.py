"""GiGPO for rftcore: credit for each turn, from groups of trajectories and groups of turns in the same state."""
