"""Links a user's records: read, order, join by document, weigh the rest, judge, and say what is expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from biomatch.overstay.linkage.faces import PairScorer, score_rows
from biomatch.overstay.linkage.link import Linked, link
from biomatch.overstay.records import scores, status, tables
from biomatch.overstay.records.annual import annual_of, check_by
from biomatch.overstay.records.columns import parse_columns, plan_columns
from biomatch.overstay.records.faces import with_faces
from biomatch.overstay.records.observed import to_observed
from biomatch.overstay.records.persons import by_document, person_ids
from biomatch.overstay.records.read import Reader, order, read_records
from biomatch.overstay.records.result import OwnLinks, expect_false
from biomatch.overstay.records.times import parse_zones
from biomatch.overstay.rules.base import check_day, counted, nearest
from biomatch.overstay.rules.intake.faults import Faults
from biomatch.overstay.rules.intake.rows import waiver_again
from biomatch.overstay.rules.intake.source import ROW, Source, load
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.tables.observed import Observed

Faces = str | Path | NDArray[np.float32] | pl.DataFrame | None


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
    pairs : polars.DataFrame or None
        Scores by pair, as `scores.read_pairs` gives them.
    scored : bool
        Whether scores that were given take the place of templates.
    notes : list of str
        What was read in a way that its user may want to know.
    """

    records: pl.DataFrame
    sources: list[Source]
    carried: list[tuple[str, ...]]
    faults: Faults
    templates: NDArray[np.float32] | None
    pairs: pl.DataFrame | None
    scored: bool
    notes: list[str]


def read_tables(
    entries: Any,
    exits: Any = None,
    *,
    faces: Faces = None,
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
    pairs = scores.read_pairs(faces, sources) if scores.is_pairs(faces) else None
    templates, sources = with_faces(faces if pairs is None else None, sources)
    read, carried = [], []
    for number, (source, (_, _, direction)) in enumerate(zip(sources, given, strict=True)):
        names = [column for column in source.frame.columns if column != "__row"]
        plan = plan_columns(names, source.name, said, directed=not direction)
        reader = Reader(source, plan, faults, notes)
        count = None if templates is None else len(templates)
        read.append(read_records(reader, number, direction or None, known_zones, count))
        carried.append(plan.carried)
        sources[number] = replace(source, frame=source.frame.select(ROW, *plan.carried))  # the rest is read
    records = order(read)
    unused = set(known_zones) - {"*"} - set(records["port"].drop_nulls().unique().to_list())
    if unused:
        notes.append(f"--zone names ports that no record has: {', '.join(sorted(unused))}")
    column = bool(records["face_score"].is_not_null().any())
    if column and (templates is not None or pairs is not None):
        notes.append("the column face_score is not used: --faces says more")
    scored = pairs is not None or (column and templates is None)
    if scored:
        records = scores.sampled(records, pairs, len(sources))
        templates = np.ones((len(records), 1), dtype=np.float32)  # stand for samples; never compared
    return ReadRecords(records, sources, carried, faults, templates, pairs, scored, notes)


def link_records(
    entries: Any,
    exits: Any = None,
    *,
    on: date,
    faces: Faces = None,
    law: FaceCalibrator | None = None,
    zones: Sequence[str] | Mapping[str, str] | None = None,
    rules: str = "us",
    columns: str | Mapping[str, str] | None = None,
    reject: bool = False,
    by: Sequence[str] = (),
    least: float = 0.0,
    restate: Sequence[date] = (),
) -> OwnLinks:
    """Link a user's records as of a day.

    Parameters
    ----------
    entries, exits : path or frame
        CSV, Parquet, or a Polars or pandas frame. Without `exits`, the one table has a ``direction``.
    on : datetime.date
        Records of later days, or received later, are not used.
    faces : path, ndarray or polars.DataFrame, optional
        Templates by row (see `faces.with_faces`), or a table of scores by pair (see `scores.read_pairs`).
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
        Columns by which the annual table counts: those of `annual.COLUMNS`.
    least : float
        P(overstay) from which a suspected stay is a lead.
    restate : sequence of datetime.date
        Days as of which the annual table is counted too, by what was known on each.

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
    for day in restate:
        check_day(day, "a day of a restatement")
    if rules not in status.RULES:
        raise SettingsError(f"rules {rules!r}", allowed=" or ".join(status.RULES))
    check_by(by)
    if not 0.0 <= least <= 1.0:
        raise SettingsError(f"least posterior {least}", allowed="a number between 0 and 1")
    given = read_tables(entries, exits, faces=faces, zones=zones, columns=columns)
    if not reject:
        given.faults.refuse()
    as_of = _as_of(given, on, rules, law, given.notes)
    stays, links, later = as_of.stays, as_of.links, as_of.later
    leads = tables.leads_table(stays, links, least)
    variance = _rate_variance(as_of.linked, stays, leads)
    others = [day for day in dict.fromkeys(restate) if day != on]
    annual = [annual_of(stays, by, on)]
    annual += [annual_of(_as_of(given, day, rules, law, []).stays, by, day) for day in others]
    rows = {
        "given": sum(source.given for source in given.sources),
        "judged": len(given.records),
        "rejected": given.faults.rejected(),
        **later,
    }
    return OwnLinks(
        on,
        rules,
        stays,
        leads,
        links,
        pl.concat(annual),
        given.faults.table(),
        expect_false(leads["p_overstay"], variance),
        rows,
        tuple(given.notes),
        {"rate_variance": variance, "unlinked_exits": float(len(as_of.linked.links.residual_exits))},
    )


@dataclass(frozen=True, eq=False)
class _AsOf:
    """Records linked and judged as of a day."""

    linked: Linked
    stays: pl.DataFrame
    links: pl.DataFrame
    later: dict[str, int]


def _as_of(given: ReadRecords, on: date, rules: str, law: FaceCalibrator | None, notes: list[str]) -> _AsOf:
    """Link and judge what was known by a day."""
    observed, later = to_observed(given.records, on, given.templates)
    if not (observed.encounters["direction"] == "entry").any():
        raise TableError(
            f"no entry up to {on} can be judged ({counted(len(given.records), 'record')} read)",
            remedy="give entries, or a later --on",
        )
    linked, judged, person = _linked(observed, given, on, rules, law, notes)
    stays = tables.stays_table(given.records, linked, judged, person)
    frames = [(s.frame, names) for s, names in zip(given.sources, given.carried, strict=True)]
    links = tables.links_table(observed, given.records, linked)
    return _AsOf(linked, tables.carry(stays, frames), links, later)


def _linked(
    observed: Observed,
    given: ReadRecords,
    on: date,
    rules: str,
    law: FaceCalibrator | None,
    notes: list[str],
) -> tuple[Linked, pl.DataFrame, NDArray[np.int64]]:
    """Link and judge; under the European rule stays are judged again once passports are united."""
    records = given.records
    documents = link_documents(observed.encounters, on)
    scorer: PairScorer = score_rows
    if given.scored:
        scorer = scores.scorer_of(records, given.pairs, len(given.sources), documents.stays)
    known = calibrate(observed.encounters, observed.templates, documents, face=law, scorer=scorer)
    person = by_document(observed.encounters)
    first = status.judge(observed, records, documents.stays, on, rules, person)
    last_days = pl.DataFrame(
        {
            "entry_id": documents.stays["entry_id"],
            "last_lawful_day": first["last_lawful_day"],
            "settled": first["status"] == "status_changed",
        }
    )
    linked = link(
        observed,
        on,
        _point(known, observed, notes, column=given.scored and given.pairs is None),
        documents=documents,
        last_days=last_days,
        known=known,
        scorer=scorer,
    )
    faceless = not (observed.encounters["template_row"] >= 0).any()
    notes += [text for text in linked.warnings if not (faceless and "by face" in text)]
    person = person_ids(observed, linked, scorer)
    judged = status.judge(observed, records, linked.links.stays, on, rules, person)
    if rules == "us":
        notes += _waivers(records, judged, linked.links.stays, person)
    unknown = int(judged["last_lawful_day"].is_null().sum())
    if unknown:
        notes.append(
            f"{counted(unknown, 'stay')} with no last lawful day (no permitted_until, and a class that "
            "has no usual period or is not known): never overdue"
        )
    return linked, judged, person


def _waivers(
    records: pl.DataFrame, judged: pl.DataFrame, stays: pl.DataFrame, person: NDArray[np.int64]
) -> list[str]:
    """Say which waiver stays the first admission's date may limit."""
    terms = records.select("class", "permitted_until")[stays["entry_id"]]
    return waiver_again(
        judged.select("entry", "exit").with_columns(
            traveller=pl.Series(person)[stays["entry_row"]],
            admission_class=terms["class"],
            admitted_until=terms["permitted_until"],
        )
    )


def _point(known: Calibration, observed: Observed, notes: list[str], *, column: bool) -> OperatingPoint:
    """Break pairs of one document where the faces speak against them; the whole evidence may restore them."""
    faces = int((observed.encounters["template_row"] >= 0).sum())
    system = System().with_({"linkage.method": "optimum", "linkage.face_check": known.face is not None})
    if known.face is None:
        if column:
            notes.append(
                "face_score compares records of one document only, which does not tell what strangers score: "
                "it was not used; name a --profile, or give scores of other pairs too (--faces PAIRS.csv)"
            )
        elif faces:
            notes.append(
                f"{counted(faces, 'record')} with a face, not used: what a score is worth could not be "
                "learnt (it takes 50 pairs of one document, and 50 that birth dates or sexes tell apart); "
                "name a --profile"
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
