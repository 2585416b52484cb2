"""Which column of a user's table is what: usual names, and names that the user gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from biomatch.errors import SettingsError, TableError
from biomatch.overstay.rules.base import nearest

USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "document": (
        "document_number", "doc", "doc_number", "passport", "passport_number", "passport_no",
        "travel_document", "travel_document_number", "number", "person_key",
    ),
    "date": (
        "time", "datetime", "timestamp", "event_time", "event_date", "crossing_date", "crossing_time",
        "entry_date", "exit_date", "entry_time", "exit_time", "arrival_date", "departure_date", "arrival",
        "departure", "entered_on", "left_on", "local_time", "when",
    ),
    "direction": ("event", "movement_type", "crossing", "entry_exit", "in_out"),
    "person": ("person_id", "traveller", "traveler", "traveller_id", "subject", "uin", "fin"),
    "issuer": ("document_issuer", "issuing_country", "issuing_state", "issued_by"),
    "name": ("full_name", "claimed_name", "holder_name", "traveller_name", "passenger_name"),
    "family": ("family_name", "surname", "last_name", "primary_identifier"),
    "given": ("given_name", "given_names", "first_name", "forename", "secondary_identifier"),
    "birth_date": ("date_of_birth", "dob", "born", "birthdate", "birthday"),
    "sex": ("gender",),
    "nationality": ("country", "citizenship", "country_of_citizenship", "nation"),
    "class": ("admission_class", "class_of_admission", "visa_class", "coa", "visa_type"),
    "permitted_until": (
        "admitted_until", "admit_until", "admit_until_date", "authorised_until", "authorized_until",
        "due_date", "last_lawful_day",
    ),
    "port": ("port_of_entry", "poe", "port_code", "border_crossing_point", "airport", "port_of_exit"),
    "mode": ("mode_of_travel", "travel_mode", "transport"),
    "carrier": ("airline", "vessel", "carrier_code"),
    "received_at": ("received", "recorded_at", "received_on", "record_received"),
    "source": ("recorded_by",),
    "template_row": ("template", "face_row"),
    "face_score": ("verification_score", "similarity_score", "match_score"),
    "quality": ("face_quality", "sample_quality"),
    "programme_end": ("program_end", "programme_end_date", "program_end_date"),
    "extension_filed_on": ("extension_filed",),
    "extension_decision": ("extension_outcome",),
    "extension_decided_on": ("extension_decided",),
    "extended_until": ("extension_granted_until",),
    "adjusted_on": ("adjusted", "adjustment_date"),
    "satisfactory_departure_until": ("satisfactory_departure",),
}  # fmt: skip
"""Each column that `link` understands, and other names by which it is known without being told."""
COLUMNS = tuple(USUAL_NAMES)
ALWAYS = ("date",)
"""Columns without which nothing can be done; beside them either ``document`` or ``person``."""
_BY_NAME = {plain: name for name, others in USUAL_NAMES.items() for plain in (name, *others)}


@dataclass(frozen=True)
class ColumnPlan:
    """What each column of one table stands for.

    Attributes
    ----------
    read : mapping of str to str
        Name in `COLUMNS` -> the table's own column.
    carried : tuple of str
        Columns that are carried through as they are.
    """

    read: Mapping[str, str]
    carried: tuple[str, ...]


def plain_name(name: str) -> str:
    """Give a column's name in lower case with underscores.

    Examples
    --------
    >>> plain_name(" Date of Birth ")
    'date_of_birth'
    """
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")


def parse_columns(text: str | Mapping[str, str] | None) -> dict[str, str]:
    """Read what a user says about columns: ``document=passport_no,date=crossed``.

    Parameters
    ----------
    text : str, mapping or None
        Pairs of a name in `COLUMNS` and the table's own.

    Raises
    ------
    SettingsError
        For an unknown name, or a pair without ``=``.

    Examples
    --------
    >>> parse_columns("document=pass no, date=crossed")
    {'document': 'pass no', 'date': 'crossed'}
    """
    if text is None:
        return {}
    if isinstance(text, str):
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        for name, mark, own in pairs:
            if not mark or not own.strip():
                raise SettingsError(
                    f"--columns {name.strip()!r}", allowed="pairs such as document=passport_no,date=crossed"
                )
        given = {name.strip(): own.strip() for name, _, own in pairs}
    else:
        given = dict(text)
    for name in given:
        if name not in COLUMNS:
            raise SettingsError(
                f"columns: {name!r} is no column that link reads",
                allowed=", ".join(COLUMNS),
                remedy=nearest(name, list(COLUMNS)),
            )
    return given


def plan_columns(
    names: Sequence[str], where: str, said: Mapping[str, str], *, directed: bool = False
) -> ColumnPlan:
    """Say what each column of a table stands for.

    Parameters
    ----------
    names : sequence of str
        The table's columns.
    where : str
        The table's name, for messages.
    said : mapping of str to str
        From `parse_columns`; columns that this table lacks are left to the other table.
    directed : bool
        Whether the table needs a ``direction``.

    Raises
    ------
    TableError
        Where a needed column is missing, or two columns are known by one name.
    """
    read: dict[str, str] = {}
    for name, own in said.items():
        match = [column for column in names if column == own or plain_name(column) == plain_name(own)]
        if match:
            read[name] = match[0]
    taken = set(read.values())
    candidates: dict[str, list[str]] = {}
    for column in names:
        known = _BY_NAME.get(plain_name(column))
        if column not in taken and known is not None and known not in read:
            candidates.setdefault(known, []).append(column)
    for known, found in candidates.items():
        exact = [column for column in found if plain_name(column) == known]
        if len(found) > 1 and len(exact) != 1:
            raise TableError(
                f"{where}: {' and '.join(repr(column) for column in found)} may both be the {known}",
                remedy=f"say which with --columns {known}={found[0]}",
            )
        read[known] = exact[0] if exact else found[0]
    missing = [name for name in (*ALWAYS, *(("direction",) if directed else ())) if name not in read]
    if "document" not in read and "person" not in read:
        missing.insert(0, "document")
    if missing:
        raise TableError(
            f"{where}: no column is the {missing[0]} (it has {', '.join(names) or 'none'})",
            allowed=", ".join((missing[0], *USUAL_NAMES[missing[0]])),
            remedy=f"rename it, or say --columns {missing[0]}=NAME",
        )
    used = set(read.values())
    return ColumnPlan(read, tuple(column for column in names if column not in used))
