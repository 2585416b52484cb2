"""Which alert touches which event of subversion: by encounter, stay, document or actor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.registry import DETECTORS
from biomatch.tables.observed import DOCUMENT_KEY, Observed
from biomatch.tables.produced import alert_kinds
from biomatch.truth import Truth

EVENT_OF = {
    "document_photo_conflict": "impostor",
    "sham_exit": "sham_exit",
    "shared_document": "shared_document",
    "second_identity": "second_identity",
    "morph": "morph",
    "watchlist": "watchlist",
    "ghost_exit": "ghost_exit",
    "stay_laundering": "stay_laundering",
    "swapped_exit": "swapped_exit",
    "concealer": "concealer",
}
"""The kind of event that each shipped kind of alert is made for."""
NO_EVENT = "none"
"""Stands for the event of a registered kind that the truth has no event for."""
FIRST_WATCH_EVENT = 1 << 62
"""Numbers of watchlist encounters, which the truth lists by person and not as events, begin here."""


def event_of(kind: str) -> str:
    """Give the kind of event that a kind of alert is made for; ``NO_EVENT`` where the truth has none.

    Examples
    --------
    >>> event_of("document_photo_conflict")
    'impostor'
    """
    return EVENT_OF[kind] if kind in EVENT_OF else DETECTORS.get(kind).event or NO_EVENT


@dataclass(frozen=True, eq=False)
class Scene:
    """A world's truth as the judge of alerts reads it.

    Attributes
    ----------
    encounters : polars.DataFrame
        A row a port encounter: encounter_id, time, document, person_id, claimed_person_id, quality.
    events : polars.DataFrame
        event_id, kind, encounter_id, actor_id, document_number, document_issuer, counted. Encounters of
        people on the watchlist are events of kind ``"watchlist"``.
    honest : polars.DataFrame
        encounter_id and person_id of counted encounters at which nothing is subverted, by nobody who
        subverts elsewhere and on documents that nobody misuses.
    affected : polars.Series
        encounter_id of encounters that subvert nothing themselves and are entangled all the same: those
        of the holder of a misused document, and those of an actor on papers of their own. Who is stopped
        there is stopped because of a fraud: neither a catch nor a false alarm (and more with enrichment).
    start : datetime
        ``measure_from``.
    days : float
        From there to the end of the world, days.
    observed, truth
        The two sides.
    """

    encounters: pl.DataFrame
    events: pl.DataFrame
    honest: pl.DataFrame
    affected: pl.Series
    start: datetime
    days: float
    observed: Observed
    truth: Truth

    @classmethod
    def of(cls, observed: Observed, truth: Truth) -> Scene:
        """Put the two sides of a world together."""
        start = observed.measure_from
        end = datetime.fromisoformat(str(observed.about["last_day"]))
        encounters = observed.encounters.filter(pl.col("source") == "port").join(
            truth.encounters.select("encounter_id", "person_id", "claimed_person_id"),
            on="encounter_id",
            how="left",
            maintain_order="left",
        )
        # A ghost's exit is the carrier's record alone, so events are looked up among all records.
        seen = observed.encounters.select(
            "encounter_id", "time", number="document_number", issuer="document_issuer"
        )
        # A concealer's document is their own: it subverts nothing anywhere else.
        own = pl.col("kind") == "concealer"
        events = (
            truth.subversion.join(seen, on="encounter_id", how="left", maintain_order="left")
            .with_columns(
                kind=pl.col("kind").cast(pl.String),
                document_number=pl.coalesce("document_number", pl.when(~own).then("number")),
                document_issuer=pl.coalesce("document_issuer", pl.when(~own).then("issuer")),
                counted=(pl.col("time") >= start).fill_null(value=True),
            )
            .select("event_id", "kind", "encounter_id", "actor_id", *DOCUMENT_KEY, "counted")
        )
        events = pl.concat([events, _watched(encounters, observed, truth, start)])
        counted = encounters.filter(pl.col("time") >= start)
        guilty = _guilty(counted, events)
        innocent = counted.filter(~pl.col("encounter_id").is_in(guilty.implode()))
        misused = events.filter(pl.col("kind") != "watchlist").drop_nulls(DOCUMENT_KEY)
        actors = misused["actor_id"].unique().implode()
        entangled = innocent.join(misused, on=DOCUMENT_KEY, how="semi")["encounter_id"]
        elsewhere = innocent.filter(pl.col("person_id").is_in(actors))["encounter_id"]
        affected = pl.concat([entangled, elsewhere]).unique()
        honest = innocent.filter(~pl.col("encounter_id").is_in(affected.implode()))
        return cls(
            encounters,
            events,
            honest.select("encounter_id", "person_id"),
            affected,
            start,
            max((end - start).total_seconds() / 86_400 + 1.0, 1.0),
            observed,
            truth,
        )


def clusters_of(events: pl.DataFrame, truth: Truth) -> NDArray[np.int64]:
    """Say which events hang together: whether one is caught tells of the other.

    Parameters
    ----------
    events : polars.DataFrame
        Rows of `Scene.events`.
    truth : Truth
        Of the same world.

    Returns
    -------
    ndarray of int64
        Shape (n,): number of the cluster. Events share one when they share an actor, a victim or a
        document, also by way of third events.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(events):
        return np.zeros(0, dtype=np.int64)
    known = events.join(
        truth.subversion.select("event_id", "victim_id"), on="event_id", how="left", maintain_order="left"
    )
    people = pl.concat([known["actor_id"], known["victim_id"].fill_null(-1)]).to_numpy()
    named = known.select(pl.concat_str(DOCUMENT_KEY, separator="/")).to_series()
    rows = np.arange(len(events))
    # A node an event, a person, a document; an edge where an event names one.
    persons, person = np.unique(people, return_inverse=True)
    papers, paper = np.unique(named.fill_null("").to_numpy().astype(str), return_inverse=True)
    base = len(events) + len(persons)
    whose = np.r_[rows, rows], len(events) + person
    stated = people >= 0
    with_paper = named.is_not_null().to_numpy()
    start = np.r_[whose[0][stated], rows[with_paper]]
    end = np.r_[whose[1][stated], base + paper[with_paper]]
    size = base + len(papers)
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][: len(events)], dtype=np.int64)


def _watched(encounters: pl.DataFrame, observed: Observed, truth: Truth, start: datetime) -> pl.DataFrame:
    """Encounters of people who were on the watchlist by then, where a capture was due."""
    since = (
        truth.watchlist.join(observed.watchlist.select("reference", "since"), on="reference")
        .group_by("person_id")
        .agg(pl.col("since").min())
    )
    met = encounters.join(since, on="person_id").filter(
        (pl.col("since") <= pl.col("time")) & (pl.col("failure") != "not_attempted")
    )
    return met.sort("encounter_id").select(
        event_id=pl.int_range(pl.len(), dtype=pl.Int64) + FIRST_WATCH_EVENT,
        kind=pl.lit("watchlist"),
        encounter_id="encounter_id",
        actor_id="person_id",
        document_number="document_number",
        document_issuer="document_issuer",
        counted=pl.col("time") >= start,
    )


def _guilty(encounters: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    """List the encounters at which something is subverted.

    An event's own, those of its actor on its document, and those whose bearer is not the holder.
    """
    acted = encounters.join(
        events.select("actor_id", *DOCUMENT_KEY).drop_nulls(),
        left_on=["person_id", *DOCUMENT_KEY],
        right_on=["actor_id", *DOCUMENT_KEY],
        how="semi",
    )
    borrowed = encounters.filter(
        (pl.col("person_id") >= 0)
        & (pl.col("claimed_person_id") >= 0)
        & (pl.col("person_id") != pl.col("claimed_person_id"))
    )
    return pl.concat([events["encounter_id"], acted["encounter_id"], borrowed["encounter_id"]]).unique()


def touches(alerts: pl.DataFrame, scene: Scene) -> pl.DataFrame:
    """Pair alerts with the events that they touch.

    An alert touches an event when it arises at the event's encounter or names it as its stay; when its
    subject is a document or an identity cluster and the event's document is among the alert's; when the
    actor of the event stands there on the event's document; when it is of the event's own kind and the
    actor stands there on another document; or when it names the event's encounter as the other side of a
    resemblance of the same actor (the other side of a second identity).

    Returns
    -------
    polars.DataFrame
        Unique pairs: row (of `alerts`), event_id.
    """
    papers = scene.encounters.select("encounter_id", "person_id", *DOCUMENT_KEY)
    base = (
        alerts.select("subject_type", "subject_id", "kind", "encounter_id")
        .with_row_index("row")
        .join(papers, on="encounter_id", how="left", maintain_order="left")
    )
    events = scene.events
    placed = events.filter(pl.col("encounter_id") >= 0).select("event_id", "encounter_id")
    # A listed person's papers are their own: only their face, at that encounter, is a catch.
    known = events.drop_nulls(DOCUMENT_KEY).filter(pl.col("kind") != "watchlist")
    wide = base.filter(pl.col("subject_type").cast(pl.String).is_in(["document", "identity_cluster"]))
    stays = base.filter(pl.col("subject_type") == "stay")
    firsts = wide.select("row", encounter_id="subject_id").join(papers, on="encounter_id")
    own = base.with_columns(
        event_kind=pl.col("kind")
        .cast(pl.String)
        .replace_strict({kind: event_of(kind) for kind in alert_kinds()})
    )
    placeless = known.filter(pl.col("encounter_id") < 0).rename({"kind": "event_kind"})
    named = alerts["evidence"].str.json_path_match("$.other_encounter_id").cast(pl.Int64, strict=False)
    sides = base.with_columns(other=named).filter(pl.col("other") >= 0)
    parts = [
        base.join(placed, on="encounter_id"),
        stays.join(placed, left_on="subject_id", right_on="encounter_id"),
        wide.join(known, on=DOCUMENT_KEY),
        firsts.join(known, on=DOCUMENT_KEY),
        base.join(
            known,
            left_on=["person_id", *DOCUMENT_KEY],
            right_on=["actor_id", *DOCUMENT_KEY],
        ),
        own.filter(pl.col("event_kind").is_in(["second_identity", "stay_laundering"])).join(
            events.rename({"kind": "event_kind"}),
            left_on=["person_id", "event_kind"],
            right_on=["actor_id", "event_kind"],
        ),
        own.join(placeless, on=["event_kind", *DOCUMENT_KEY]),
        sides.join(
            events.select("event_id", "encounter_id", "actor_id"),
            left_on=["other", "person_id"],
            right_on=["encounter_id", "actor_id"],
        ),
    ]
    return pl.concat([part.select("row", "event_id") for part in parts]).unique(maintain_order=True)
