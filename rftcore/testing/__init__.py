"""What every component promises core, as one list of small checks with three ways in.

In a test of its author `@conforms("webshop")`, on the command line `rftcore check webshop`, and in Python
`examine("webshop").require()`. The checks do not say that an environment is worth playing, that an algorithm learns, or
that its formula is the one intended.
"""

from rftcore.testing.batch import examine_each
from rftcore.testing.check import Check, Level
from rftcore.testing.conforms import Broken, conforms
from rftcore.testing.report import Report, Result, examine

__all__ = ["Broken", "Check", "Level", "Report", "Result", "conforms", "examine", "examine_each"]
