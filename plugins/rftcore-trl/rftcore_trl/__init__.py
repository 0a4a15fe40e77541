"""rftcore's environments inside TRL's `GRPOTrainer`, and the refusal of what that trainer cannot express."""

from rftcore_trl.arguments import grpo_arguments
from rftcore_trl.dataset import dataset
from rftcore_trl.factory import environment_factory
from rftcore_trl.rollout import episode_reward, rollout_func

__all__ = ["dataset", "environment_factory", "episode_reward", "grpo_arguments", "rollout_func"]
