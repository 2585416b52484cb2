"""What the system under test produces: references, decisions, stays, alerts."""

from __future__ import annotations

import polars as pl

from biomatch.registry import DETECTORS
from biomatch.tables.schema import Schema, Time

REFERENCE_KINDS = ("entry_photo", "visa_photo", "passport_photo", "watchlist")
OUTCOMES = ("match", "no_match", "refer", "not_acquired")
STAY_STATUSES = (
    "compliant",
    "not_yet_due",
    "out_of_country_overstay",
    "suspected_in_country_overstay",
    "departure_inferred",
    "status_changed",
)
LINK_KINDS = ("none", "document", "face", "implied", "neighbour", "manifest", "name")
"""How a stay got its end: ``face`` where the comparison of two faces speaks for the link, ``name`` where it
does not and name, birth date, document number or time carry it alone."""
ALERT_KINDS = (
    "document_photo_conflict",  # the live face is not the face of the document's photo
    "sham_exit",  # the face that leaves is not the face that entered on this document
    "shared_document",  # one document, several faces
    "second_identity",  # one face, several identities
    "morph",  # one document's photo verifies more than one person
    "watchlist",
    "ghost_exit",  # the manifest says boarded, nobody was seen
    "stay_laundering",  # days used over the union of identities
    "swapped_exit",  # two travellers left on each other's document
    "concealer",  # the capture was degraded on purpose
)
DETECTORS.shipped = ALERT_KINDS
SUBJECT_TYPES = ("encounter", "stay", "document", "identity_cluster", "manifest_row")

REFERENCES = Schema(
    "references",
    {
        "reference_id": pl.Int64,
        "gallery": pl.String,
        "encounter_id": pl.Int64,  # -1: not from an encounter
        "document_number": pl.String,  # null: not from a document
        "document_issuer": pl.String,
        "template_row": pl.Int64,
        "enrolled_at": Time,
        "available_from": Time,
        "retired_at": Time,  # null: never
        "kind": pl.Enum(REFERENCE_KINDS),
    },
    nullable=frozenset({"document_number", "document_issuer", "retired_at"}),
    key=("reference_id",),
)
SEARCHES = Schema(
    "searches",
    {
        "encounter_id": pl.Int64,
        "gallery": pl.String,
        "designed": pl.Boolean,  # a trial that the design added
        "enrolled_count": pl.Int64,  # N of this search
        "acquired": pl.Boolean,  # False: a capture was due and failed, the list is empty
    },
    key=("encounter_id", "gallery", "designed"),
)
DECISIONS = Schema(
    "decisions",
    {
        "encounter_id": pl.Int64,
        "gallery": pl.String,
        "outcome": pl.Enum(OUTCOMES),
        "reference_id": pl.Int64,  # -1: none
        "score": pl.Float32,  # null: nothing was compared
        "log_likelihood_ratio": pl.Float64,  # natural logarithm, of the best candidate; null: no calibrator
    },
    nullable=frozenset({"score", "log_likelihood_ratio"}),
    key=("encounter_id", "gallery"),
)
STAYS = Schema(
    "stays",
    {
        "as_of": pl.Date,
        "entry_id": pl.Int64,
        "exit_id": pl.Int64,  # -1: open
        "permitted_until": pl.Date,  # last lawful day; null: duration of status without a known end
        "status": pl.Enum(STAY_STATUSES),
        "days_over": pl.Int32,
        "p_departed": pl.Float64,  # null: the linkage gives no posterior
        "p_overstay": pl.Float64,
        "p_sham_exit": pl.Float64,
        "how_linked": pl.Enum(LINK_KINDS),
    },
    nullable=frozenset({"permitted_until", "p_departed", "p_overstay", "p_sham_exit"}),
    key=("as_of", "entry_id"),
)
ALERTS = Schema(
    "alerts",
    {
        "subject_type": pl.Enum(SUBJECT_TYPES),
        "subject_id": pl.Int64,
        "kind": pl.Enum(ALERT_KINDS),  # wider where detectors were registered: `Schema.wider`
        "encounter_id": pl.Int64,  # the encounter at which it arose
        "raised_at": Time,
        "score": pl.Float64,  # higher is more suspicious; before any threshold
        "evidence": pl.String,  # one JSON object
        "log_likelihood_ratio": pl.Float64,  # null: no calibrator
    },
    nullable=frozenset({"log_likelihood_ratio"}),
    key=("subject_type", "subject_id", "kind"),
    wider={"kind": lambda: pl.Enum(alert_kinds())},
)


def alert_kinds() -> tuple[str, ...]:
    """Give every kind of alert: those that ship, then those that were registered."""
    return (*ALERT_KINDS, *DETECTORS)
