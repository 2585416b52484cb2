"""Whole files of every kind, made once, for the hostile tests to damage."""

import functools

import pytest
from artefacts import make

from biomatch import cli
from biomatch.files import opened


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(opened, "PIPE_SECONDS", 0.05)


@pytest.fixture(scope="session", autouse=True)
def _one_application():
    """Build the application once: its hundred builds would be most of the time."""
    made = functools.cache(cli.build)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "build", made)
        yield


@pytest.fixture(scope="session")
def seeds(tmp_path_factory):
    """Paths of whole artefacts by the name of the parameter that takes such a thing."""
    home = tmp_path_factory.mktemp("seeds")
    make(home)
    return home
