"""Tiny model folders that the tests of this part share."""

from collections.abc import Callable

import pytest

from gliascope.checkpoint import ModelFolder


@pytest.fixture(scope="session")
def threshold_3d(make_model: Callable[..., ModelFolder]) -> ModelFolder:
    """Return a 3-D threshold model without window."""
    return make_model(3)
