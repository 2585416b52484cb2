"""Where days of a short stay count, and since when: the states of the Schengen area.

The short-stay calculator counts stays in the states that apply the Schengen rules in full [E2]. Croatia has
since 2023-01-01; Bulgaria and Romania since 2024-03-31 at air and sea borders, and since 2025-01-01 at land
borders too. Earlier accessions lie before the rule in its present form (2013-10-18).
"""

from __future__ import annotations

import re
from datetime import date

from biomatch.errors import TableError
from biomatch.overstay.rules.base import FIRST_DAY, nearest

_CROATIA = date(2023, 1, 1)
_AIR_AND_SEA, _LAND = date(2024, 3, 31), date(2025, 1, 1)
_STATES = {
    "AUT": "austria", "BEL": "belgium", "BGR": "bulgaria", "HRV": "croatia", "CZE": "czechia",
    "DNK": "denmark", "EST": "estonia", "FIN": "finland", "FRA": "france", "DEU": "germany", "GRC": "greece",
    "HUN": "hungary", "ISL": "iceland", "ITA": "italy", "LVA": "latvia", "LIE": "liechtenstein",
    "LTU": "lithuania", "LUX": "luxembourg", "MLT": "malta", "NLD": "netherlands", "NOR": "norway",
    "POL": "poland", "PRT": "portugal", "ROU": "romania", "SVK": "slovakia", "SVN": "slovenia",
    "ESP": "spain", "SWE": "sweden", "CHE": "switzerland",
}  # fmt: skip
_TWO = (
    "AT", "BE", "BG", "HR", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IS", "IT", "LV", "LI", "LT",
    "LU", "MT", "NL", "NO", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "CH",
)  # fmt: skip
"""In the order of `_STATES`."""
_OUTSIDE = {
    "IRL": ("IE", "ireland"), "CYP": ("CY", "cyprus"), "GBR": ("GB", "united kingdom"),
    "AND": ("AD", "andorra"), "MNE": ("ME", "montenegro"), "SRB": ("RS", "serbia"), "ALB": ("AL", "albania"),
    "MKD": ("MK", "north macedonia"), "BIH": ("BA", "bosnia and herzegovina"), "UKR": ("UA", "ukraine"),
    "MDA": ("MD", "moldova"), "TUR": ("TR", "turkiye"), "XKX": ("XK", "kosovo"), "GEO": ("GE", "georgia"),
}  # fmt: skip
"""Neighbours whose days do not count. Monaco, San Marino and the Vatican have no checks at their borders."""
_OPEN = {"MC": "FRA", "MCO": "FRA", "monaco": "FRA", "SM": "ITA", "SMR": "ITA", "san marino": "ITA",
         "VA": "ITA", "VAT": "ITA", "vatican": "ITA", "EL": "GRC", "czech republic": "CZE",
         "the netherlands": "NLD"}  # fmt: skip

COUNTS_FROM: dict[str, tuple[date, date]] = {
    code: {"HRV": (_CROATIA, _CROATIA), "BGR": (_AIR_AND_SEA, _LAND), "ROU": (_AIR_AND_SEA, _LAND)}.get(
        code, (FIRST_DAY, FIRST_DAY)
    )
    for code in _STATES
}
"""First day that counts, by air or sea and by land, of each state of the area (ISO 3166, three letters)."""
_READ = {
    **{name: code for code, name in _STATES.items()},
    **{code.lower(): code for code in _STATES},
    **{two.lower(): code for two, code in zip(_TWO, _STATES, strict=True)},
    **{text.lower(): code for text, code in _OPEN.items()},
    **{text.lower(): code for code, (two, name) in _OUTSIDE.items() for text in (code, two, name)},
}


def country_code(text: str) -> str:
    """Read a country: its name, or its code of two or three letters.

    Raises
    ------
    TableError
        For one that is not known here.

    Examples
    --------
    >>> country_code("Bulgaria"), country_code("hr"), country_code("IRL")
    ('BGR', 'HRV', 'IRL')
    """
    plain = re.sub(r"\s+", " ", text.strip().lower())
    if plain in _READ:
        return _READ[plain]
    raise TableError(
        f"country {text!r} is unknown",
        allowed="a state of the Schengen area or a neighbour, by name or by code of two or three letters",
        remedy=nearest(plain, list(_READ)),
    )
