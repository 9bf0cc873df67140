"""The plays that people give with the real client on one node, unchanged, on a cluster."""

from tests.client.test_plays import *  # noqa: F403 - pytest finds them here
