"""``bm.link``: a user's own entries and exits, linked, with the errors that are to be expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from biomatch.errors import SettingsError
from biomatch.evaluation.own.face_law import law_of
from biomatch.files import csv_text
from biomatch.overstay.records.result import OwnLinks
from biomatch.overstay.records.run import Faces, link_records
from biomatch.settings.profile import FaceProfile, load_profile
from biomatch.tables.storage import write_text


def link(
    entries: Any,
    exits: Any = None,
    *,
    on: date | str,
    faces: Faces = None,
    profile: str | Path | FaceProfile | None = None,
    zones: Sequence[str] | Mapping[str, str] | None = None,
    rules: str = "us",
    columns: str | Mapping[str, str] | None = None,
    rejects: str | Path | bool = False,
    by: Sequence[str] = (),
    least: float = 0.0,
    restate: Sequence[date | str] = (),
) -> OwnLinks:
    """Link your own entries and exits as of a day.

    Parameters
    ----------
    entries, exits : path or frame
        CSV or Parquet files, or Polars or pandas frames: a row a crossing. Needed are a document (or a
        person's key) and a date or time; without `exits` also a ``direction``. Everything else sharpens the
        result: name, birth date, sex, nationality, class, permitted until, port, mode, carrier, received at.
        Columns that are not known are carried through.
    on : datetime.date or str
        The day as of which stays are judged; later records are not used.
    faces : path, ndarray or frame, optional
        Templates by row: ``.npz`` with ``entries`` and ``exits``, or ``templates`` of all rows in order. Or
        scores that another matcher gave: a CSV or Parquet file, or frame, of ``entry_row,exit_row,score``.
    profile : str, path or FaceProfile, optional
        The law of face scores; default: learnt from pairs of records that share a document.
    zones : sequence of str or mapping, optional
        Time zones of ports, ``"LAX=America/Los_Angeles"``; a zone alone is every port's.
    rules : str
        ``us``: by class and permitted date; ``eu``: 90 days in any 180 over all passports of a person.
    columns : str or mapping, optional
        ``"document=passport_no,date=crossed"``, where names are not the usual ones.
    rejects : path or bool
        Judge the other rows and list those with faults (a path: in that file); default: refuse them all.
    by : sequence of str
        Columns by which the annual table counts: class, country, mode, port, carrier, sex.
    least : float
        P(overstay) from which a suspected stay is a lead.
    restate : sequence of datetime.date or str
        Days as of which the annual table is counted too: by the records that were known on each.

    Returns
    -------
    OwnLinks
        ``stays``, ``links`` and ``leads`` (Polars frames), ``annual``, ``rejects``,
        ``expected_false_leads`` with its interval, ``sentence``, ``waterfall(link)``, ``write(folder)``.

    Raises
    ------
    TableError
        For tables or rows that cannot be read; names the first five and how many more there are.
    SettingsError
        For an unknown day, zone, profile, rule or column.

    Examples
    --------
    >>> import polars as pl
    >>> entries = pl.DataFrame(
    ...     {"document": ["P1", "P2"], "date": ["2024-01-05", "2024-02-01"], "class": ["B2", "B2"]}
    ... )
    >>> exits = pl.DataFrame({"document": ["P1"], "date": ["2024-01-20"]})
    >>> found = link(entries, exits, on="2024-12-31")
    >>> found.stays.select("document", "exit", "status").rows()[0]
    ('P1', datetime.date(2024, 1, 20), 'compliant')
    >>> found.leads["document"].to_list()
    ['P2']
    """
    law = None
    if profile is not None:
        law = law_of(profile if isinstance(profile, FaceProfile) else load_profile(profile))
    found = link_records(
        entries,
        exits,
        on=_day(on),
        faces=faces,
        law=law,
        zones=zones,
        rules=rules,
        columns=columns,
        reject=rejects is not False,
        by=by,
        least=least,
        restate=[_day(day, "restate") for day in restate],
    )
    if isinstance(rejects, (str, Path)):
        write_text(rejects, csv_text(found.rejects))
    return found


def _day(on: date | str, name: str = "on") -> date:
    if not isinstance(on, str):
        return on
    try:
        return date.fromisoformat(on)
    except ValueError:
        raise SettingsError(f"{name} {on!r}", allowed="an ISO date such as 2026-03-31") from None
