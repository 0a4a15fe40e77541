"""`python -m rftcore.cli`: the command line where a launcher wants a module, as `accelerate launch --module` does."""

from rftcore.cli import main

main()
