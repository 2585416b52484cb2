"""The judge of alerts: subversion caught and missed, honest travellers stopped, and why.

Fraud has counts of its own; they are never called FPIR or FNIR. An alert is *true* when it touches an
event of the truth, whatever the kinds are called; everything else that is raised is a false alarm with a
cause. Only what happens from ``measure_from`` on is counted.
"""

from __future__ import annotations

import polars as pl

from biomatch.curves.clustered_rates import by_subject
from biomatch.evaluation.alerts.causes import CAUSES, causes_of
from biomatch.evaluation.alerts.counts import JOINT, AlertCounts, KindCounts
from biomatch.evaluation.alerts.events import Scene, clusters_of, event_of, touches
from biomatch.evaluation.alerts.precision import box_confidence, precision_at
from biomatch.fraud.detect import alert_threshold, alert_thresholds, searched_kinds
from biomatch.policy import OperatingPoint, accept
from biomatch.rates import Rate, clustered_rate, rate
from biomatch.tables.observed import Observed
from biomatch.tables.produced import alert_kinds
from biomatch.truth import Truth


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
    counts = {kind: _counts(kind, judged, caught_by, events, scene, point) for kind in kinds}
    together = _counts(JOINT, judged, caught_by, events, scene, point)
    hits = set(caught_by["event_id"])
    by_kind = {
        str(kind): (sum(event in hits for event in ids), len(ids))
        for kind, ids in events.group_by("kind").agg("event_id").sort("kind").iter_rows()
    }
    frauds = events.filter(pl.col("kind") != "watchlist")
    caught = _caught(frauds, caught_by)
    box = box_confidence()
    each = (_catch_rate(caught, frauds, box), _stop_rate(_stopped(judged, scene), scene, box))
    return judged.drop("row"), AlertCounts(
        kinds=counts,
        together=together,
        event_kinds=by_kind,
        fraud_caught=_catch_rate(caught, frauds),
        precision=precision_at(*each),
        each=each,
    )


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
    false = _false(own)
    stopped = _stopped(own, scene)
    right = int(own["true"].sum())
    found = dict(false["cause"].drop_nulls().value_counts().iter_rows())
    return KindCounts(
        kind=kind,
        threshold=None if kind == JOINT else alert_threshold(kind, point),
        alerts=len(own),
        affected_alerts=int(own["affected"].sum()),
        catch_rate=_catch_rate(_caught(events, caught_by), events),
        own_catch_rate=_catch_rate(_caught(events, caught_by.filter(mine)), events),
        precision=rate(right, right + len(false)),
        false_alarms=_stop_rate(stopped, scene),
        causes={
            cause: int(found[cause]) for cause in dict.fromkeys([*CAUSES, *sorted(found)]) if cause in found
        },
        groups=_by_group(stopped, scene) if kind == JOINT else {},
    )


def _false(raised: pl.DataFrame) -> pl.DataFrame:
    return raised.filter(~pl.col("true") & ~pl.col("affected"))


def _caught(events: pl.DataFrame, caught_by: pl.DataFrame) -> pl.Series:
    """Say which events an alert touches; shape (n,)."""
    return events["event_id"].is_in(caught_by["event_id"].implode())


def _stopped(judged: pl.DataFrame, scene: Scene) -> pl.Series:
    """Say which honest encounters have a false alarm; shape (n,)."""
    false = _false(judged.filter(pl.col("raised") & pl.col("counted")))
    return scene.honest["encounter_id"].is_in(false["encounter_id"].implode())


def _catch_rate(caught: pl.Series, events: pl.DataFrame, confidence: float = 0.95) -> Rate:
    """Give caught / events, those that share an actor or a document taken as a cluster."""
    return clustered_rate(*by_subject(caught.to_numpy(), events["cluster"].to_numpy()), confidence)


def _stop_rate(stopped: pl.Series, scene: Scene, confidence: float = 0.95) -> Rate:
    """Give stopped / honest encounters, a traveller's encounters taken as a cluster."""
    return clustered_rate(*by_subject(stopped.to_numpy(), scene.honest["person_id"].to_numpy()), confidence)


def _by_group(stopped: pl.Series, scene: Scene) -> dict[str, Rate]:
    """Give stopped / honest encounters of each group, a traveller's encounters taken as a cluster."""
    people = scene.truth.people.select("person_id", "group")
    told = scene.honest.with_columns(stopped=stopped).join(people, on="person_id", how="left")
    told = told.with_columns(pl.col("group").cast(pl.String).fill_null("unknown"))
    return {
        str(name): clustered_rate(*by_subject(part["stopped"].to_numpy(), part["person_id"].to_numpy()))
        for (name,), part in told.sort("group").group_by("group", maintain_order=True)
    }
