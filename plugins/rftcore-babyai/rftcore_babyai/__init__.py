"""The BabyAI levels of minigrid behind a text interface, for rftcore."""
