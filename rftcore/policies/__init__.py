"""The policies of core: floor, ceiling and memory of every table. None of them knows about tokens."""
