"""Pools of donors: the best passport of each size, and what the face model expects of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import SettingsError
from biomatch.portable.types import Floats, Ints
from biomatch.settings.profile import FaceProfile, load_profile
from biomatch.streams import stream
from biomatch.tables.observed import Observed
from biomatch.truth import Truth

SIZES = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
"""Passports in a pool. A pool is drawn where the world has so many, up to `LARGEST`."""
LARGEST = 10_000
"""Largest pool that is drawn: beyond it the face model speaks alone."""
OWN, KNOWN = "own_photo", "score_known"
"""How a donor is picked (see `biomatch.evaluation.alerts.adversary.adversary`)."""
YEARS_APART = 15.0
"""Ages between which one passes for the other (assumed; a child does not pass for a grown-up)."""
MOST_LAWS = 64
"""Pairs of group and threshold of which the face model's figures are worked out: a tenth of a second each."""
_WINDOW = 0.02  # thresholds on either side that a law tabulates

Drawn = TypeVar("Drawn", pl.DataFrame, pl.Series)
Picked = dict[int, dict[str, tuple[Ints, Ints]]]


def some_of(rows: Drawn, most: int, seed: int, name: str) -> Drawn:
    """Draw at most so many rows of a frame or a series, in their order."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(stream(seed, name).choice(len(rows), most, replace=False))]


def best_donors(observed: Observed, people: pl.DataFrame, donors: pl.DataFrame, seed: int) -> Picked:
    """Draw nested pools for everybody and pick the best donor in each.

    Parameters
    ----------
    observed : Observed
        Holds the templates.
    people, donors : polars.DataFrame
        As `biomatch.evaluation.alerts.adversary.Tried` declares. Nobody is lent a passport of their own
        or of their family.
    seed : int
        Of the draw: the world's lineage.

    Returns
    -------
    dict
        For each size that somebody has donors enough for, and each way to pick: rows of `people` and
        rows of `donors`, both of shape (k,).
    """
    faces = np.asarray(observed.templates)
    born = [frame["birth_date"].to_physical().to_numpy() / 365.25 for frame in (people, donors)]
    family, others = (frame["family_id"].to_numpy() for frame in (people, donors))
    person, lender = (frame["person_id"].to_numpy() for frame in (people, donors))
    live, own, photo = (
        frame[name].to_numpy()
        for frame, name in ((people, "template_row"), (people, "own_row"), (donors, "photo_row"))
    )
    labels, group = np.unique(people["group"].to_numpy(), return_inverse=True)
    theirs = donors["group"].to_numpy()
    drawn = stream(seed, "evaluation.adversary.pools")
    found: dict[int, dict[str, list[tuple[int, int]]]] = {}
    for code, label in enumerate(labels):
        rows, listed = np.flatnonzero(group == code), np.flatnonzero(theirs == label)
        # Twice the largest pool: the age and the family of the one who asks leave out a part.
        listed = drawn.permutation(listed)[: 2 * LARGEST]
        photos = faces.take(photo[listed], axis=0)
        known, alike = (portable.unit_products(faces.take(of[rows], axis=0), photos) for of in (live, own))
        for at, row in enumerate(rows):
            kin = (family[row] >= 0) & (others[listed] == family[row])
            fits = np.abs(born[1][listed] - born[0][row]) <= YEARS_APART
            able = np.flatnonzero(fits & ~kin & (lender[listed] != person[row]))
            pool = drawn.permutation(able)[:LARGEST]
            for size in SIZES:
                if size > len(pool):
                    break
                here = found.setdefault(size, {OWN: [], KNOWN: []})
                for name, scores in ((OWN, alike), (KNOWN, known)):
                    best = pool[int(np.argmax(scores[at, pool[:size]]))]
                    here[name].append((int(row), int(listed[best])))
    return {
        size: {name: _columns(pairs) for name, pairs in here.items()} for size, here in sorted(found.items())
    }


def _columns(pairs: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    made = np.asarray(pairs, dtype=np.int64)
    return made[:, 0], made[:, 1]


@dataclass(frozen=True)
class FaceLaw:
    """The score law of the face profile that a world names.

    Attributes
    ----------
    profile : FaceProfile
        Of the world's dimension.
    name : str
        As the scenario names it.
    """

    profile: FaceProfile
    name: str

    @classmethod
    def of(cls, truth: Truth, dimension: int) -> FaceLaw | None:
        """Load it; None where the scenario names none, or one that is not here or not the same any more."""
        faces = truth.scenario.get("faces")
        name = faces.get("profile") if isinstance(faces, dict) else None
        if not isinstance(name, str):
            return None
        try:
            profile = load_profile(name)
        except SettingsError:
            return None
        if dimension != profile.dimension or (truth.profile_id and truth.profile_id != profile.id):
            return None
        return cls(profile, Path(name).name)


def expected_catch(
    law: FaceLaw | None, groups: NDArray[np.str_], similarity: Floats, size: int
) -> float | None:
    """Expect a share of caught among impostors who know every score beforehand.

    The impostor passes where the best of so many strangers of the group reaches the threshold: the law's
    FPIR at N = `size`, averaged over the groups of those who are tried.

    Parameters
    ----------
    law : FaceLaw or None
        None: nothing is expected.
    groups : ndarray of str
        Shape (n,): group of each impostor.
    similarity : ndarray of float64
        Shape (n,): similarity up to which the check alarms for each.
    size : int
        Passports in a pool.

    Returns
    -------
    float or None
        In [0, 1]; None without a law, without impostors, or with too many different thresholds.
    """
    if law is None or not len(groups):
        return None
    pairs, times = np.unique(
        np.array([f"{value!r} {label}" for value, label in zip(similarity.tolist(), groups, strict=True)]),
        return_counts=True,
    )
    if len(pairs) > MOST_LAWS:
        return None
    passed = [_passes(law.profile, *_split(str(pair)))[SIZES.index(size)] for pair in pairs]
    from biomatch.scorelaw.predict import stated

    return stated(1.0 - float(np.average(passed, weights=times)))


def _split(pair: str) -> tuple[float, str]:
    value, _, label = pair.partition(" ")
    return float(value), label


@lru_cache(maxsize=1024)
def _passes(profile: FaceProfile, threshold: float, group: str) -> tuple[float, ...]:
    """Chance that the best of a pool of each size reaches a similarity."""
    from biomatch.scorelaw.nonmated import NonMated

    both = (group, group) if group in profile.groups.members else None
    found = NonMated(profile, groups=both, window=(threshold - _WINDOW, threshold + _WINDOW))
    return tuple(float(found.fpir(size, threshold)) for size in SIZES)
