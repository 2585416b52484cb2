"""Who is listed as an overstay, judged: true leads, false leads with their cause, hidden overstays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from biomatch.policy import OperatingPoint, accept
from biomatch.rates import Rate, rate
from biomatch.tables.observed import Observed
from biomatch.tables.zones import local_dates, zones_of
from biomatch.truth import Truth

CAUSES = (
    "left unrecorded",  # departed, and nobody wrote it down
    "not yet received",  # departed, recorded, the record still under way
    "another document",  # departed on a number that the entry does not bear
    "link refused",  # departed on the same document; the join did not take it
    "extension unknown",  # still inside, lawfully
    "capture not linked",  # departed before a camera that read no document; no face joined it
)
JUDGED = (
    "as_of", "entry_id", "exit_id", "status", "days_over", "p_overstay", "how_linked", "permitted_until",
    "mode", "admission_class", "group", "person_id", "expected", "listed", "truly_inside_over",
    "truly_outside_over", "truly_departed", "cause", "true_exit_id", "evidence_from",
    "exit_document",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Overstays:
    """The counts of one list of stays, as of one date.

    Attributes
    ----------
    as_of : date
        What had been received by the end of this day was used.
    expected_departures : int
        Air and sea admissions whose last lawful day lies in [measure_from, as_of): the denominator of
        the published reports (DHS Entry/Exit Overstay Report).
    leads, true_leads, false_leads : int
        Stays listed as suspected in-country overstays; those who were; those who were not.
    hidden : int
        True in-country overstays that the list lacks.
    true_in_country : int
        True in-country overstays among the expected departures.
    listed_out_of_country, true_out_of_country : int
        Departures after the last lawful day, as listed and in truth.
    true_departures : int
        Expected departures that had truly left by `as_of`.
    causes : mapping of str to int
        False leads by cause.
    """

    as_of: date
    expected_departures: int
    leads: int
    true_leads: int
    false_leads: int
    hidden: int
    true_in_country: int
    listed_out_of_country: int
    true_out_of_country: int
    true_departures: int
    causes: Mapping[str, int]

    @property
    def precision(self) -> Rate:
        """True leads / leads, in [0, 1]; no value where nobody is listed."""
        return rate(self.true_leads, self.leads)

    @property
    def recall(self) -> Rate:
        """True leads / true in-country overstays, in [0, 1]; no value where there is none."""
        return rate(self.true_leads, self.true_in_country)

    @property
    def false_lead_rate(self) -> Rate:
        """False leads among those who had truly left / true departures; no value without departures."""
        return rate(self.false_leads - self.causes.get("extension unknown", 0), self.true_departures)

    @property
    def reported_in_country_rate(self) -> Rate:
        """Leads / expected departures: the rate that reports print (SICO rate)."""
        return rate(self.leads, self.expected_departures)

    @property
    def reported_total_rate(self) -> Rate:
        """Leads and listed late departures / expected departures: the total overstay rate."""
        return rate(self.leads + self.listed_out_of_country, self.expected_departures)

    @property
    def true_in_country_rate(self) -> Rate:
        """True in-country overstays / expected departures."""
        return rate(self.true_in_country, self.expected_departures)

    def to_json(self) -> dict[str, Any]:
        """Give counts and rates as plain data."""
        return {
            "as_of": self.as_of.isoformat(),
            "expected_departures": self.expected_departures,
            "leads": self.leads,
            "true_leads": self.true_leads,
            "false_leads": self.false_leads,
            "hidden": self.hidden,
            "true_in_country": self.true_in_country,
            "listed_out_of_country": self.listed_out_of_country,
            "true_out_of_country": self.true_out_of_country,
            "true_departures": self.true_departures,
            "causes": dict(self.causes),
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "false_lead_rate": self.false_lead_rate.to_json(),
            "reported_in_country_rate": self.reported_in_country_rate.to_json(),
            "reported_total_rate": self.reported_total_rate.to_json(),
            "true_in_country_rate": self.true_in_country_rate.to_json(),
        }


def judge_stays(stays: pl.DataFrame, observed: Observed, truth: Truth, point: OperatingPoint) -> pl.DataFrame:
    """Put the truth beside every stay.

    Parameters
    ----------
    stays : polars.DataFrame
        Schema ``STAYS``, for one or more dates.
    observed, truth
        The world's two sides.
    point : OperatingPoint
        Its lead posterior says which open stays are leads, where the linkage gives a posterior.

    Returns
    -------
    polars.DataFrame
        Columns ``JUDGED``; `expected` marks the denominator of the published reports, `cause` is null
        but for false leads. `true_exit_id` is the recorded encounter at which the traveller left (-1: none),
        `evidence_from` the day from which a record can show that nobody overstayed (null: never): the
        receipt of the departure's, or at once where a status says it. `exit_document` says whether the
        recorded departure bears the entry's document: "the same", "another", "none read" (a capture), or
        "no record".
    """
    start = pl.lit(observed.measure_from.date())
    day = pl.col("as_of")
    seen = observed.encounters.select(
        "encounter_id", "document_number", "document_issuer", "recorded_at", "port"
    )
    frame = (
        stays.join(truth.stays.rename({"exit_id": "true_exit_id", "status": "true_status"}), on="entry_id")
        .join(truth.people.select("person_id", "group"), on="person_id", how="left")
        .join(seen.rename({"encounter_id": "entry_id"}).drop("recorded_at"), on="entry_id", how="left")
        .join(
            seen.rename(
                {
                    "encounter_id": "true_exit_id",
                    "document_number": "exit_number",
                    "document_issuer": "exit_issuer",
                    "recorded_at": "exit_recorded_at",
                    "port": "exit_port",
                }
            ),
            on="true_exit_id",
            how="left",
        )
    )
    # A day is the port's: of the exit where it is known, else of the entry.
    port = frame.select(pl.coalesce("exit_port", "port")).to_series()
    frame = frame.with_columns(departed_on=local_dates(frame["departed_at"], port, zones_of(observed.about)))
    departed = (pl.col("departed_on") <= day).fill_null(False)
    lawful = pl.col("last_lawful_day")
    changed = pl.col("true_status") == "status_changed"
    posterior = frame["p_overstay"].fill_null(1.0).to_numpy()
    frame = frame.with_columns(
        truly_departed=departed,
        truly_inside_over=((lawful < day) & ~departed & ~changed).fill_null(False),
        truly_outside_over=(departed & (pl.col("departed_on") > lawful) & ~changed).fill_null(False),
        listed=(pl.col("status") == "suspected_in_country_overstay")
        & pl.Series(accept(posterior, point.lead_threshold)),
        expected=(
            (pl.col("mode") != "land")
            & (pl.col("permitted_until") >= start)
            & (pl.col("permitted_until") < day)
        ).fill_null(False),
    )
    unread = (pl.col("true_exit_id") >= 0) & pl.col("exit_number").is_null()
    changed_document = (pl.col("exit_number") != pl.col("document_number")) | (
        pl.col("exit_issuer") != pl.col("document_issuer")
    )
    return frame.with_columns(
        cause=pl.when(pl.col("listed") & ~pl.col("truly_inside_over")).then(_cause(unread, changed_document)),
        evidence_from=pl.when(pl.col("truly_departed"))
        .then(pl.col("exit_recorded_at").dt.date())
        .when(~pl.col("truly_inside_over"))
        .then(day),
        exit_document=pl.when(pl.col("true_exit_id") < 0)
        .then(pl.lit("no record"))
        .when(unread)
        .then(pl.lit("none read"))
        .when(changed_document)
        .then(pl.lit("another"))
        .otherwise(pl.lit("the same")),
    ).select(JUDGED)


def _cause(unread: pl.Expr, changed_document: pl.Expr) -> pl.Expr:
    """Say why somebody is listed in error: the first of `CAUSES` that holds."""
    return (
        pl.when(~pl.col("truly_departed"))
        .then(pl.lit(CAUSES[4]))
        .when(pl.col("true_exit_id") < 0)
        .then(pl.lit(CAUSES[0]))
        .when(pl.col("exit_recorded_at").dt.date() > pl.col("as_of"))
        .then(pl.lit(CAUSES[1]))
        .when(unread)
        .then(pl.lit(CAUSES[5]))
        .when(changed_document)
        .then(pl.lit(CAUSES[2]))
        .otherwise(pl.lit(CAUSES[3]))
    )


def count_overstays(judged: pl.DataFrame) -> list[Overstays]:
    """Count each date of a judged table (see `judge_stays`), oldest date first."""
    found = []
    for (as_of,), part in judged.sort("as_of").group_by("as_of", maintain_order=True):
        due = part.filter("expected")
        leads = due.filter("listed")
        true_leads = leads.filter("truly_inside_over").height
        causes = dict(leads.drop_nulls("cause").group_by("cause").len().sort("cause").iter_rows())
        inside = due.filter("truly_inside_over").height
        found.append(
            Overstays(
                as_of=as_of,
                expected_departures=due.height,
                leads=leads.height,
                true_leads=true_leads,
                false_leads=leads.height - true_leads,
                hidden=inside - true_leads,
                true_in_country=inside,
                listed_out_of_country=due.filter(pl.col("status") == "out_of_country_overstay").height,
                true_out_of_country=due.filter("truly_outside_over").height,
                true_departures=due.filter("truly_departed").height,
                causes={cause: int(causes.get(cause, 0)) for cause in CAUSES},
            )
        )
    return found
