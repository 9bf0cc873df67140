"""What a test does where a program that it needs is not installed."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def without(reason: object) -> NoReturn:
    """Leave the test out and say why; where nothing may be left out, in CI, fail."""
    if os.environ.get("CI") == "true" or "MRCCSC_CI_RUN" in os.environ:
        pytest.fail(str(reason))
    pytest.skip(str(reason))
