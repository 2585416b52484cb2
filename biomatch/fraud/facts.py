"""What all detectors read: the port's records in the order of document and time, and faces compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.gallery.scoring import exact_scores
from biomatch.overstay.linkage.tables import cut_of
from biomatch.portable.types import Floats, Ints
from biomatch.tables.candidates import PADDING_ID, CandidateLists
from biomatch.tables.observed import DOCUMENT_KEY, Observed
from biomatch.tables.produced import ALERTS

CONFLICT_FLOOR = 0.6
"""Similarity above which two faces are no conflict worth keeping, at no threshold (assumed: mated scores
of the leader profile have mean 0.86; non-mated ones of FMR 1e-6 lie below 0.4)."""
CANDIDATE_FLOOR = 0.25
"""Similarity below which a candidate of another identity is not worth keeping (assumed: the FMR of the
leader profile there is of the order of 1e-4, more than any port could look at)."""
MOST_PAPERS = 12
"""Documents of one name and birth date beyond which they are a placeholder's, not a person's (assumed);
also what keeps pairs of documents linear in their number."""
_FIELDS = (
    "encounter_id", "time", "port", "mode", "direction", "movement", "document_number", "document_issuer",
    "claimed_name", "birth_date", "sex", "nationality", "admission_class", "permitted_until", "camera",
    "attempts", "quality", "template_row", "failure",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidates of other documents, one row each, from the searches that the policy made.

    Attributes
    ----------
    row : ndarray of int64
        Row of `Facts.table`: who was searched.
    reference : ndarray of int64
        Row of ``lists.references``.
    score : ndarray of float64
        Comparison score.
    place : ndarray of int64
        Rank in the candidate list, from 1.
    """

    row: Ints
    reference: Ints
    score: Floats
    place: Ints


class Facts:
    """A world's records as of a date, ready to be looked at by any number of detectors.

    Parameters
    ----------
    observed : Observed
        What the system may see.
    lists : CandidateLists
        What was found, before any threshold.
    links : polars.DataFrame
        Schema ``LINKS``: the document pass's stays.
    as_of : date or datetime, optional
        Records received later are not used; default: everything.
    unseen : mapping of str to float, optional
        Share of declared departures that a port does not see, by port or mode, where it is known from
        elsewhere (``alerts.unseen_departures``).

    Attributes
    ----------
    table : polars.DataFrame
        The port's own records, sorted by document, time, encounter_id.
    begin : ndarray of int64
        Shape (n,): row at which each record's document begins.
    """

    def __init__(
        self,
        observed: Observed,
        lists: CandidateLists,
        links: pl.DataFrame,
        as_of: date | datetime | None,
        unseen: Mapping[str, float] | None = None,
    ) -> None:
        self.observed, self.lists, self.links = observed, lists, links
        self.unseen = dict(unseen or {})
        cut = None if as_of is None else cut_of(as_of)
        self.cut = cut
        known = pl.col("source") == "port"
        if cut is not None:
            known &= pl.col("recorded_at") <= cut
        own = observed.encounters.filter(known).select(_FIELDS)
        # Codes only group; which document gets which code never reaches an alert.
        code = pl.struct(DOCUMENT_KEY).rank("dense").cast(pl.Int64)
        self.table = own.with_columns(document=code).sort("document", "time", "encounter_id")
        document = self.table["document"].to_numpy()
        starts = np.r_[True, document[1:] != document[:-1]] if len(document) else np.zeros(0, np.bool_)
        rows = np.arange(len(document))
        self.begin: Ints = np.maximum.accumulate(np.where(starts, rows, 0)) if len(rows) else rows
        self.face: Ints = self.table["template_row"].to_numpy()
        self.is_entry: NDArray[np.bool_] = (self.table["direction"] == "entry").to_numpy()

    def __len__(self) -> int:
        return len(self.table)

    # -- faces -----------------------------------------------------------------------------------

    def compare(self, left: Ints, right: Ints) -> Floats:
        """Compare the faces of table rows pairwise.

        Parameters
        ----------
        left, right : ndarray of int64
            Shape (m,): rows of `table`; -1: none.

        Returns
        -------
        ndarray of float64
            Shape (m,): comparison scores, NaN where either side has no face.
        """
        a = np.where(left >= 0, self.face[left], -1) if len(self) else left
        b = np.where(right >= 0, self.face[right], -1) if len(self) else right
        return self.compare_templates(a, b)

    def compare_templates(self, left: Ints, right: Ints) -> Floats:
        """Compare template rows pairwise; NaN where either is -1."""
        out = np.full(len(left), np.nan)
        at = np.flatnonzero((left >= 0) & (right >= 0))
        faces = self.observed.templates
        out[at] = exact_scores(faces, left[at], faces, right[at])
        return out

    @cached_property
    def photo_row(self) -> Ints:
        """Template row of the photo of the document that was presented; -1: none on file."""
        return self._documents["template_row"].fill_null(-1).to_numpy()

    @cached_property
    def photo_years(self) -> Floats:
        """Years from the document's issue to the encounter; NaN where the document is not on file."""
        days = (self.table["time"].dt.date() - self._documents["issued"]).dt.total_days()
        return days.cast(pl.Float64).fill_null(np.nan).to_numpy() / 365.25

    @cached_property
    def _documents(self) -> pl.DataFrame:
        known = self.observed.documents.select(
            "template_row", "issued", document_number="number", document_issuer="issuer"
        )
        return self.table.select(DOCUMENT_KEY).join(known, on=DOCUMENT_KEY, how="left", maintain_order="left")

    @cached_property
    def photo_similarity(self) -> Floats:
        """Live face against the photo of the document presented; NaN where there is nothing to compare."""
        return self.compare_templates(self.face, self.photo_row)

    @cached_property
    def other_photo_similarity(self) -> Floats:
        """Live face against the least similar photo of another document of the holder; NaN without one.

        Documents are one holder's when they bear the same name, date of birth and sex; more than
        ``MOST_PAPERS`` of them are no one person's, and are left out.
        """
        holder = ["holder_name", "birth_date", "sex"]
        papers = self.observed.documents.filter(pl.col("template_row") >= 0).select(
            *holder, "template_row", document_number="number", document_issuer="issuer"
        )
        several = papers.filter(pl.len().over(holder).is_between(2, MOST_PAPERS))
        pairs = several.join(several.select(*holder, other="template_row"), on=holder).filter(
            pl.col("other") != pl.col("template_row")
        )
        shown = self.table.select(DOCUMENT_KEY).with_row_index("row").filter(pl.Series(self.face >= 0))
        met = shown.join(pairs.select(*DOCUMENT_KEY, "other"), on=DOCUMENT_KEY)
        row = met["row"].cast(pl.Int64).to_numpy()
        found = np.full(len(self), np.inf)
        np.minimum.at(found, row, self.compare_templates(self.face[row], met["other"].to_numpy()))
        return np.where(np.isposinf(found), np.nan, found)

    @cached_property
    def entry_of(self) -> Ints:
        """Row of the last entry before each exit on the same document; -1: none, or no exit."""
        rows = np.arange(len(self))
        last = np.maximum.accumulate(np.where(self.is_entry, rows, -1)) if len(rows) else rows
        return np.where(~self.is_entry & (last >= self.begin), last, -1)

    @cached_property
    def entry_similarity(self) -> Floats:
        """Face at an exit against the face at the entry that its document closes; NaN without both."""
        return self.compare(np.where(self.entry_of >= 0, np.arange(len(self)), -1), self.entry_of)

    @cached_property
    def previous_face(self) -> Ints:
        """Row of the previous record with a face on the same document; -1: none."""
        return self._before(np.where(self.face >= 0, np.arange(len(self)), -1))

    @cached_property
    def first_face(self) -> Ints:
        """Row of the first record with a face on the same document, before this one; -1: none."""
        rows = np.arange(len(self))
        has = np.flatnonzero(self.face >= 0)
        lead = np.ones(len(has), dtype=np.bool_)
        lead[1:] = self.begin[has[1:]] != self.begin[has[:-1]]
        marks = np.full(len(self), -1)
        marks[has[lead]] = has[lead]
        found = np.maximum.accumulate(marks) if len(rows) else rows
        return np.where((found >= self.begin) & (found < rows), found, -1)

    @cached_property
    def previous_similarity(self) -> Floats:
        """Face against the previous face on the same document; NaN without both."""
        return self.compare(np.arange(len(self)), self.previous_face)

    @cached_property
    def first_similarity(self) -> Floats:
        """Face against the first face on the same document; NaN without both."""
        same = self.first_face == self.previous_face
        found = self.compare(np.where(same, -1, np.arange(len(self))), self.first_face)
        return np.where(same, self.previous_similarity, found)

    def _before(self, marks: Ints) -> Ints:
        """Give the last mark on the same document strictly before each row."""
        if not len(marks):
            return marks
        last = np.maximum.accumulate(marks)
        found = np.r_[-1, last[:-1]]
        return np.where(found >= self.begin, found, -1)

    # -- candidate lists -------------------------------------------------------------------------

    @cached_property
    def candidates(self) -> Candidates:
        """Candidates at or above ``CANDIDATE_FLOOR`` that stand for another document."""
        lists = self.lists
        rows = self.rows_of(lists.searches["encounter_id"])
        use = (rows >= 0) & ~lists.searches["designed"].to_numpy()
        keep = (lists.score >= np.float32(CANDIDATE_FLOOR)) & (lists.reference_id != PADDING_ID)
        search, place = np.nonzero(keep & use[:, None])
        reference = self._reference_rows(lists.reference_id[search, place])
        row = rows[search]
        mine, theirs = self.table.select(DOCUMENT_KEY)[row], lists.references.select(DOCUMENT_KEY)[reference]
        other = np.ones(len(row), dtype=np.bool_)
        if len(row):
            same = (mine["document_number"] == theirs["document_number"]) & (
                mine["document_issuer"] == theirs["document_issuer"]
            )
            other = ~same.fill_null(False).to_numpy()
        score = lists.score[search, place].astype(np.float64)
        return Candidates(row[other], reference[other], score[other], place[other] + 1)

    def _reference_rows(self, ids: Ints) -> Ints:
        known = self.lists.references["reference_id"].to_numpy()
        order = np.argsort(known, kind="stable")
        return np.asarray(order[np.searchsorted(known[order], ids)]) if len(ids) else ids

    def rows_of(self, encounter_ids: pl.Series) -> Ints:
        """Find the table rows of encounters; -1 where the port has no such record (yet)."""
        known = self.table["encounter_id"].to_numpy()
        wanted = encounter_ids.to_numpy()
        if not len(known):
            return np.full(len(wanted), -1)
        order = np.argsort(known, kind="stable")
        at = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
        return np.where(known[order][at] == wanted, order[at], -1)

    # -- alerts ----------------------------------------------------------------------------------

    def alerts(
        self,
        kind: str,
        rows: Ints,
        score: Floats,
        *,
        subject_type: str = "encounter",
        subject_rows: Ints | None = None,
        raised_at: pl.Series | None = None,
        evidence: Mapping[str, Any] = MappingProxyType({}),
    ) -> pl.DataFrame:
        """Make alerts; where one subject has several, the most suspicious is kept (the earliest of equals).

        Parameters
        ----------
        kind, subject_type : str
            As ``ALERTS`` declares.
        rows : ndarray of int64
            Shape (m,): table rows of the encounters at which they arose.
        score : ndarray of float64
            Shape (m,): suspicion, finite.
        subject_rows : ndarray of int64, optional
            Table rows whose encounter_id names the subject (a stay by its entry, a document or an
            identity cluster by its first encounter); default: the encounter itself.
        raised_at : polars.Series, optional
            When it came to light; default: at the encounter.
        evidence : mapping
            Arrays of shape (m,), what the explanation of an alert shows; NaN becomes null.
        """
        ids, times = self.table["encounter_id"], self.table["time"]
        subjects = ids.gather(rows if subject_rows is None else subject_rows)
        told = pl.DataFrame({name: pl.Series(values) for name, values in evidence.items()})
        told = told.with_columns(pl.col(pl.Float64, pl.Float32).fill_nan(None).round(6))
        frame = pl.DataFrame(
            {
                "subject_id": subjects,
                "encounter_id": ids.gather(rows),
                "raised_at": times.gather(rows) if raised_at is None else raised_at,
                "score": pl.Series(score, dtype=pl.Float64),
                "evidence": told.select(pl.struct(pl.all()).struct.json_encode()).to_series()
                if evidence
                else pl.Series(["{}"] * len(rows), dtype=pl.String),
            }
        ).with_columns(
            subject_type=pl.lit(subject_type),
            kind=pl.lit(kind),
            log_likelihood_ratio=pl.lit(None, dtype=pl.Float64),
        )
        best = frame.sort(
            "subject_id", "score", "raised_at", "encounter_id", descending=[False, True, False, False]
        ).unique("subject_id", keep="first", maintain_order=True)
        return ALERTS.frame(best.to_dict(as_series=True))
