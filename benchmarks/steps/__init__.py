"""The parts of `environments.py`: how our own environments are timed, and the packages that they are compared with."""
