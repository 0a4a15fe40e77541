"""OPO for rftcore."""
