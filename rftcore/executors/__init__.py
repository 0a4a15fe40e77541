"""The executors of core: `inline`, in this process, and `processes`, side by side on this machine.

Nothing is imported here: a worker process passes through this package before its environment is complete.
"""
