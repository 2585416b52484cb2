"""Small worlds of faces."""

import pytest

from biomatch.settings.profile import FaceProfile, load_profile


@pytest.fixture(scope="session")
def leader() -> FaceProfile:
    return load_profile("visa-border-leader")


@pytest.fixture(scope="session")
def small() -> FaceProfile:
    return load_profile("visa-border-small")
