"""What is written of who people are: registered birth dates, and passports of one person that differ.

Where births were not registered, a year is remembered, or a month, and the date becomes its first day. A
second passport is filled in afresh: names are transliterated by other rules, day and month change places, a
digit is wrong, a part is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.portable.types import Ints
from biomatch.settings.scenario import DocumentSettings, Scenario
from biomatch.streams import stream
from biomatch_synthetic.draft import Table
from biomatch_synthetic.people import REGIONS, People

Days = NDArray[np.datetime64]

_STYLES: tuple[Mapping[str, str], ...] = (
    {"CH": "TCH", "SH": "SCH", "OU": "U", "AI": "EI", "IA": "YA", "V": "W", "K": "C", "F": "PH", "Z": "S"},
    {"CH": "C", "SH": "S", "OU": "OO", "AI": "AY", "IA": "IYA", "V": "F", "H": "KH", "I": "Y", "U": "OU"},
)
"""Two other ways to transliterate the syllables of the names (assumed; made up as the names are)."""
SPELLINGS = 1 + len(_STYLES)


def register_births(scenario: Scenario, seed: int, people: People) -> None:
    """Move birth dates to 1 January of their year, or the first of their month, by region of birth.

    Twins are registered alike. Dates only move back, so nobody is younger than was drawn.
    """
    settings = scenario.people
    n = len(people)
    pair = np.where(people.twin >= 0, np.minimum(people.twin, np.arange(n)), np.arange(n))
    drawn = stream(seed, "people.registered").random(n)[pair]
    january, first = (
        np.array([float(shares.get(name, 0.0)) for name in REGIONS])[people.region]  # type: ignore[call-overload]
        for shares in (settings.registered_on_1_january, settings.registered_on_a_first)
    )
    by_month = people.birth.astype("datetime64[M]").astype("datetime64[D]")
    by_year = people.birth.astype("datetime64[Y]").astype("datetime64[D]")
    people.birth = np.where(
        drawn < january, by_year, np.where(drawn < january + first, by_month, people.birth)
    )


def vary(scenario: Scenario, seed: int, documents: Table, rows: Ints, share: float, name: str) -> None:
    """Let some documents differ from what their holder's others say.

    Parameters
    ----------
    documents : Table
        Columns person, birth, issued, spelling, given_unknown; those rows are changed in place.
    rows : ndarray
        Shape (m,), int64.
    share : float
        Factor on every rate of the settings.
    name : str
        Of the random streams.
    """
    settings = scenario.documents
    n = int(documents["person"].max()) + 1 if len(documents) else 0
    person = documents["person"][rows]

    def drawn(what: str) -> NDArray[np.float64]:
        return stream(seed, f"documents.{name}.{what}").random(n)[person]

    spelt = drawn("spelling")
    other = spelt < share * settings.other_spelling
    style = 1 + np.floor(spelt / max(share * settings.other_spelling, 1e-12) * len(_STYLES)).astype(np.int64)
    documents["spelling"][rows[other]] = np.minimum(style[other], SPELLINGS - 1)
    empty = drawn("given") < share * settings.given_name_missing
    documents["given_unknown"][rows[empty]] = True
    documents["birth"][rows] = _other_births(
        settings, documents["birth"][rows], drawn("birth"), drawn("how"), share
    )
    # Nobody is born after a document of theirs was issued: where a digit says so, it is right after all.
    original = np.datetime64(scenario.first_day, "D") + documents["issued"][rows].astype("timedelta64[D]")
    late = documents["birth"][rows] >= original
    back = documents["birth"][rows]
    back[late] = original[late] - np.timedelta64(1, "D")
    documents["birth"][rows] = back


def _other_births(
    settings: DocumentSettings,
    birth: Days,
    drawn: NDArray[np.float64],
    how: NDArray[np.float64],
    share: float,
) -> Days:
    """Exchange day and month, mistype a digit, or leave out the day (or month and day)."""
    year, month, day = _parts(birth)
    steps = np.cumsum(
        [
            share * settings.birth_date_exchanged,
            share * settings.birth_date_digit,
            share * settings.birth_day_missing,
        ]
    )
    kind = np.searchsorted(steps, drawn, side="right")
    exchanged = (kind == 0) & (day <= 12)
    month, day = np.where(exchanged, day, month), np.where(exchanged, month, day)
    # One digit, of the year or of the day, becomes another one; days stay below 29, which every month has.
    slip = np.floor(how * 18).astype(np.int64)
    other = 1 + slip % 9
    of_year = (kind == 1) & (slip < 9)
    year = np.where(of_year, year // 10 * 10 + (year % 10 + other) % 10, year)
    near = day // 10 * 10 + (day % 10 + other) % 10
    of_day = (kind == 1) & (slip >= 9) & (near >= 1) & (near <= 28)
    day = np.where(of_day, near, day)
    unknown = kind == 2
    day = np.where(unknown, 1, day)
    month = np.where(unknown & (how < 0.5), 1, month)
    # 29 February of a year that has none is its first of March.
    moved = _date(year, month, day)
    return np.where(kind > 2, birth, moved)


def _parts(birth: Days) -> tuple[Ints, Ints, Ints]:
    months = birth.astype("datetime64[M]")
    year = birth.astype("datetime64[Y]").astype(np.int64) + 1970
    return year, months.astype(np.int64) % 12 + 1, (birth - months).astype(np.int64) + 1


def _date(year: Ints, month: Ints, day: Ints) -> Days:
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    return np.asarray(months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]"))


def spelt(names: pl.Series, spelling: Ints) -> pl.Series:
    """Transliterate names by the rules of each row's spelling (0: as they are).

    A name that the rules leave as it is gets a final E.
    """
    frame = pl.DataFrame({"name": names, "spelling": spelling})
    result = pl.col("name")
    for number, style in enumerate(_STYLES, start=1):
        other = pl.col("name").str.replace_many(dict(style), leftmost=True)
        other = pl.when(other == pl.col("name")).then(pl.col("name") + "E").otherwise(other)
        result = pl.when(pl.col("spelling") == number).then(other).otherwise(result)
    return frame.select(result.alias("name")).to_series()
