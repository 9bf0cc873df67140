"""The full-screen client. See ``app``."""
