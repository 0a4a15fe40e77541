"""PPO for rftcore: generalized advantages of a critic over turns or tokens, without torch, and a clipped loss."""
