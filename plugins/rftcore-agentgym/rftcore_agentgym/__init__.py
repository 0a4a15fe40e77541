"""AgentGym's clients and the environments of rftcore: what its servers answer, answered by `rftcore serve`."""
