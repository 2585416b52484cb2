"""Links a user's records: read, order, join by document, weigh the rest, judge, and say what is expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import SettingsError, TableError
from biomatch.evidence.face import FaceCalibrator
from biomatch.overstay.linkage.calibrate import Calibration, calibrate
from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.link import Linked, link
from biomatch.overstay.records import status, tables
from biomatch.overstay.records.columns import parse_columns, plan_columns
from biomatch.overstay.records.faces import with_faces
from biomatch.overstay.records.observed import to_observed
from biomatch.overstay.records.persons import person_ids
from biomatch.overstay.records.read import Reader, order, read_records
from biomatch.overstay.records.result import OwnLinks, expect_false
from biomatch.overstay.records.times import parse_zones
from biomatch.overstay.rules.base import check_day, nearest
from biomatch.overstay.rules.faults import Faults
from biomatch.overstay.rules.source import Source, load
from biomatch.overstay.rules.us_report import annual_table
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.tables.observed import Observed

Given = str | Path | pl.DataFrame
_BY = ("class", "nationality", "mode", "port", "sex")


@dataclass(frozen=True, eq=False)
class ReadRecords:
    """Records as read, before anything is linked.

    Attributes
    ----------
    records : polars.DataFrame
        From `read.order`.
    sources : list of Source
        The user's tables.
    carried : list of tuple of str
        Columns of each that are carried through.
    faults : Faults
        Rows that could not be read.
    templates : ndarray or None
        Shape (n, d).
    notes : list of str
        What was read in a way that its user may want to know.
    """

    records: pl.DataFrame
    sources: list[Source]
    carried: list[tuple[str, ...]]
    faults: Faults
    templates: NDArray[np.float32] | None
    notes: list[str]


def read_tables(
    entries: Any,
    exits: Any = None,
    *,
    faces: str | Path | NDArray[np.float32] | None = None,
    zones: Sequence[str] | Mapping[str, str] | None = None,
    columns: str | Mapping[str, str] | None = None,
) -> ReadRecords:
    """Read a user's tables: entries and exits, or one table with a column ``direction``."""
    faults = Faults()
    notes: list[str] = []
    known_zones, said = parse_zones(zones), parse_columns(columns)
    given = [(entries, "entries", "entry"), (exits, "exits", "exit")]
    if exits is None:
        given = [(entries, "records", "")]
    sources = [load(one, name, faults) for one, name, _ in given]
    for name, own in said.items():
        if not any(own in source.frame.columns for source in sources):
            names = sorted({column for source in sources for column in source.frame.columns} - {"__row"})
            raise TableError(
                f"--columns {name}={own}: no table has a column {own!r}",
                allowed=", ".join(names),
                remedy=nearest(own, names),
            )
    templates, sources = with_faces(faces, sources)
    read, carried = [], []
    for number, (source, (_, _, direction)) in enumerate(zip(sources, given, strict=True)):
        names = [column for column in source.frame.columns if column != "__row"]
        plan = plan_columns(names, source.name, said, directed=not direction)
        reader = Reader(source, plan, faults, notes)
        count = None if templates is None else len(templates)
        read.append(read_records(reader, number, direction or None, known_zones, count))
        carried.append(plan.carried)
    records = order(read)
    unused = set(known_zones) - {"*"} - set(records["port"].drop_nulls().unique().to_list())
    if unused:
        notes.append(f"--zone names ports that no record has: {', '.join(sorted(unused))}")
    return ReadRecords(records, sources, carried, faults, templates, notes)


def link_records(
    entries: Any,
    exits: Any = None,
    *,
    on: date,
    faces: str | Path | NDArray[np.float32] | None = None,
    law: FaceCalibrator | None = None,
    zones: Sequence[str] | Mapping[str, str] | None = None,
    rules: str = "us",
    columns: str | Mapping[str, str] | None = None,
    reject: bool = False,
    by: Sequence[str] = (),
    least: float = 0.0,
) -> OwnLinks:
    """Link a user's records as of a day.

    Parameters
    ----------
    entries, exits : path or frame
        CSV, Parquet, or a Polars or pandas frame. Without `exits`, the one table has a ``direction``.
    on : datetime.date
        Records of later days, or received later, are not used.
    faces : path or ndarray, optional
        Templates by row: see `faces.with_faces`.
    law : FaceCalibrator, optional
        What a comparison score is worth; default: learnt from pairs that share a document.
    zones : sequence of str or mapping, optional
        Time zones of ports: ``PORT=ZONE``, or one zone for all.
    rules : str
        ``us`` or ``eu``.
    columns : str or mapping, optional
        ``document=passport_no,...`` where the tables' names are not the usual ones.
    reject : bool
        Whether rows with faults are left out and listed; else any fault is an error.
    by : sequence of str
        Columns by which the annual table counts: class, nationality, mode, port, sex.
    least : float
        P(overstay) from which a suspected stay is a lead.

    Returns
    -------
    OwnLinks
        Neither the order of rows nor the names of columns change anything in it.

    Raises
    ------
    TableError
        For a table without a needed column, rows that cannot be read, or no entry at all.
    SettingsError
        For an unknown zone, rule or column.
    """
    check_day(on, "the day")
    if rules not in status.RULES:
        raise SettingsError(f"rules {rules!r}", allowed=" or ".join(status.RULES))
    for name in by:
        if name not in _BY:
            raise SettingsError(
                f"counted by {name!r}", allowed=", ".join(_BY), remedy=nearest(name, list(_BY))
            )
    if not 0.0 <= least <= 1.0:
        raise SettingsError(f"least posterior {least}", allowed="a number between 0 and 1")
    given = read_tables(entries, exits, faces=faces, zones=zones, columns=columns)
    if not reject:
        given.faults.refuse()
    records = given.records
    observed, later = to_observed(records, on, given.templates)
    if not (observed.encounters["direction"] == "entry").any():
        raise TableError(
            f"no entry up to {on} can be judged ({len(records):,} records were read)",
            remedy="give entries, or a later --on",
        )
    linked, judged, person = _linked(observed, records, on, rules, law, given.notes)
    stays = tables.stays_table(records, linked, judged, person)
    frames = [(s.frame, names) for s, names in zip(given.sources, given.carried, strict=True)]
    stays = tables.carry(stays, frames)
    links = tables.links_table(observed, records, linked)
    leads = tables.leads_table(stays, links, least)
    variance = _rate_variance(linked, stays, leads)
    annual = annual_table(stays, list(by), on=on)
    rows = {
        "given": sum(source.given for source in given.sources),
        "judged": len(records),
        "rejected": given.faults.rejected(),
        **later,
    }
    return OwnLinks(
        on,
        rules,
        stays,
        leads,
        links,
        annual,
        given.faults.table(),
        expect_false(leads["p_overstay"], variance),
        rows,
        tuple(given.notes),
        {"rate_variance": variance, "unlinked_exits": float(len(linked.links.residual_exits))},
    )


def _linked(
    observed: Observed,
    records: pl.DataFrame,
    on: date,
    rules: str,
    law: FaceCalibrator | None,
    notes: list[str],
) -> tuple[Linked, pl.DataFrame, NDArray[np.int64]]:
    """Link and judge; under the European rule stays are judged again once passports are united."""
    documents = link_documents(observed.encounters, on)
    known = calibrate(observed.encounters, observed.templates, documents, face=law)
    by_document = observed.encounters.select(
        pl.struct("document_number", "document_issuer").rank("dense")
    ).to_series()
    person = by_document.to_numpy().astype(np.int64)
    first = status.judge(observed, records, documents.stays, on, rules, person)
    last_days = pl.DataFrame(
        {
            "entry_id": documents.stays["entry_id"],
            "last_lawful_day": first["last_lawful_day"],
            "settled": first["status"] == "status_changed",
        }
    )
    linked = link(
        observed, on, _point(known, observed, notes), documents=documents, last_days=last_days, known=known
    )
    faceless = not (observed.encounters["template_row"] >= 0).any()
    notes += [text for text in linked.warnings if not (faceless and "by face" in text)]
    person = person_ids(observed, linked)
    judged = status.judge(observed, records, linked.links.stays, on, rules, person)
    unknown = int(judged["last_lawful_day"].is_null().sum())
    if unknown:
        notes.append(
            f"{unknown:,} stays have no last lawful day (no permitted_until, and a class that has no usual "
            "period or is not known): they are never overdue"
        )
    return linked, judged, person


def _point(known: Calibration, observed: Observed, notes: list[str]) -> OperatingPoint:
    """Break pairs of one document where the faces speak against them; the whole evidence may restore them."""
    faces = int((observed.encounters["template_row"] >= 0).sum())
    system = System().with_({"linkage.method": "optimum", "linkage.face_check": known.face is not None})
    if known.face is None:
        if faces:
            notes.append(
                f"{faces:,} records have faces, but fewer than 50 pairs of one document have two: what a "
                "score is worth could not be learnt, so faces were not used; name a --profile"
            )
        return OperatingPoint(face_threshold=-1.0, system=system)
    return OperatingPoint(face_threshold=speaks_from(known.face), system=system)


def speaks_from(face: FaceCalibrator) -> float:
    """Give the score from which a comparison speaks for one person: where the log ratio passes 0."""
    knots, values = np.array(face.knots), np.array(face.values)
    for_one = np.flatnonzero(values >= 0)
    if not len(for_one):
        return float(knots[-1])
    at = int(for_one[0])
    if at == 0 or values[at] == values[at - 1]:
        return float(knots[at])
    part = -values[at - 1] / (values[at] - values[at - 1])
    return float(knots[at - 1] + part * (knots[at] - knots[at - 1]))


def _rate_variance(linked: Linked, stays: pl.DataFrame, leads: pl.DataFrame) -> float:
    """Give the variance of the leads' summed posteriors that the rates behind them leave."""
    if linked.weighing is None or leads.is_empty():
        return 0.0
    chosen = stays["stay"].is_in(leads["stay"].implode()).to_numpy()
    return linked.weighing.spread.variance(chosen)
