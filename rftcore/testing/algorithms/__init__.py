"""What every algorithm promises core: its spec and its credit. Its loss needs torch: `rftcore.train.testing`."""
