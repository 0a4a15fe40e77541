"""The modes of failure that take reading, in words: for whoever reads an episode, a judge or a second reader.

How an episode ended, and which of its actions were possible, is recorded and needs no reader.
"""

from __future__ import annotations

DEFINITIONS = {
    "confirmation_bias": "the agent acts as if something were true that no observation supports, or that one "
    "contradicts: it uses a thing that it has not seen, tries again what has just failed, answers with what it has not "
    "read, or buys what the page shows not to fit",
    "action_loop": "the agent repeats an action, or a round of actions, although nothing comes of it",
    "wandering": "the agent runs out of turns, most of its actions are possible, and they lead nowhere: it neither "
    "follows a plan nor repeats itself",
    "malformed_output": "in a quarter of the turns or more, what the agent writes has not the form of this "
    "environment's actions at all: garbled text, a bracket that is missing, or nothing. An action of the right form "
    "that is not possible is not malformed",
}
"""Mode -> what it says of the agent."""
