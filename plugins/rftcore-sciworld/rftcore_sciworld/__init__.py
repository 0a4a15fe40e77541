"""ScienceWorld as an environment of rftcore."""
