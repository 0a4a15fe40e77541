"""The environment `agentgym`: plays what AgentGym's servers, or ours in their protocol, serve."""
