"""Groups in a user's data: how much more alike strangers of one group are, and what that does to FPIR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import TableError
from biomatch.rates import Rate, rate
from biomatch.scorelaw.fit.compare import BLOCK, People
from biomatch.scorelaw.law import ScoreLaw
from biomatch.scorelaw.nonmated import THRESHOLDS, NonMated
from biomatch.settings.profile import FaceProfile

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
AT_FMR, AT_FPIR = 1e-3, 0.1
FEWEST_IN_GROUP, MOST_GROUPS = 30, 40
STEPS = 3


@dataclass(frozen=True)
class GroupRow:
    """One group at the thresholds of the whole.

    Attributes
    ----------
    group : str
    identities : int
    fmr : Rate
        Comparisons of two strangers of the group, at the pooled threshold of FMR `AT_FMR`; its interval takes
        comparisons for independent.
    fpir : Rate
        Non-mated searches of the group's probes in the gallery of everybody, at the fit's threshold.
    """

    group: str
    identities: int
    fmr: Rate
    fpir: Rate

    def to_json(self) -> dict[str, object]:
        """Give plain numbers."""
        return {
            "group": self.group,
            "identities": self.identities,
            "fmr": self.fmr.to_json(),
            "fpir": self.fpir.to_json(),
        }


@dataclass(frozen=True)
class GroupTable:
    """Groups side by side.

    Attributes
    ----------
    rows : tuple of GroupRow
    gallery : int
        N of the searches.
    fpir_threshold, fmr_threshold : float
    across : Rate
        Comparisons of strangers of two different groups at `fmr_threshold`.
    """

    rows: tuple[GroupRow, ...]
    gallery: int
    fpir_threshold: float
    fmr_threshold: float
    across: Rate

    def to_json(self) -> dict[str, object]:
        """Give plain numbers."""
        return {
            "gallery": self.gallery,
            "fpir_threshold": self.fpir_threshold,
            "fmr_threshold": self.fmr_threshold,
            "groups": [row.to_json() for row in self.rows],
            "across": self.across.to_json(),
        }


def group_of_people(people: People, groups: NDArray[np.str_]) -> NDArray[np.str_]:
    """Give the group of each identity, shape (p,); empty where no row of it has one.

    Raises
    ------
    TableError
        For an identity with rows of two groups, too few identities in a group, or a single group.
    """
    found = np.full(len(people.names), "", dtype=groups.dtype)
    for person, name in enumerate(people.names):
        known = np.unique(groups[people.of_person(person)])
        known = known[known != ""]
        if len(known) > 1:
            raise TableError(
                f"identity {str(name)!r} has rows of the groups {', '.join(map(str, known))}",
                allowed="one group an identity, or none",
            )
        found[person] = known[0] if len(known) else ""
    labels, counts = np.unique(found[found != ""], return_counts=True)
    if not 2 <= len(labels) <= MOST_GROUPS or counts.min() < FEWEST_IN_GROUP:
        raise TableError(
            "groups of " + ", ".join(f"{n} ({str(g)!r})" for g, n in zip(labels, counts, strict=True)),
            allowed=f"2 to {MOST_GROUPS} groups of at least {FEWEST_IN_GROUP} identities each",
            remedy="leave the group of the others empty",
        )
    return found


def compare_groups(
    templates: Vectors, people: People, groups: NDArray[np.str_], profile: FaceProfile
) -> GroupTable:
    """Count false matches within and across groups, at thresholds of the pooled fit.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, unit rows.
    people : People
    groups : ndarray
        Shape (p,), text: each identity's group (`group_of_people`).
    profile : FaceProfile
        The pooled fit.
    """
    law = ScoreLaw(profile)
    chosen = np.flatnonzero(groups != "")
    gallery = templates[people.rows[people.start[chosen]]]
    probes = templates[people.rows[people.start[chosen] + np.minimum(1, people.images[chosen] - 1)]]
    size = len(chosen) - 1
    at_fmr, at_fpir = law.threshold_at_fmr(AT_FMR), law.threshold(size, AT_FPIR)
    names, code = np.unique(groups[chosen], return_inverse=True)
    hits = np.zeros((len(names), len(names)), dtype=np.int64)
    alarms = np.zeros(len(chosen), dtype=bool)
    for first in range(0, len(probes), BLOCK):
        scores = portable.unit_products(probes[first : first + BLOCK], gallery)
        rows = np.arange(len(scores))
        scores[rows, first + rows] = -2.0
        alarms[first : first + BLOCK] = (scores >= at_fpir).any(axis=1)
        one, other = np.nonzero(scores >= at_fmr)
        np.add.at(hits, (code[first + one], code[other]), 1)
    counts = np.bincount(code)
    rows_out = tuple(
        GroupRow(
            str(name),
            int(counts[g]),
            rate(int(hits[g, g]), int(counts[g] * (counts[g] - 1))),
            rate(int(alarms[code == g].sum()), int(counts[g])),
        )
        for g, name in enumerate(names)
    )
    within = sum(row.fmr.numerator for row in rows_out)
    trials = sum(row.fmr.denominator for row in rows_out)
    across = rate(int(hits.sum()) - within, len(chosen) * size - trials)
    return GroupTable(rows_out, size, at_fpir, at_fmr, across)


def with_groups(profile: FaceProfile, table: GroupTable) -> FaceProfile:
    """Fit what members of a group have in common to the counts within and across groups.

    Each offset is the one at which the closed form has the counted FMR at the pooled threshold of FMR 0.001.
    Names of the groups are a region, a blank and F or M, or one of both alone; two groups that differ in sex
    alone share ``groups.other_sex``, all others ``groups.other_region``.
    """
    names = [row.group for row in table.rows]
    sexes = set(names) <= {"F", "M"}
    other_key = "groups.other_sex" if sexes else "groups.other_region"
    base = profile.likeness.mean_square
    within = {row.group: _shift(profile, row.fmr, table.fmr_threshold) for row in table.rows}
    across = _shift(profile, table.across, table.fmr_threshold)
    # A Gram matrix: no mean is shorter than the part that it shares with the others.
    across = max(across, -base - min(within.values()), -0.4)
    members = {
        name: {"alike": float(f"{float(np.clip(max(value, across), -base, 0.3)):.4g}"), "noise": 1.0}
        for name, value in within.items()
    }
    zero = {"groups.other_sex": 0.0, "groups.other_region": 0.0}
    return profile.with_({"groups.members": members, **zero, other_key: float(f"{min(across, 0.1):.4g}")})


def _shift(profile: FaceProfile, counted: Rate, threshold: float) -> float:
    """Find the offset of the mean inner product at which the law has the counted FMR."""
    goal = np.log(max(counted.numerator, 0.5) / counted.denominator)
    step, offset = THRESHOLDS[1] - THRESHOLDS[0], 0.0
    for _ in range(STEPS):
        moved = profile.with_(
            {"likeness.mean_square": float(np.clip(profile.likeness.mean_square + offset, 0.0, 0.95))}
        )
        law = NonMated(moved, window=(threshold - step, threshold + step))
        here, before = np.log(law.fmr(np.array([threshold, threshold - step])))
        slope = (before - here) / step  # a score's gain moves the law along the threshold
        offset += float((goal - here) / slope)
        if offset < -profile.likeness.mean_square:
            # Below zero the closed form has no mean to take away: the last slope stands.
            return offset
    return offset
