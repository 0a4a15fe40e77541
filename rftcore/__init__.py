"""Reinforcement fine-tuning of LLM agents, and an honest answer to whether what they learned generalizes."""
