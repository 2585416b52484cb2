"""Classes of admission to the United States: how long each may stay, and what each may ask for.

Sources by key: S6, S13, S14 grace of students and exchange visitors; S10, S12 visa waiver; S11 visitors;
S15 petition classes. What no source states is marked *assumed*.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from biomatch.errors import TableError
from biomatch.overstay.rules.base import nearest


class Admission(Enum):
    """How the last lawful day of a class is set."""

    DATE = "a date on the I-94, and nothing else tells it"
    PERIOD = "a date on the I-94; where it is missing, the usual period counts from the day of entry"
    STATUS = "duration of status: the end of the programme, and a grace"


@dataclass(frozen=True)
class AdmissionClass:
    """One class of admission.

    Attributes
    ----------
    code : str
        As in biomatch's tables: capitals without a hyphen (``"B2"``).
    admission : Admission
        How its last lawful day is set.
    months, days : int
        The usual period (calendar months, or days with the day of entry as the first); 0: none.
    grace_days : int
        Days after the end of the programme.
    withdrawn_days : int
        The same after an authorised early withdrawal; termination for a violation leaves none.
    may_extend : bool
        Whether a timely filing (extension or change of status) keeps a stay lawful.
    is_waiver : bool
        Whether satisfactory departure can be granted.
    """

    code: str
    admission: Admission
    months: int = 0
    days: int = 0
    grace_days: int = 0
    withdrawn_days: int = 0
    may_extend: bool = True
    is_waiver: bool = False


def _table() -> tuple[AdmissionClass, ...]:
    date, period, status = Admission.DATE, Admission.PERIOD, Admission.STATUS
    made = [
        AdmissionClass("WT", period, days=90, may_extend=False, is_waiver=True),  # S10, S12
        AdmissionClass("WB", period, days=90, may_extend=False, is_waiver=True),
        AdmissionClass("B1", date),  # S11: by purpose, up to a year
        AdmissionClass("B2", period, months=6),  # S11: six months at least
        AdmissionClass("VISITOR", period, months=6),  # Canadian visitors without an I-94: assumed
    ]
    # S6, S13, S14. Early withdrawal: 15 days are known for F-1 and assumed for J and M.
    made += [AdmissionClass(c, status, grace_days=60, withdrawn_days=15) for c in ("F1", "F2", "F3")]
    made += [AdmissionClass(c, status, grace_days=30, withdrawn_days=15) for c in ("J1", "J2")]
    made += [AdmissionClass(c, status, grace_days=30, withdrawn_days=15) for c in ("M1", "M2", "M3")]
    made += [AdmissionClass(c, status) for c in ("A1", "A2", "A3", "G1", "G2", "G3", "G4", "G5", "I")]
    # 29 days: assumed (table 1.2); no extension: the same table.
    made += [
        AdmissionClass(c, period, days=29, may_extend=False) for c in ("C1", "C2", "C3", "D", "D1", "D2")
    ]
    made += [AdmissionClass(c, date, may_extend=False) for c in ("GMB", "GMT", "GB", "GT", "K1", "K2")]
    # S15: the petition's validity, with up to 10 days each side, as the I-94 shows it.
    petition = "E1 E2 E3 H1B H1B1 H2A H2B H3 H4 L1 L2 O1 O2 O3 P1 P2 P3 P4 Q1 R1 R2 TN TD CW1 CW2"
    made += [AdmissionClass(c, date) for c in petition.split()]
    # Business and pleasure in one admission, as the annual report counts them: the pleasure part's period.
    made.append(AdmissionClass("B1B2", period, months=6))
    # Parole and temporary protected status are limited by a date; a timely filing keeps them too (assumed).
    others = "K3 K4 K T1 T2 T3 T4 T5 T6 T U1 U2 U3 U4 U5 U V1 V2 V3 V S5 S6 S7 N8 N9 H1C H2R Q2 Q3 PAR TPS"
    made += [AdmissionClass(c, date) for c in others.split()]
    made += [AdmissionClass(f"NATO{n}", status) for n in range(1, 8)]
    # A class that is not known here: only a date tells how long it may stay.
    made.append(AdmissionClass("OTHER", status))
    return tuple(made)


CLASSES = _table()
CODES = tuple(entry.code for entry in CLASSES)
STATUS_CODES = tuple(entry.code for entry in CLASSES if entry.grace_days)
"""Classes that are admitted for duration of status and whose programmes end: students, exchange visitors."""
BY_CODE = {entry.code: entry for entry in CLASSES}
_ALIASES = {
    "VWP": "WT",
    "PAROLE": "PAR",
    "PAROLEE": "PAR",
    "DT": "PAR",
    "B12": "B1B2",
    "WAIVER": "WT",
    "TN1": "TN",
    "TN2": "TN",
    "L1A": "L1",
    "L1B": "L1",
    "O1A": "O1",
    "O1B": "O1",
}
_RESIDENTS = ("RESIDENT", "LPR", "USC", "PERMANENTRESIDENT", "CITIZEN")


def class_code(text: str) -> str:
    """Read a class of admission in any common spelling.

    Parameters
    ----------
    text : str
        For example ``"B-2"``, ``"b2"``, ``"H-1B"``, ``"WT"`` or ``"F 1"``.

    Returns
    -------
    str
        The code as in `CODES`.

    Raises
    ------
    TableError
        For an unknown class, with the nearest known one; for residents, who owe no departure.

    Examples
    --------
    >>> class_code("h-1b"), class_code("B-2")
    ('H1B', 'B2')
    """
    plain = re.sub(r"[\s\-_./]", "", text).upper()
    code = _ALIASES.get(plain, plain)
    if code in BY_CODE:
        return code
    if plain in _RESIDENTS:
        raise TableError(
            f"class {text!r} owes no departure",
            allowed="nonimmigrant classes of admission",
            remedy="leave residents and citizens out",
        )
    raise TableError(
        f"class {text!r} is unknown",
        allowed="classes of admission such as B2, WT, F1, J1, H1B (B-2, f-1 and the like are read too)",
        remedy=nearest(code, list(CODES)),
    )
