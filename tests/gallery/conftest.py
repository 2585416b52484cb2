"""Templates with a heavy non-mated tail, and the slow twin of every search."""

import numpy as np
import pytest


def _unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def faces():
    """Make n clustered unit vectors: strangers that share a few directions, as faces do."""

    def make(count, dimension=32, seed=0, clusters=7):
        rng = np.random.default_rng(seed)
        centres = rng.standard_normal((clusters, dimension))
        return _unit(
            centres[rng.integers(0, clusters, count)] * 0.6 + rng.standard_normal((count, dimension))
        )

    return make


@pytest.fixture
def captures():
    """Make another capture of given templates."""

    def make(templates, noise=0.5, seed=1):
        rng = np.random.default_rng(seed)
        spread = rng.standard_normal(templates.shape) / np.sqrt(templates.shape[1])
        return _unit(templates + noise * spread)

    return make


@pytest.fixture
def twin():
    """Search one pair at a time in float64, sort by (-score, id), pad: the meaning of `identify`."""

    def identify(probes, templates, ids, length):
        found_ids = np.full((len(probes), length), -1, np.int64)
        found = np.full((len(probes), length), -np.inf, np.float32)
        for i, probe in enumerate(probes):
            scored = []
            for reference, template in zip(ids, templates, strict=True):
                score = np.float32(folded_sum(probe.astype(np.float64) * template.astype(np.float64)))
                scored.append((-score, int(reference)))
            for place, (negative, reference) in enumerate(sorted(scored)[:length]):
                found_ids[i, place], found[i, place] = reference, -negative
        return found_ids, found

    return identify


def folded_sum(products):
    """The order of additions that scoring.py writes down, one pair at a time."""
    products = list(products)
    while len(products) > 1:
        half = len(products) // 2
        tail = products[len(products) - half :]
        products = [
            value + (tail[at] if at < half else 0.0)
            for at, value in enumerate(products[: len(products) - half])
        ]
    return products[0]
