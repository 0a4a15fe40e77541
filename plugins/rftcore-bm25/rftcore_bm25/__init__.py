"""BM25 that ranks exactly as Lucene does: a library for plugins of rftcore, and for anyone else."""
