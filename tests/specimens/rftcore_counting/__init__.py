"""The smallest environment that does everything the contract allows: a specimen for tests."""
