"""The conversations that `rollout.py`, `update.py` and `samplers.py` time, and the peers that they are timed against.

Imported before any library reads these settings: one thread each side, no network, no notices between the results.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
