"""Simulated comparisons through the generator: what the checks count."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from numpy.typing import NDArray

from biomatch import portable
from biomatch.policy import accept
from biomatch.rates import Rate, rate
from biomatch.scorelaw import ScoreLaw
from biomatch.settings.profile import FaceProfile, load_profile

Scores = NDArray[np.float32]
SEED = 2**32 + 1017
"""Seeds from 2^32 up are not open to users' worlds; the profiles were fitted with another one."""
CHUNK = 4000


@lru_cache(maxsize=16)
def law_of(name: str) -> ScoreLaw:
    """Make the score law of a built-in profile once: several rows ask for it."""
    return ScoreLaw(load_profile(name))


@lru_cache(maxsize=16)
def mated_scores(
    profile: FaceProfile, people: int, *, years: float = 0.0, group: str | None = None, seed: int = SEED
) -> Scores:
    """Compare one enrolled image and one probe of each person.

    Parameters
    ----------
    profile : FaceProfile
    people : int
        Number of persons, each with one pair.
    years : float
        Years between the two images.
    group : str, optional
        Demographic group of all of them.
    seed : int
        Root seed of the people.

    Returns
    -------
    ndarray
        Shape (people,), float32, read-only: rows 1 and 8 count the same pairs.
    """
    space = FaceSpace(profile, seed=seed)
    scores = np.empty(people, dtype=np.float32)
    for first in range(0, people, CHUNK):
        ids = np.arange(first, min(first + CHUNK, people))
        owners = People.make(profile, ids, group=None if group is None else [group] * len(ids))
        enrolled, probes = (np.empty((len(ids), space.dimension), dtype=np.float32) for _ in range(2))
        render(space, owners, Shots.of(ids, 0, enrolment=True), enrolled)
        render(space, owners, Shots.of(ids, 1, year=years), probes)
        scores[first : first + len(ids)] = portable.pair_sums(enrolled, probes)
    scores.flags.writeable = False
    return scores


def kin_scores(profile: FaceProfile, kind: str, pairs: int, seed: int = SEED) -> Scores:
    """Compare a probe of one relative with the enrolled image of the other.

    Parameters
    ----------
    profile : FaceProfile
    kind : {"identical", "same_sex", "different_sex"}
    pairs : int
        Number of pairs of relatives.
    seed : int
        Root seed of the people.

    Returns
    -------
    ndarray
        Shape (pairs,), float32.
    """
    space = FaceSpace(profile, seed=seed)
    scores = np.empty(pairs, dtype=np.float32)
    for first in range(0, pairs, CHUNK):
        count = min(CHUNK, pairs - first)
        ids = 2 * first + np.arange(2 * count)
        group = ["E-Europe F", "E-Europe M"] * count if kind == "different_sex" else None
        people = People.make(
            profile,
            ids,
            group=group,
            family_id=ids // 2,
            identical_twin_id=ids ^ 1 if kind == "identical" else None,
        )
        enrolled, probes = (np.empty((count, space.dimension), dtype=np.float32) for _ in range(2))
        render(space, people, Shots.of(ids[0::2], 0, enrolment=True), enrolled)
        render(space, people, Shots.of(ids[1::2], 1), probes)
        scores[first : first + count] = portable.pair_sums(enrolled, probes)
    return scores


def best_strangers(
    profile: FaceProfile,
    gallery: int,
    probes: int,
    *,
    group: str | None = None,
    mates: bool = False,
    first_id: int = 0,
    seed: int = SEED,
) -> tuple[Scores, Scores | None]:
    """Search probes against a gallery of one image each.

    Parameters
    ----------
    profile : FaceProfile
    gallery, probes : int
        Enrolled persons and probes; with ``mates`` the probes are of the first enrolled persons.
    group : str, optional
        Demographic group of everybody.
    mates : bool
        Whether the probes' own persons are enrolled.
    first_id : int
        Number of the first person: other numbers, other people.
    seed : int
        Root seed of the people.

    Returns
    -------
    best : ndarray
        Shape (probes,): the best score of a stranger.
    own : ndarray or None
        Shape (probes,): the mate's score; None without mates.
    """
    space = FaceSpace(profile, seed=seed)
    enrolled_ids = first_id + np.arange(gallery)
    probe_ids = enrolled_ids[:probes] if mates else first_id + gallery + np.arange(probes)
    everybody = np.union1d(enrolled_ids, probe_ids)
    people = People.make(profile, everybody, group=None if group is None else [group] * len(everybody))
    enrolled = np.empty((gallery, space.dimension), dtype=np.float32)
    render(space, people, Shots.of(enrolled_ids, 0, enrolment=True), enrolled)
    best = np.empty(probes, dtype=np.float32)
    own = np.empty(probes, dtype=np.float32) if mates else None
    for first in range(0, probes, 1000):
        ids = probe_ids[first : first + 1000]
        seekers = np.empty((len(ids), space.dimension), dtype=np.float32)
        render(space, people, Shots.of(ids, 1), seekers)
        scores = portable.unit_products(seekers, enrolled).astype(np.float32)
        if own is not None:
            rows = np.arange(len(ids))
            own[first : first + len(ids)] = scores[rows, first + rows]
            scores[rows, first + rows] = -2.0
        best[first : first + len(ids)] = scores.max(axis=1)
    return best, own


def misses(scores: Scores, threshold: float) -> Rate:
    """Count mated scores that are not accepted."""
    return rate(int((~accept(scores, threshold)).sum()), len(scores))


def hits(scores: Scores, threshold: float) -> Rate:
    """Count scores that are accepted."""
    return rate(int(accept(scores, threshold).sum()), len(scores))
