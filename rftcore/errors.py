"""What can go wrong, one type for each audience.

    RftError
    ├── ConfigError        the user's configuration: unknown key, wrong type, impossible combination
    ├── PluginError        an installed distribution: unknown name, broken import, two owners of a name
    ├── RunError           the run folder: not writable, disk full, unknown run, checkpoint missing or damaged
    ├── SplitError         an environment author's task lists: overlapping splits, unstable tasks
    └── EpisodeError       one episode failed for a reason that is not the agent's

    Interruption           no error: it ends what this process does, as Ctrl-C does

The message of every error says what was found, what was expected and what to do next. The command line prints it
without a traceback and exits with code 2.
"""

from __future__ import annotations


class RftError(Exception):
    """Any error that rftcore raises on purpose; its message is written for a person."""


class ConfigError(RftError):
    """A configuration cannot be used as it is; the message names the path of each wrong key."""


class PluginError(RftError):
    """A plugin is missing, broken, incompatible, or in conflict with another."""


class RunError(RftError):
    """A run folder or a checkpoint in it cannot be read or written."""


class SplitError(RftError):
    """The tasks of an environment break a promise: disjoint splits, stable ids, stable first observation."""


class EpisodeError(RftError):
    """An episode cannot go on because of the machine or the environment, never because of the agent."""


class Interruption(BaseException):
    """Ends what this process does, on purpose; nobody's failure, so nothing may hold it up."""
