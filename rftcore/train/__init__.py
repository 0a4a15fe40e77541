"""The only part of core that imports torch: chat templates, sampler, rows, learner, checkpoints, the tiny policy."""
