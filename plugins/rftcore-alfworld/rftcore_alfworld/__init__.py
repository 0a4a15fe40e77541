"""ALFWorld for rftcore: household tasks in text, by an engine of our own over the ALFRED domain."""
