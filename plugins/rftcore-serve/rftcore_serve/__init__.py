"""Environments in processes of their own, over HTTP and JSON: who serves and who plays import nothing of each other."""
