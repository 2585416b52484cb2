"""Fixtures that several areas share: small worlds, made once."""

import os

import pytest
from hypothesis import settings

settings.register_profile("biomatch", deadline=None, max_examples=50, print_blob=True)
settings.load_profile("biomatch")
os.environ.setdefault("OMP_NUM_THREADS", "2")


@pytest.fixture(scope="session")
def tiny_world():
    from biomatch.settings.scenario import Scenario
    from biomatch.worlds import world

    return world(Scenario.load("tiny"), seed=1)


@pytest.fixture(scope="session")
def other_tiny_world():
    from biomatch.settings.scenario import Scenario
    from biomatch.worlds import world

    return world(Scenario.load("tiny"), seed=2)


@pytest.fixture(autouse=True, scope="module")
def _as_shipped():
    """What an example registers is forgotten behind it: the next file's tests see what ships."""
    from biomatch import registry

    kinds = [kind for kind in vars(registry).values() if isinstance(kind, registry.Registry)]
    before = [set(kind) for kind in kinds]
    yield
    for kind, names in zip(kinds, before, strict=True):
        for name in set(kind) - names:
            kind.remove(name)
