"""REINFORCE, RLOO and REINFORCE++ for rftcore: three credits without torch, and a plain and two clipped losses."""
