"""What every algorithm promises, as checks that its author calls in one test: `check_algorithm("mine")`.

Core relies on these promises and checks none of them while it trains. They do not say that an algorithm learns, nor
that its formula is the one intended: that takes numbers worked out by hand.
"""

from rftcore.conformance.algorithm import check_algorithm

__all__ = ["check_algorithm"]
