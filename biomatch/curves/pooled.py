"""Several worlds' searches as one curve, and how far the rate spreads from one gallery to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.curves.build import IdentificationCurve
from biomatch.curves.identification import EnrolledCounts, Labels
from biomatch.errors import ResultsError
from biomatch.rates import Rate

WORLD = "world"
"""Name of the breakdown that tells pooled worlds apart."""
ENOUGH_GALLERIES = 10
"""From this number of worlds on, the spread between galleries is printed."""


def pool(curves: Sequence[IdentificationCurve]) -> IdentificationCurve:
    """Unite the searches of several worlds; a subject of one world is never a subject of another.

    Parameters
    ----------
    curves : sequence of IdentificationCurve
        At least one, all of one system (settings and list length).

    Returns
    -------
    IdentificationCurve
        With the breakdown ``"world"`` added (position in the sequence).

    Raises
    ------
    ResultsError
        For none, or for curves of different systems.
    """
    if not curves:
        raise ResultsError("no curve to pool", remedy="give at least one LISTS WORLD pair")
    first = curves[0]
    for other in curves[1:]:
        if other.system != first.system or other.list_length != first.list_length:
            raise ResultsError(
                "candidate lists of different systems",
                allowed="one system (settings and list length) for one operating point",
                remedy="search every world with the same --system",
            )
        if len({*first.lineages, *other.lineages}) < len(first.lineages) + len(other.lineages):
            raise ResultsError(
                f"two worlds of one lineage ({sorted({*first.lineages} & {*other.lineages})})",
                allowed="worlds of different seeds",
                remedy="they share people: drop one",
            )
        first = _join(first, other)
    first = replace(
        first, further={policy: pool([one.further[policy] for one in curves]) for policy in curves[0].further}
    )
    if len(curves) == 1:
        return first
    numbers = range(len(curves))
    return _with_world(
        first,
        np.repeat(numbers, [curve.mated for curve in curves]).astype(str),
        np.repeat(numbers, [curve.non_mated for curve in curves]).astype(str),
        curves,
    )


def between_galleries(curve: IdentificationCurve, threshold: float) -> dict[str, Any] | None:
    """Describe how the realised FPIR differs between the pooled worlds; None below ten worlds.

    Returns
    -------
    dict or None
        ``worlds``, ``median``, ``least``, ``greatest`` of the realised FPIR, and ``excess_sd``: the
        standard deviation between galleries beyond what chance within each explains (0 where there is
        none; DerSimonian and Laird, Controlled Clinical Trials 7, 1986, unweighted form).
    """
    if WORLD not in curve.non_mated_strata:
        return None
    rates: list[Rate] = [part.fpir(threshold) for part in curve.by(WORLD).values() if part.non_mated]
    if len(rates) < ENOUGH_GALLERIES:
        return None
    values = np.array([rate.value for rate in rates], dtype=np.float64)
    # Half the width of a 95% interval over 1.96 stands for the standard error within a world.
    within = np.array([(rate.interval[1] - rate.interval[0]) / (2 * 1.959964) for rate in rates])
    excess = max(0.0, float(values.var(ddof=1) - (within**2).mean()))
    return {
        "worlds": len(rates),
        "median": float(np.median(values)),
        "least": float(values.min()),
        "greatest": float(values.max()),
        "excess_sd": float(np.sqrt(excess)),
    }


def _join(one: IdentificationCurve, two: IdentificationCurve) -> IdentificationCurve:
    shift = 1 + max(
        (
            int(part.max())
            for part in (one.mated_subjects, one.non_mated_subjects)
            if part is not None and part.size
        ),
        default=-1,
    )
    low = min(
        (
            int(part.min())
            for part in (two.mated_subjects, two.non_mated_subjects)
            if part is not None and part.size
        ),
        default=0,
    )
    middle = (one.enrolled_counts[0] * one.mated + two.enrolled_counts[0] * two.mated) // max(
        1, one.mated + two.mated
    )
    least = min(one.enrolled_counts[1], two.enrolled_counts[1])
    greatest = max(one.enrolled_counts[2], two.enrolled_counts[2])
    return replace(
        one,
        mated_scores=np.concatenate([one.mated_scores, two.mated_scores]),
        mated_ranks=np.concatenate([one.mated_ranks, two.mated_ranks]),
        non_mated_top_scores=np.concatenate([one.non_mated_top_scores, two.non_mated_top_scores]),
        enrolled_counts=EnrolledCounts(min(max(middle, least), greatest), least, greatest),
        mated_subjects=_subjects(one.mated_subjects, two.mated_subjects, shift - low),
        non_mated_subjects=_subjects(one.non_mated_subjects, two.non_mated_subjects, shift - low),
        mated_strata=_labels(one.mated_strata, two.mated_strata),
        non_mated_strata=_labels(one.non_mated_strata, two.non_mated_strata),
        mated_failures=_sum(one.mated_failures, two.mated_failures),
        non_mated_failures=_sum(one.non_mated_failures, two.non_mated_failures),
        mated_failure_strata=_labels(one.mated_failure_strata, two.mated_failure_strata),
        non_mated_failure_strata=_labels(one.non_mated_failure_strata, two.non_mated_failure_strata),
        mates_known_above=max(one.mates_known_above, two.mates_known_above),
        lineages=tuple(sorted({*one.lineages, *two.lineages})),
        resubstitution=one.resubstitution or two.resubstitution,
    )


def _with_world(
    curve: IdentificationCurve,
    mated: NDArray[Any],
    other: NDArray[Any],
    parts: Sequence[IdentificationCurve],
) -> IdentificationCurve:
    failures: dict[str, dict[str, NDArray[Any]]] = {}
    for name in ("mated", "non_mated"):
        counts = [getattr(part, f"{name}_failures") for part in parts]
        strata = dict(getattr(curve, f"{name}_failure_strata"))
        if None not in counts:
            strata[WORLD] = np.repeat(range(len(parts)), counts).astype(str)
        failures[f"{name}_failure_strata"] = strata
    return replace(
        curve,
        mated_strata={**curve.mated_strata, WORLD: mated},
        non_mated_strata={**curve.non_mated_strata, WORLD: other},
        mated_failure_strata=failures["mated_failure_strata"],
        non_mated_failure_strata=failures["non_mated_failure_strata"],
    )


def _subjects(one: Any, two: Any, shift: int) -> Any:
    return None if one is None or two is None else np.concatenate([one, two + shift])


def _labels(one: Labels, two: Labels) -> dict[str, NDArray[Any]]:
    return {
        name: np.concatenate([one[name].astype(str), two[name].astype(str)]) for name in one if name in two
    }


def _sum(one: int | None, two: int | None) -> int | None:
    return None if one is None or two is None else one + two
