"""The one door of the detectors: the kinds that a system asks for, as one table of scored alerts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import SettingsError
from biomatch.fraud import (
    concealer,
    document_photo,
    ghost_exit,
    morph,
    second_identity,
    sham_exit,
    shared_document,
    stay_laundering,
    swapped_exit,
    watchlist,
)
from biomatch.fraud.facts import Facts
from biomatch.fraud.fusion import weigh
from biomatch.policy import OperatingPoint
from biomatch.settings.base import nearest
from biomatch.settings.system import System
from biomatch.tables.candidates import CandidateLists
from biomatch.tables.observed import Observed
from biomatch.tables.produced import ALERTS

Detector = Callable[[Facts], pl.DataFrame]
DETECTORS: dict[str, Detector] = {
    module.KIND: module.find
    for module in (
        document_photo,
        sham_exit,
        shared_document,
        second_identity,
        morph,
        watchlist,
        ghost_exit,
        stay_laundering,
        swapped_exit,
        concealer,
    )
}
CONFLICTS = frozenset({document_photo.KIND, sham_exit.KIND, shared_document.KIND})
"""Kinds whose score is minus a similarity: two faces that should be one person's."""
RESEMBLANCES = frozenset({second_identity.KIND, watchlist.KIND})
"""Kinds whose score is a similarity: two faces that should be two persons'."""
UNTUNED = {
    morph.KIND: 0.35,
    swapped_exit.KIND: 0.3,
    ghost_exit.KIND: ghost_exit.SEEN_AGAIN,
    stay_laundering.KIND: 1.0,
    concealer.KIND: 1.0,
}
"""Thresholds of the other kinds until ``biomatch tune --for fraud`` sets them (assumed)."""

GALLERIES: dict[str, frozenset[str]] = {
    second_identity.KIND: frozenset({"open_stays", "all", "manifest", "port_day"}),
    watchlist.KIND: frozenset({"watchlist"}),
}
"""Policies of which one must be searched for a kind to be seen at all; the other kinds compare the records
of one document, or of one holder's documents, and need no gallery."""
FUSED = tuple(kind for kind in DETECTORS if kind != watchlist.KIND)
"""Kinds that the fused ratio scores under ``alerts.scoring = "fusion"``. The watchlist keeps its comparison
score: the model weighs fraud, and a wanted person's papers may all be in order."""

EVEN_ODDS = 11.74
"""Fused ratio from which fraud is likelier than not at 8 events a million encounters: ln((1 - p) / p)
(7 to 10 impostors are found in a million [A21, A22])."""


def alert_threshold(kind: str, point: OperatingPoint) -> float:
    """Give the threshold of a kind: the point's own, or what follows from its face threshold.

    Parameters
    ----------
    kind : str
        One of ``ALERT_KINDS``.
    point : OperatingPoint
        `alert_thresholds` first; where a kind is absent, the fused ratio alarms from even odds. Without
        fusion a conflict alarms when the similarity is at most the face threshold; a resemblance (and the
        watchlist always) when it is at least that of the search which found it, the highest of several.

    Examples
    --------
    >>> point = OperatingPoint.of(0.4, System.load("today"))
    >>> alert_threshold("sham_exit", point), alert_threshold("watchlist", point)
    (-0.4, 0.4)
    """
    if kind in point.alert_thresholds:
        return point.alert_thresholds[kind]
    if point.system.alerts.scoring == "fusion" and kind in FUSED:
        return EVEN_ODDS
    if kind in CONFLICTS:
        return -point.face_threshold
    if kind in RESEMBLANCES:
        policies = GALLERIES[kind] & set(point.system.gallery.policies)
        return max((point.search_threshold(policy) for policy in policies), default=point.face_threshold)
    return UNTUNED[kind]


def searched_kinds(system: System) -> tuple[str, ...]:
    """Give the kinds of alert that a system asks for and whose gallery it searches, in its order.

    Raises
    ------
    SettingsError
        For a kind that there is not; the nearest is named.

    Examples
    --------
    >>> kinds = searched_kinds(System.load("all"))
    >>> "second_identity" in kinds, "watchlist" in kinds
    (True, False)
    """
    for kind in system.alerts.kinds:
        if kind not in DETECTORS:
            raise SettingsError(f"alert kind {kind!r}", remedy=nearest(kind, list(DETECTORS)))
    policies = set(system.gallery.policies)
    return tuple(
        kind
        for kind in dict.fromkeys(system.alerts.kinds)
        if kind not in GALLERIES or GALLERIES[kind] & policies
    )


def unsearched_kinds(system: System) -> tuple[str, ...]:
    """Give the kinds that a system asks for and cannot see: no search of theirs is made."""
    seen = searched_kinds(system)
    return tuple(kind for kind in dict.fromkeys(system.alerts.kinds) if kind not in seen)


def alert_thresholds(
    alerts: pl.DataFrame, encounters: pl.DataFrame, point: OperatingPoint
) -> NDArray[np.float64]:
    """Give the threshold of each alert, by its kind and by where it arose.

    Parameters
    ----------
    alerts : polars.DataFrame
        With columns kind and encounter_id, as in schema ``ALERTS``.
    encounters : polars.DataFrame
        The observed encounters.
    point : OperatingPoint
        `alert_thresholds_by` first, then what `alert_threshold` says.

    Returns
    -------
    ndarray of float64
        Shape (n,).
    """
    kinds = alerts["kind"].cast(pl.String).to_numpy().astype(str)
    found = np.empty(len(alerts))
    for kind in np.unique(kinds):
        found[kinds == kind] = alert_threshold(str(kind), point)
    if not point.alert_thresholds_by:
        return found
    where = alerts.select("encounter_id").join(
        encounters, on="encounter_id", how="left", maintain_order="left"
    )
    return point.override_alerts(found, kinds, where)


def detect(
    observed: Observed,
    lists: CandidateLists,
    links: pl.DataFrame,
    system: System,
    *,
    as_of: date | datetime | None = None,
    facts: Facts | None = None,
    weighed: bool = True,
) -> pl.DataFrame:
    """Raise every alert that is worth keeping, with its score before any threshold.

    Parameters
    ----------
    observed : Observed
        What the system may see.
    lists : CandidateLists
        What the policy's searches found.
    links : polars.DataFrame
        Schema ``LINKS``: the stays of the document pass.
    system : System
        `alerts.kinds` says which detectors run, where their gallery is searched (`searched_kinds`).
    as_of : date or datetime, optional
        Records received later are not used; default: everything.
    facts : Facts, optional
        Of the same world, lists and date, where the caller has them at hand already.

    weighed : bool
        Whether every alert gets the fused log-likelihood ratio of all evidence at its encounter, whichever
        kinds are asked for (it costs about as much again as the kinds of the default system).
        ``alerts.scoring = "fusion"`` does so too, and makes it the score.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``, sorted by kind, raised_at, subject.

    Raises
    ------
    SettingsError
        For a kind that there is not; the nearest is named.
    """
    kinds = searched_kinds(system)
    facts = facts or Facts(observed, lists, links, as_of, system.alerts.unseen_departures)
    found = [DETECTORS[kind](facts) for kind in kinds]
    if not found:
        return ALERTS.empty()
    alerts = pl.concat(found)
    if weighed or system.alerts.scoring == "fusion":
        alerts = weigh(facts, alerts)
    if system.alerts.scoring == "fusion":
        fused = pl.col("kind").cast(pl.String).is_in(FUSED)
        alerts = alerts.with_columns(
            score=pl.when(fused).then(pl.col("log_likelihood_ratio")).otherwise(pl.col("score"))
        )
    return ALERTS.check(alerts).sort("kind", "raised_at", "subject_type", "subject_id")
