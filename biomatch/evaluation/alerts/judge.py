"""The judge of alerts: subversion caught and missed, honest travellers stopped, and why.

Fraud has counts of its own; they are never called FPIR or FNIR. An alert is *true* when it touches an
event of the truth, whatever the kinds are called; everything else that is raised is a false alarm with a
cause. Only what happens from ``measure_from`` on is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.curves.clustered_rates import by_subject
from biomatch.evaluation.alerts.causes import CAUSES, causes_of
from biomatch.evaluation.alerts.events import Scene, clusters_of, event_of, touches
from biomatch.evaluation.alerts.precision import Precision, box_confidence, precision_at
from biomatch.fraud.detect import alert_threshold, alert_thresholds, searched_kinds
from biomatch.policy import OperatingPoint, accept
from biomatch.rates import Rate, clustered_rate, rate
from biomatch.tables.observed import Observed
from biomatch.tables.produced import alert_kinds
from biomatch.truth import Truth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
JOINT = "all"
"""Name of the row that counts all kinds of alerts together."""
GROUPS = "false_alarms_by_group"
EVENTS = "caught_by_kind_of_event"
"""Key of all kinds together: kind of event to caught by any alert, and events."""
AT_PREVALENCE = "precision_at_prevalence"
FRAUD = "fraud_caught"
"""Key of all kinds together: catches without the events of the watchlist."""


@dataclass(frozen=True, eq=False)
class KindCounts:
    """What one kind of alert caught, missed and stopped for nothing.

    Attributes
    ----------
    kind : str
        Kind of alert, or ``"all"``.
    threshold : float or None
        Score from which it alarms, but for where the point has a threshold by port or mode; None for
        all kinds together.
    events, caught, caught_by_kind : int
        Events of the kind that it is made for (all kinds: of any kind); those that any raised alert
        touches; those that an alert of this kind touches.
    alerts, true_alerts, false_alerts, affected_alerts : int
        Raised alerts; those that touch an event; those that do not; and of neither sort those that are
        entangled with one (`Scene.affected`).
    false_encounters : int
        Honest encounters with a false alarm of this kind.
    honest_encounters : int
        Counted encounters at which nothing was subverted: the denominator of false alarms.
    catch_rate, own_catch_rate : Rate
        ``caught / events`` and ``caught_by_kind / events``, in [0, 1], events that share an actor or a
        document taken as a cluster; no value where there was none.
    false_alarms : Rate
        ``false_encounters / honest_encounters``, in [0, 1], a traveller's encounters taken as a cluster.
    causes : mapping of str to int
        False alarms by cause.
    groups : mapping of str to Rate
        ``false_alarms`` of each group of travellers (`Truth.people`); of all kinds together only.
    each : tuple of Rate, or None
        `catch_rate` and `false_alarms` with the confidence `box_confidence`, of which a precision at a
        prevalence is made; of all kinds together only.
    """

    kind: str
    threshold: float | None
    events: int
    caught: int
    caught_by_kind: int
    alerts: int
    true_alerts: int
    false_alerts: int
    affected_alerts: int
    false_encounters: int
    honest_encounters: int
    catch_rate: Rate
    own_catch_rate: Rate
    false_alarms: Rate
    causes: Mapping[str, int]
    groups: Mapping[str, Rate] = field(default_factory=dict)
    each: tuple[Rate, Rate] | None = None

    @property
    def missed(self) -> int:
        """Events that no alert touches."""
        return self.events - self.caught

    @property
    def precision(self) -> Rate:
        """True alerts / true and false ones, in [0, 1], at this world's prevalence; no value without."""
        return rate(self.true_alerts, self.true_alerts + self.false_alerts)

    def to_json(self) -> dict[str, Any]:
        """Give counts and rates as plain data."""
        stopped = self.false_alarms.value
        return {
            "threshold": self.threshold,
            "events": self.events,
            "missed": self.missed,
            "caught": self.catch_rate.to_json(),
            "caught_by_this_kind": self.own_catch_rate.to_json(),
            "alerts": self.alerts,
            "true": self.precision.to_json(),
            "entangled": self.affected_alerts,
            "false_alarms": self.false_alarms.to_json(),
            "false_alarms_per_million": None if stopped is None else round(1e6 * stopped, 3),
            "causes": dict(self.causes),
        } | ({GROUPS: {name: one.to_json() for name, one in self.groups.items()}} if self.groups else {})


@dataclass(frozen=True, eq=False)
class AlertCounts:
    """Counts of all kinds, and of everything together.

    Attributes
    ----------
    kinds : mapping of str to KindCounts
        By kind of alert, in the order of `alert_kinds`; then ``"all"``.
    event_kinds : mapping of str to (int, int)
        Caught by any alert, and events, by kind of event.
    fraud : KindCounts
        As ``"all"``, without the events of the watchlist: who is wanted defrauds nobody by crossing.
    """

    kinds: Mapping[str, KindCounts]
    event_kinds: Mapping[str, tuple[int, int]]
    fraud: KindCounts

    @property
    def precision(self) -> Precision:
        """How often an alert is right at `PER_MILLION` frauds of a million encounters."""
        catch, stop = self.fraud.each or (self.fraud.catch_rate, self.fraud.false_alarms)
        return precision_at(catch, stop)

    def __getitem__(self, kind: str) -> KindCounts:
        return self.kinds[kind]

    def to_json(self) -> dict[str, Any]:
        """Give the counts as plain data, by kind of alert; all kinds together also by kind of event."""
        found = {kind: counts.to_json() for kind, counts in self.kinds.items()}
        found[JOINT] |= {
            FRAUD: self.fraud.catch_rate.to_json(),
            AT_PREVALENCE: self.precision.to_json(),
            EVENTS: {kind: list(pair) for kind, pair in sorted(self.event_kinds.items())},
        }
        return found


def judge_alerts(
    alerts: pl.DataFrame, observed: Observed, truth: Truth, point: OperatingPoint
) -> tuple[pl.DataFrame, AlertCounts]:
    """Judge alerts at an operating point.

    Parameters
    ----------
    alerts : polars.DataFrame
        Schema ``ALERTS``, before any threshold.
    observed, truth
        The world's two sides.
    point : OperatingPoint
        Thresholds by kind and, where it has such, by port or mode (`alert_thresholds`).

    Returns
    -------
    tuple of polars.DataFrame and AlertCounts
        The alerts with columns threshold, raised, counted, true, event_id (-1: none), affected
        (entangled with an event), person_id (who stood there), cause (null but for raised false
        alarms); and the counts.
    """
    scene = Scene.of(observed, truth)
    touched = touches(alerts, scene)
    judged = _judged(alerts, touched, scene, point)
    caught_by = judged.filter(pl.col("raised")).select("row", "kind").join(touched, on="row")
    searched = {*searched_kinds(point.system), *alerts["kind"]}
    kinds = [kind for kind in alert_kinds() if kind in searched]
    events = scene.events.with_columns(cluster=clusters_of(scene.events, truth)).filter("counted")
    counts = {kind: _counts(kind, judged, caught_by, events, scene, point) for kind in [*kinds, JOINT]}
    hits = set(caught_by["event_id"])
    by_kind = {
        str(kind): (sum(event in hits for event in ids), len(ids))
        for kind, ids in events.group_by("kind", maintain_order=True).agg("event_id").iter_rows()
    }
    frauds = events.filter(pl.col("kind") != "watchlist")
    fraud = _counts(JOINT, judged, caught_by, frauds, scene, point)
    return judged.drop("row"), AlertCounts(counts, by_kind, fraud)


def _judged(alerts: pl.DataFrame, touched: pl.DataFrame, scene: Scene, point: OperatingPoint) -> pl.DataFrame:
    threshold = alert_thresholds(alerts, scene.observed.encounters, point)
    first = touched.group_by("row").agg(event_id=pl.col("event_id").min())
    judged = (
        alerts.with_row_index("row")
        .with_columns(
            threshold=pl.Series(threshold, dtype=pl.Float64),
            raised=pl.Series(accept(alerts["score"].to_numpy(), threshold), dtype=pl.Boolean),
            counted=pl.col("raised_at") >= scene.start,
        )
        .join(first, on="row", how="left", maintain_order="left")
        .with_columns(true=pl.col("event_id").is_not_null(), event_id=pl.col("event_id").fill_null(-1))
        .with_columns(
            affected=~pl.col("true") & pl.col("encounter_id").is_in(scene.affected.implode()),
        )
        .join(
            scene.encounters.select("encounter_id", "person_id"),
            on="encounter_id",
            how="left",
            maintain_order="left",
        )
    )
    false = judged.filter(pl.col("raised") & ~pl.col("true") & ~pl.col("affected"))
    named = false.select("row").with_columns(cause=causes_of(false, scene))
    return judged.join(named, on="row", how="left", maintain_order="left")


def _counts(
    kind: str,
    judged: pl.DataFrame,
    caught_by: pl.DataFrame,
    events: pl.DataFrame,
    scene: Scene,
    point: OperatingPoint,
) -> KindCounts:
    mine = pl.lit(value=True) if kind == JOINT else pl.col("kind") == kind
    own = judged.filter(mine & pl.col("raised") & pl.col("counted"))
    if kind != JOINT:
        events = events.filter(pl.col("kind") == event_of(kind))
    ids = events["event_id"]
    false = own.filter(~pl.col("true") & ~pl.col("affected"))
    stopped = scene.honest["encounter_id"].is_in(false["encounter_id"].implode())
    errors, trials = by_subject(stopped.to_numpy(), scene.honest["person_id"].to_numpy())
    caught = ids.is_in(caught_by["event_id"].implode()).to_numpy()
    by_own = ids.is_in(caught_by.filter(mine)["event_id"].implode()).to_numpy()
    clusters = events["cluster"].to_numpy()
    found = dict(false["cause"].drop_nulls().value_counts().iter_rows())
    return KindCounts(
        kind=kind,
        threshold=None if kind == JOINT else alert_threshold(kind, point),
        events=len(ids),
        caught=int(caught.sum()),
        caught_by_kind=int(by_own.sum()),
        alerts=len(own),
        true_alerts=int(own["true"].sum()),
        false_alerts=len(false),
        affected_alerts=int(own["affected"].sum()),
        false_encounters=int(stopped.sum()),
        honest_encounters=len(scene.honest),
        catch_rate=clustered_rate(*by_subject(caught, clusters)),
        own_catch_rate=clustered_rate(*by_subject(by_own, clusters)),
        false_alarms=clustered_rate(errors, trials),
        causes={
            cause: int(found[cause]) for cause in dict.fromkeys([*CAUSES, *sorted(found)]) if cause in found
        },
        groups=_by_group(stopped, scene) if kind == JOINT else {},
        each=(
            clustered_rate(*by_subject(caught, clusters), box_confidence()),
            clustered_rate(errors, trials, box_confidence()),
        )
        if kind == JOINT
        else None,
    )


def _by_group(stopped: pl.Series, scene: Scene) -> dict[str, Rate]:
    """Give stopped / honest encounters of each group, a traveller's encounters taken as a cluster."""
    people = scene.truth.people.select("person_id", "group")
    told = scene.honest.with_columns(stopped=stopped).join(people, on="person_id", how="left")
    told = told.with_columns(pl.col("group").cast(pl.String).fill_null("unknown"))
    return {
        str(name): clustered_rate(*by_subject(part["stopped"].to_numpy(), part["person_id"].to_numpy()))
        for (name,), part in told.sort("group").group_by("group", maintain_order=True)
    }
