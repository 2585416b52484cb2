"""Evidence at an encounter as columns of numbers that are 0 where nothing speaks for fraud.

Conflicts enter as hinges, how far a similarity lies below each knot; resemblances as how far above. A
linear model over them is piecewise linear in the evidence, and its log-likelihood ratio falls into parts
by piece of evidence: the waterfall that explains one alert.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from biomatch.fraud import ghost_exit, morph, stay_laundering, swapped_exit
from biomatch.fraud.facts import Facts
from biomatch.fraud.second_identity import different_candidates
from biomatch.overstay.rules.eu import RULES
from biomatch.portable.types import Floats, Ints

CONFLICT_KNOTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
RESEMBLANCE_KNOTS = (0.25, 0.35, 0.45, 0.55, 0.65)
GAP_KNOTS = (0.0, 0.15, 0.3, 0.45)
_POOR_KNOTS = (0.4, 0.6)
PIECES = ("photo", "entry", "history", "papers", "identity", "morph", "swap", "ghost", "days", "capture")
"""Pieces of evidence; every column's name begins with its piece."""

Evidence = Mapping[str, Floats]


def evidence_at(facts: Facts, rows: Ints) -> dict[str, Floats]:
    """Gather what is known at encounters.

    Parameters
    ----------
    facts : Facts
        The world's records and lists.
    rows : ndarray of int64
        Shape (m,): rows of ``facts.table``.

    Returns
    -------
    dict of str to ndarray of float64
        Arrays of shape (m,), NaN where there is none: similarities ``photo``, ``entry``, ``history``
        (the poorer of previous and first face), ``papers`` (the least similar photo of the holder's other
        documents), ``identity`` (best candidate of another name), the gaps ``morph`` and ``swap``,
        ``ghost`` (nats), ``days`` (over the limit), ``quality`` (0 to 1), ``attempts``, ``years`` (age of
        the photo), ``failed`` (0 or 1).
    """
    count = len(facts)

    def spread(at: Ints, values: Floats) -> Floats:
        whole = np.full(count, -np.inf)
        np.maximum.at(whole, at, values)
        return np.where(np.isneginf(whole), np.nan, whole)[rows]

    found = different_candidates(facts)
    crossed, _, _, gap = swapped_exit.crossed(facts)
    ghosts, surprise, again, _, _ = ghost_exit.surprises(facts)
    stay, _, _, used, _, _ = stay_laundering.excesses(facts)
    quality = facts.table["quality"].cast(float).fill_null(np.nan).to_numpy() / 100.0
    failed = facts.table["failure"].is_in(["no_face", "low_quality", "timeout"]).to_numpy()
    morphs = [values for _, values, _, _ in morph.gaps(facts, rows)]
    return {
        "photo": facts.photo_similarity[rows],
        "entry": facts.entry_similarity[rows],
        "history": np.fmin(facts.previous_similarity, facts.first_similarity)[rows],
        "identity": spread(found.row, found.score),
        "morph": np.fmax.reduce(morphs),
        "papers": facts.other_photo_similarity[rows],
        "swap": spread(crossed, gap),
        "ghost": spread(ghosts, surprise + ghost_exit.SEEN_AGAIN * again),
        "days": spread(stay, (used - RULES.limit_days).astype(np.float64)),
        "quality": quality[rows],
        "attempts": facts.table["attempts"].to_numpy()[rows].astype(np.float64),
        "years": facts.photo_years[rows],
        "failed": failed[rows].astype(np.float64),
    }


def columns() -> tuple[str, ...]:
    """Name the columns of `basis`, in order."""
    return tuple(basis({name: np.zeros(0) for name in _NEEDED})[1])


_NEEDED = (
    "photo", "entry", "history", "papers", "identity", "morph", "swap", "ghost", "days", "quality",
    "attempts", "years", "failed",
)  # fmt: skip


def basis(evidence: Evidence) -> tuple[NDArray[np.float32], list[str]]:
    """Turn evidence into columns.

    Parameters
    ----------
    evidence : mapping of str to ndarray
        As `evidence_at` gives it.

    Returns
    -------
    values : ndarray of float32
        Shape (m, k), finite.
    names : list of str
        The k names, such as ``"photo<0.4"``.
    """
    poor = 1.0 - np.nan_to_num(evidence["quality"], nan=1.0)
    years = np.clip(np.nan_to_num(evidence["years"]), 0.0, 10.0) / 10.0
    made: dict[str, Floats] = {}
    for piece in ("photo", "entry", "history", "papers"):
        made |= _conflict(piece, evidence[piece], poor)
    made["photo<0.7, years"] = made["photo<0.7"] * years
    for knot in RESEMBLANCE_KNOTS:
        made[f"identity>{knot}"] = _above(evidence["identity"], knot)
    for piece in ("morph", "swap"):
        for knot in GAP_KNOTS:
            made[f"{piece}>{knot}"] = _above(evidence[piece], knot)
    for knot in (2.0, 5.0):
        made[f"ghost>{knot}"] = np.minimum(_above(evidence["ghost"], knot), 8.0)
    made["days>0"] = np.minimum(_above(evidence["days"], 0.0), 90.0) / 90.0
    made["capture poor"] = np.maximum(poor - 0.8, 0.0) * 5.0
    made["capture attempts"] = np.clip(evidence["attempts"] - 1.0, 0.0, 3.0)
    made["capture failed"] = evidence["failed"].copy()
    values = np.stack(list(made.values()), axis=1).astype(np.float32)
    return values, list(made)


def _conflict(piece: str, similarity: Floats, poor: Floats) -> dict[str, Floats]:
    made = {f"{piece} compared": (~np.isnan(similarity)).astype(np.float64)}
    for knot in CONFLICT_KNOTS:
        made[f"{piece}<{knot}"] = np.maximum(knot - np.nan_to_num(similarity, nan=1.0), 0.0)
    for knot in _POOR_KNOTS:  # what a poor image says less
        made[f"{piece}<{knot}, poor"] = made[f"{piece}<{knot}"] * poor
    return made


def _above(value: Floats, knot: float) -> Floats:
    return np.maximum(np.nan_to_num(value, nan=-1e9) - knot, 0.0)


def piece_of(column: str) -> str:
    """Name the piece of evidence that a column belongs to.

    Examples
    --------
    >>> piece_of("photo<0.4, poor"), piece_of("capture failed")
    ('photo', 'capture')
    """
    return column.split("<")[0].split(">")[0].split(" ")[0]
