"""Embeddings of known profiles; the fits are made once."""

import numpy as np
import pytest
from biomatch_synthetic.faces import FaceSpace, People, Shots, render

from biomatch.scorelaw.fit import fit_embeddings
from biomatch.settings.profile import load_profile


def make(profile, people, images, seed=5, group=None):
    space = FaceSpace(profile, seed=seed)
    owners = People.make(profile, np.arange(people), group=group)
    ids = np.repeat(np.arange(people), images)
    out = np.empty((len(ids), space.dimension), dtype=np.float32)
    render(space, owners, Shots.of(ids, np.tile(np.arange(images), people)), out)
    return out, ids.astype(np.str_)


@pytest.fixture(scope="session")
def embeddings():
    return make


@pytest.fixture(scope="session")
def truth():
    """A matcher smaller than the built-in ones, so that its templates are made quickly."""
    return load_profile("visa-border-50th").with_({"dimension": 256})


@pytest.fixture(scope="session")
def fitted(truth):
    templates, labels = make(truth, 500, 4)
    return fit_embeddings(templates, labels, "twin")
