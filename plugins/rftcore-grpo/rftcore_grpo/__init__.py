"""GRPO for rftcore: group-normalized credit without torch, and a clipped loss with its documented variants."""
