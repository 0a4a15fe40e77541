"""A program that says which process of a launch it is, and whether weights are to be split."""

import sys

from rftcore import launch

# One write a line: others write to the same place.
sys.stdout.write(f"{launch.rank()} of {launch.count()}, {'split' if launch.splits() else 'whole'}\n")
