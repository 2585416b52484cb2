"""Stays as of a date: the document pass, the face as a check, and the rules, with what had been received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import SettingsError
from biomatch.evidence.recalibrate import Recalibration
from biomatch.gallery.scoring import exact_scores
from biomatch.overstay.linkage.calibrate import Calibration, calibrate
from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.faces import check_faces
from biomatch.overstay.linkage.link import Linked, link
from biomatch.overstay.linkage.tables import Links
from biomatch.overstay.records.persons import by_document, person_ids
from biomatch.overstay.rules import us, us_classes
from biomatch.overstay.rules.registered import assess_by
from biomatch.overstay.rules.short_stays import assess_linked
from biomatch.policy import OperatingPoint
from biomatch.tables.candidates import CandidateLists
from biomatch.tables.observed import DOCUMENT_KEY, Observed
from biomatch.tables.produced import STAYS
from biomatch.tables.zones import local_dates, zones_of


def stays_at(
    observed: Observed, as_of: date, point: OperatingPoint, recalibration: Recalibration | None = None
) -> pl.DataFrame:
    """List a world's stays as of a date with posteriors of any method, without any search: schema ``STAYS``.

    `recalibration` takes the place of the shipped one (see `link`).
    """
    return StayBook(observed, None, as_of, point, recalibration).at(point, always=True)[0]


def as_of_dates(observed: Observed, on: Sequence[date] | None) -> list[date]:
    """Give the dates of the lists of stays: those asked for, or the world's last day.

    Raises
    ------
    SettingsError
        For a date before the world begins.
    """
    first = date.fromisoformat(str(observed.about["first_day"]))
    last = date.fromisoformat(str(observed.about["last_day"]))
    for day in on or ():
        if day < first:
            raise SettingsError(f"--on {day}", allowed=f"a day from {first} on, when this world begins")
    return sorted(set(on)) if on else [last]


class StayBook:
    """The stays of one world as of one date, ready to be listed at any threshold.

    The document pass and the comparison of each pair's faces know no threshold and are done once.

    Attributes
    ----------
    warnings : tuple of str
        What the last linkage left out or did not believe; sentences for a person.
    """

    def __init__(
        self,
        observed: Observed,
        lists: CandidateLists | None,
        as_of: date,
        point: OperatingPoint,
        recalibration: Recalibration | None = None,
    ) -> None:
        self.observed, self.lists, self.as_of = observed, lists, as_of
        self.recalibration = recalibration
        self.rules = point.system.stays.rules
        self._assess = us.assess if self.rules in ("us", "eu") else assess_by(self.rules)
        linkage = point.system.linkage
        self.links = link_documents(
            observed.encounters,
            as_of,
            manifests=observed.manifests if linkage.use_manifest else None,
            movements=observed.movements if linkage.use_manifest else None,
            settings=linkage,
        )
        self.warnings: tuple[str, ...] = ()
        self._known: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]] | None = None
        self._zones = zones_of(observed.about)
        self._facts = _status_facts(observed, as_of, self._zones)

    def at(self, point: OperatingPoint, *, always: bool = False) -> tuple[pl.DataFrame, Links]:
        """List the stays at an operating point.

        Parameters
        ----------
        point : OperatingPoint
            Face threshold and system.
        always : bool
            Whether the method ``document`` gives a posterior too.

        Returns
        -------
        tuple of polars.DataFrame and Links
            Schema ``STAYS``, and the links behind it. The method ``document`` gives no posterior unless asked
            for it; every other weighs residual exits against residual entries and gives each stay its own.
        """
        linkage = point.system.linkage
        if linkage.method == "document" and not always:
            links = self.links
            if linkage.face_check:
                encounters, templates = self.observed.encounters, self.observed.templates
                links = check_faces(links, encounters, templates, point.thresholds(encounters), self._scores)
            return self._ruled(links.stays, None, self._holders), links
        linked = self.linked(point)
        return self.listed(linked), linked.links

    def linked(self, point: OperatingPoint) -> Linked:
        """Link residual exits at an operating point, and give each stay its posterior."""
        linked = link(
            self.observed,
            self.as_of,
            point,
            documents=self.links,
            last_days=self._last_days,
            known=self._calibration,
            recalibration=self.recalibration,
            scorer=_pair_scores,
        )
        self.warnings = linked.warnings
        return linked

    def listed(self, linked: Linked) -> pl.DataFrame:
        """Judge linked stays by the rules: schema ``STAYS``."""
        person = person_ids(self.observed, linked, _pair_scores) if self.rules == "eu" else self._holders
        return self._ruled(linked.links.stays, linked.stays, person)

    @cached_property
    def _calibration(self) -> Calibration:
        """What evidence is worth, learnt from the document pass alone: no threshold is in it."""
        return calibrate(self.observed.encounters, self.observed.templates, self.links, scorer=_pair_scores)

    @cached_property
    def _last_days(self) -> pl.DataFrame:
        """The last lawful day of each stay by the rules, as documents alone tell."""
        ruled = self._ruled(self.links.stays, None, self._holders)
        return ruled.select(
            "entry_id", last_lawful_day="permitted_until", settled=pl.col("status") == "status_changed"
        )

    @cached_property
    def _holders(self) -> NDArray[np.int64]:
        """Whose each encounter is, as documents alone tell."""
        return by_document(self.observed.encounters)

    def _scores(
        self, templates: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Compare pairs by the gallery's own routine; the same pairs are compared once."""
        known = self._known
        if known is None or not (np.array_equal(known[0], left) and np.array_equal(known[1], right)):
            scores = _pair_scores(templates, left, right)
            self._known = known = (left.copy(), right.copy(), scores)
        return known[2]

    def _ruled(
        self, linked: pl.DataFrame, posteriors: pl.DataFrame | None, person: NDArray[np.int64]
    ) -> pl.DataFrame:
        encounters = self.observed.encounters
        entries = encounters.select("encounter_id", "admission_class", "permitted_until", "mode")
        entered = encounters["port"][linked["entry_row"]]
        # A departure without an encounter of its own (a line of a manifest) is dated by the port of entry.
        row = linked["exit_row"]
        left = encounters["port"][row.clip(lower_bound=0)].zip_with(row >= 0, entered)
        entry = local_dates(linked["entry_time"], entered, self._zones)
        leave = local_dates(linked["exit_time"], left, self._zones)
        stays = (
            linked.join(
                entries, left_on="entry_id", right_on="encounter_id", how="left", maintain_order="left"
            )
            .join(self._facts, on="entry_id", how="left", maintain_order="left")
            .with_columns(
                entry=entry,
                # West of the date line it may still be the day before.
                exit=leave.zip_with((leave >= entry).fill_null(value=True), entry),
                next_entry=local_dates(linked["next_entry_time"], entered, self._zones),
                admitted_until=pl.coalesce("granted_until", "permitted_until"),
            )
        )
        if self.rules == "eu":
            ruled = assess_linked(stays, person[linked["entry_row"].to_numpy()], self.as_of)
            return self._listed(stays, ruled, posteriors)
        # A class that only a date limits, without one: nothing is known, so nothing is due.
        undated = pl.col("admission_class").is_in(_DATED) & pl.col("admitted_until").is_null()
        other = pl.lit("OTHER", dtype=stays.schema["admission_class"])
        classed = pl.when(undated).then(other).otherwise("admission_class").alias("admission_class")
        ruled = self._assess(stays.with_columns(classed).select(_ASSESSED), self.as_of)
        return self._listed(stays, ruled, posteriors)

    def _listed(
        self, stays: pl.DataFrame, ruled: pl.DataFrame, posteriors: pl.DataFrame | None
    ) -> pl.DataFrame:
        """Put what the rules and the posterior say into the schema ``STAYS``."""
        listed = stays.select("entry_id", "exit_id", "how_linked").with_columns(
            as_of=pl.lit(self.as_of),
            permitted_until=ruled["last_lawful_day"],
            status=ruled["status"],
            days_over=ruled["days_over"],
        )
        if posteriors is None:
            listed = listed.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in _POSTERIORS)
        else:
            known = posteriors.select("entry_id", *_POSTERIORS)
            listed = listed.join(known, on="entry_id", how="left", maintain_order="left")
        return STAYS.frame(listed.to_dict(as_series=True))


def _pair_scores(
    templates: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Compare pairs of rows by the gallery's own routine."""
    return exact_scores(templates, left, templates, right)


_DATED = [entry.code for entry in us_classes.CLASSES if entry.admission is us_classes.Admission.DATE]
_POSTERIORS = ("p_departed", "p_overstay", "p_sham_exit")
_ASSESSED = (
    "admission_class",
    "entry",
    "exit",
    "admitted_until",
    "programme_end",
    "programme_ended",
    "extension_filed_on",
    "adjusted_on",
    "satisfactory_departure_until",
    "next_entry",
    "mode",
)


def _status_facts(observed: Observed, as_of: date, zones: Mapping[str, str]) -> pl.DataFrame:
    """Say what was known of each stay's status by a date, from events filed on its document.

    An event belongs to the document's last entry up to its date. A granted extension moves the last
    lawful day and settles the filing; a filing that is still pending keeps the stay lawful.

    Returns
    -------
    polars.DataFrame
        A row a stay with events: entry_id, granted_until, programme_end, programme_ended,
        extension_filed_on, adjusted_on, satisfactory_departure_until.
    """
    day = local_dates(observed.encounters["time"], observed.encounters["port"], zones)
    entries = (
        observed.encounters.with_columns(date=day)
        .filter(
            (pl.col("direction") == "entry")
            & (pl.col("source") == "port")
            & (pl.col("admission_class") != "RESIDENT")
        )
        .select(*DOCUMENT_KEY, "date", entry_id="encounter_id")
        .sort("date", "entry_id")
    )
    known = observed.status_events.filter(pl.col("received_at").dt.date() <= as_of).sort("date")
    events = known.join_asof(
        entries, on="date", by=DOCUMENT_KEY, strategy="backward", check_sortedness=False
    ).filter(pl.col("entry_id").is_not_null())

    def last(column: str, *kinds: str) -> pl.Expr:
        return pl.col(column).filter(pl.col("kind").cast(pl.String).is_in(kinds)).last()

    return (
        events.group_by("entry_id", maintain_order=True)
        .agg(
            granted_until=last("until", "extension_granted"),
            programme_end=last("date", "programme_end", "early_end"),
            ended_early=last("date", "early_end").is_not_null(),
            filed=last("date", "extension_filed"),
            adjusted_on=last("date", "adjustment"),
            satisfactory_departure_until=last("until", "satisfactory_departure"),
        )
        .with_columns(
            extension_filed_on=pl.when(pl.col("granted_until").is_null()).then(pl.col("filed")),
            programme_ended=pl.when("ended_early").then(pl.lit("withdrawn")),
        )
        .drop("filed", "ended_early")
    )
