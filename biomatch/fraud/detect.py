"""The one door of the detectors: the kinds that a system asks for, as one table of scored alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import get_args

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
from biomatch.registry import DETECTORS as REGISTERED
from biomatch.registry import RegisteredDetector
from biomatch.settings.base import nearest
from biomatch.settings.scenario import KINDS as EVENTS
from biomatch.settings.system import Policy, System
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
        One of `biomatch.tables.produced.alert_kinds`.
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
    return UNTUNED[kind] if kind in UNTUNED else REGISTERED.get(kind).threshold


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
        if kind not in DETECTORS and kind not in REGISTERED:
            raise SettingsError(f"alert kind {kind!r}", remedy=nearest(kind, [*DETECTORS, *REGISTERED]))
    policies = set(system.gallery.policies)
    return tuple(
        kind
        for kind in dict.fromkeys(system.alerts.kinds)
        if not (needed := _galleries_of(kind)) or needed & policies
    )


def _galleries_of(kind: str) -> frozenset[str]:
    """Give the policies of which one must be searched for a kind; empty where it needs no gallery."""
    if kind in REGISTERED:
        return REGISTERED.get(kind).galleries
    return GALLERIES.get(kind, frozenset())


def register_detector(
    kind: str,
    find: Detector,
    *,
    threshold: float,
    event: str = "",
    galleries: Iterable[str] = (),
    causes: Callable[..., pl.Series] | None = None,
    replace: bool = False,
) -> None:
    """Add a kind of alert of one's own; a system asks for it by name in ``alerts.kinds``.

    Parameters
    ----------
    kind : str
        Name of the new kind, such as ``"two_ports"``.
    find : callable
        Takes `biomatch.fraud.facts.Facts`, which holds no truth, and gives scored alerts before any threshold
        (`Facts.alerts` makes them); higher is more suspicious.
    threshold : float
        Score from which it alarms until ``tune_fraud`` sets a threshold.
    event : str
        Kind of event in the world's truth that it is made for (one of `biomatch.settings.scenario.KINDS`, or
        ``"watchlist"``); empty: the truth has none, and it can only stop honest travellers.
    galleries : iterable of str
        Policies of which one must be searched for it to see anything; default: it needs no gallery.
    causes : callable, optional
        ``causes(false_alarms, scene)`` names the cause of each of its false alarms; default: the shipped
        causes.
    replace : bool
        Whether a kind that was registered under this name may be replaced.

    Raises
    ------
    SettingsError
        For a name that is taken, a threshold that is not a number, an event or a policy that there is not.

    Examples
    --------
    >>> import biomatch as bm
    >>> import numpy as np
    >>> def find(facts):
    ...     rows = np.flatnonzero(facts.table["quality"].fill_null(100).to_numpy() < 20)
    ...     return facts.alerts("poor_image", rows, np.ones(len(rows)), evidence={})
    >>> bm.register_detector("poor_image", find, threshold=0.5, event="concealer")
    >>> system = bm.System.load("default").with_({"alerts.kinds": ["poor_image"]})
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> run = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, system))
    >>> run.alerts["kind"].unique().to_list()
    ['poor_image']
    >>> REGISTERED.remove("poor_image")
    """
    known = (*EVENTS, "watchlist")
    if event and event not in known:
        raise SettingsError(f"event {event!r}", remedy=nearest(event, list(known)))
    if not isinstance(threshold, (int, float)) or not np.isfinite(threshold):
        raise SettingsError(f"threshold {threshold!r}", allowed="a finite number")
    policies = frozenset(galleries)
    for policy in policies - frozenset(get_args(Policy)):
        raise SettingsError(f"policy {policy!r}", remedy=nearest(policy, list(get_args(Policy))))
    made = RegisteredDetector(find, float(threshold), event, policies, causes)
    REGISTERED.add(kind, made, replace=replace)


def _find_all(kinds: Sequence[str], facts: Facts) -> list[pl.DataFrame]:
    """Run the detectors of the kinds; a registered one must keep to its own kind and the schema."""
    found = []
    for kind in kinds:
        own = kind in REGISTERED
        alerts = (REGISTERED.get(kind).find if own else DETECTORS[kind])(facts)
        if own:
            if not isinstance(alerts, pl.DataFrame):
                raise SettingsError(
                    f"the detector of {kind!r} gave a {type(alerts).__name__}",
                    allowed="what facts.alerts gives",
                )
            alerts = ALERTS.check(alerts)
            others = sorted(set(alerts["kind"].cast(pl.String)) - {kind})
            if others:
                raise SettingsError(
                    f"the detector of {kind!r} gave alerts of kind {', '.join(others)}", allowed=kind
                )
        found.append(alerts)
    return found


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
    found = _find_all(kinds, facts)
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
