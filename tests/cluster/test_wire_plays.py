"""The plays of clients that know only the protocol, unchanged, on a cluster."""

from tests.wire.test_plays import *  # noqa: F403 - pytest finds them here
