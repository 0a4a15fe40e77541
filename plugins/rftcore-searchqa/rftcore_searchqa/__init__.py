"""SearchQA for rftcore: search a corpus, read what was found, answer."""
