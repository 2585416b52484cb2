"""The one number of a profile that is measured by simulation: how much of its scatter a probe shares.

The closed form treats strangers as independent given what a probe is like (its place in the latent space,
its typicality, its noise). A probe's own vector also leans a little towards or away from all of its
look-alikes at once, for the feature map fills few directions. That lean is a part ``likeness.common`` of
the scatter (at one likeness, and more of it the more alike two people are: `nonmated.LEAN_AT`); it is
estimated once for a profile from the best scores of simulated searches, and then the
closed form extrapolates it to any gallery.
"""

from __future__ import annotations

import numpy as np
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from biomatch import portable
from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile import FaceProfile

SEED = 2**32 + 3
"""Seeds from 2^32 up train what ships; users' worlds refuse them."""
LEVELS = (0.3, 0.2, 0.1, 0.05, 0.03, 0.015, 0.007)
"""FPIR levels between whose thresholds the best scores are counted."""


def best_scores(
    profile: FaceProfile, galleries: tuple[int, ...], probes: int, seed: int = SEED
) -> dict[int, NDArray[np.float32]]:
    """Search simulated non-mated probes by brute force.

    Parameters
    ----------
    profile : FaceProfile
    galleries : tuple of int
        Sizes, each a multiple of 2,000 and ascending; a larger gallery contains the smaller ones.
    probes : int
        Number of non-mated probes, each of another person.
    seed : int
        Root seed of the simulated people.

    Returns
    -------
    dict
        Size -> best score of each probe, shape (probes,), float32.
    """
    space = FaceSpace(profile, seed=seed)
    largest, block = galleries[-1], 2000
    people = People.make(profile, np.arange(largest + probes))
    seekers = np.empty((probes, space.dimension), dtype=np.float32)
    render(space, people, Shots.of(np.arange(largest, largest + probes), 1), seekers)
    best = np.full(probes, -1.0, dtype=np.float32)
    enrolled = np.empty((block, space.dimension), dtype=np.float32)
    found = {}
    for first in range(0, largest, block):
        render(space, people, Shots.of(np.arange(first, first + block), 0, enrolment=True), enrolled)
        np.maximum(best, portable.unit_products(seekers, enrolled).max(axis=1).astype(np.float32), out=best)
        if first + block in galleries:
            found[first + block] = best.copy()
    return found


def measure_common(profile: FaceProfile, probes: int = 6000) -> float:
    """Estimate ``likeness.common`` by maximum likelihood over the best scores of simulated searches.

    Returns
    -------
    float
        In [0, 0.4], rounded to 0.005.
    """
    found = best_scores(profile, (10_000, 60_000), probes)
    tried = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    likelihood = []
    base = ScoreLaw(profile)
    for common in tried:
        law = ScoreLaw(profile.with_({"likeness.common": float(common)}))
        total = 0.0
        for size, scores in found.items():
            edges = [base.threshold(size, level) for level in LEVELS]
            counts = np.histogram(scores, [-1.0, *edges, 1.0])[0]
            above = np.concatenate([[1.0], law.fpir(size, np.array(edges)), [0.0]])
            total += float((counts * portable.log(np.maximum(above[:-1] - above[1:], 1e-12))).sum())
        likelihood.append(total)
    fine = np.arange(0.0, 0.4001, 0.005)
    return float(round(fine[int(np.argmax(CubicSpline(tried, likelihood)(fine)))], 4))
