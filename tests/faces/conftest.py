"""Small worlds of faces."""

import pytest

from biomatch.settings.profile import FaceProfile, load_profile


@pytest.fixture(scope="session")
def leader() -> FaceProfile:
    return load_profile("visa-border-leader")
