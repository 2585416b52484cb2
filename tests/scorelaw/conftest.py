"""Laws are made once: each takes a second."""

import pytest

from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile import load_profile


@pytest.fixture(scope="session")
def leader():
    return load_profile("visa-border-leader")


@pytest.fixture(scope="session")
def law(leader):
    return ScoreLaw(leader)


@pytest.fixture(scope="session")
def middle():
    return load_profile("visa-border-50th")


@pytest.fixture(scope="session")
def middle_law(middle):
    return ScoreLaw(middle)
