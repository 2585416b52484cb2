"""Passports, renewals, second passports, changed names, visas, and what is printed in them."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.portable import exponentials
from biomatch.portable.types import Ints
from biomatch.streams import stream
from biomatch.tables.observed import CLASSES
from biomatch_synthetic.draft import PASSPORT, VISA, Draft, Table
from biomatch_synthetic.identities import spelt, vary
from biomatch_synthetic.itineraries.trips import RESIDENT
from biomatch_synthetic.people import GIVEN_NAMES, NATIONS_A_REGION, REGIONS

ISSUERS = (
    "XZZ",
    *(f"X{chr(65 + region)}{chr(65 + k)}" for region in range(len(REGIONS)) for k in range(NATIONS_A_REGION)),
)
"""Codes of countries, from the range that ISO 3166 leaves to users; the first is the country itself."""
HOME = 0
NO_VISA = ("WT", "WB", "VISITOR", "RESIDENT")
_NUMBER_BITS = 31


def make_documents(draft: Draft) -> None:
    """Give everybody documents; fills `draft.documents` and who holds which."""
    people, scenario, seed = draft.people, draft.scenario, draft.seed
    settings, n = scenario.documents, len(people)
    everyone = np.arange(n)

    def uniform(name: str) -> NDArray[np.float64]:
        return stream(seed, f"documents.{name}").random(n)

    years = np.where(people.adult, settings.passport_years, settings.child_passport_years)
    # The passport is valid on every day of the world, but for renewals below.
    slack = np.maximum(years * 365.25 - scenario.days, 30.0)
    issued = -np.floor(uniform("issued") * slack).astype(np.int64) - 1
    born = (people.birth - np.datetime64(scenario.first_day, "D")).astype(np.int64)
    issued = np.maximum(issued, born + 1)
    renewed = np.full(n, -(10**6))
    renews = uniform("renews") < settings.renewals_a_year * scenario.days / 365.25
    renewal_day = np.floor(uniform("renewal_day") * scenario.days).astype(np.int64)
    renewed[renews] = renewal_day[renews]
    issued = np.where(renews, renewal_day, issued)
    photo = uniform("photo") >= settings.photo_missing
    base = {
        "person": everyone,
        "second": np.full(n, -1),
        "kind": np.full(n, PASSPORT),
        "issuer": people.nationality.copy(),
        "region": people.region.copy(),
        "family_name": people.family_name.copy(),
        "given_name": people.given_name.copy(),
        "birth": people.birth.copy(),
        "female": people.female.copy(),
        "nationality": people.nationality.copy(),
        "issued": issued,
        "expires": issued + (years * 365.25).astype(np.int64),
        "photo": photo,
        "spelling": np.zeros(n, np.int64),
        "given_unknown": np.zeros(n, np.bool_),
    }
    draft.documents = documents = Table(base)
    draft.passport = everyone.copy()
    draft.renewed = renewed

    draft.old_passport = np.full(n, -1)
    rows = np.flatnonzero(renews)
    lifetime = (years[rows] * 365.25).astype(np.int64)
    old_issued = np.maximum(renewal_day[rows] - lifetime + 60, born[rows] + 1)
    draft.old_passport[rows] = documents.copy_rows(rows, issued=old_issued, expires=old_issued + lifetime)
    share = settings.differences_at_renewal
    vary(scenario, seed, documents, draft.old_passport[rows], share, "renewal")
    changes = renews & (uniform("changed_name") < settings.changed_names)
    new_names = stream(seed, "documents.new_name").integers(0, settings.family_names, n)
    documents["family_name"][np.flatnonzero(changes)] = new_names[changes]

    draft.second_passport = np.full(n, -1)
    visitor = ~(people.nationality == HOME)
    rows = np.flatnonzero(visitor & (uniform("second") < settings.second_passports))
    abroad = stream(seed, "documents.second_issuer").integers(0, len(ISSUERS) - 2, n)[rows] + 1
    abroad += abroad >= people.nationality[rows]
    draft.second_passport[rows] = documents.copy_rows(
        rows, issuer=abroad, nationality=abroad,
        issued=np.maximum(-np.floor(uniform("second_issued")[rows] * slack[rows]).astype(np.int64) - 1,
                          born[rows] + 1),
        expires=10**4, photo=True,
    )  # fmt: skip
    documents["expires"][draft.second_passport[rows]] = documents["issued"][draft.second_passport[rows]] + (
        years[rows] * 365.25
    ).astype(np.int64)
    vary(scenario, seed, documents, draft.second_passport[rows], 1.0, "second")
    _add_visas(draft)


def _add_visas(draft: Draft) -> None:
    """Give a visa, with a photo of its own, to visitors of classes that need one."""
    trips, people, n = draft.trips, draft.people, len(draft.people)
    needs = ~np.isin(np.array(CLASSES)[trips.admission], NO_VISA) & (trips.admission != RESIDENT)
    first = trips.round == 0
    by_party = np.zeros(len(draft.parties), np.bool_)
    by_party[trips.party[needs & first]] = True
    entry = np.full(len(draft.parties), draft.scenario.days)
    entry[trips.party[first]] = np.floor(trips.begin[first]).astype(np.int64)
    rows = np.flatnonzero((people.party >= 0) & by_party[np.maximum(people.party, 0)])
    age = 500.0 * exponentials(stream(draft.seed, "documents.visa_age"), n)[rows]  # assumed: days
    issued = entry[people.party[rows]] - 7 - np.minimum(age, 3300.0).astype(np.int64)
    born = (people.birth[rows] - np.datetime64(draft.scenario.first_day, "D")).astype(np.int64)
    issued = np.maximum(issued, born + 1)
    draft.documents.copy_rows(
        draft.passport[rows], kind=VISA, issuer=HOME, issued=issued, expires=issued + 3652, photo=True
    )


def document_at(draft: Draft, person: Ints, day: NDArray[np.float64]) -> Ints:
    """Give the passport that each person carries from a journey's beginning."""
    old = draft.old_passport[person]
    return np.where((old >= 0) & (day < draft.renewed[person]), old, draft.passport[person])


def numbers(seed: int, index: Ints, slips: Ints | None = None) -> pl.Series:
    """Print document numbers: a secret one-to-one map of the index, so that they say nothing.

    Parameters
    ----------
    index : ndarray
        Shape (n,), int64: rows of the documents, below 2**31.
    slips : ndarray, optional
        Shape (n,), int64: 0 prints the number; any other value mistypes one digit of it.

    Returns
    -------
    polars.Series
        A letter and eight digits.
    """
    mask = np.uint64((1 << _NUMBER_BITS) - 1)
    keys = stream(seed, "documents.numbers").integers(0, 1 << _NUMBER_BITS, 4, dtype=np.uint64)
    x = (index.astype(np.uint64) ^ keys[0]) & mask
    for turn in range(1, 4):  # each step can be undone, so no two indices meet
        x ^= x >> np.uint64(15)
        x = (x * (keys[turn] | np.uint64(1))) & mask
        x ^= x >> np.uint64(13)
        x = (x * np.uint64(0x5851F42D)) & mask
        x ^= x >> np.uint64(16)
    value = x.astype(np.int64)
    if slips is not None:
        tens = np.power(np.int64(10), slips % 8)
        digit = value // tens % 10
        wrong = (digit + 1 + slips // 8 % 9) % 10
        value = np.where(slips > 0, value + (wrong - digit) * tens, value)
    letter = pl.Series([chr(65 + k) for k in range(26)]).gather(value // 10**8)
    digits = pl.Series(value % 10**8).cast(pl.String).str.zfill(8)
    return letter + digits


_ONSETS = ("B", "D", "F", "G", "H", "K", "L", "M", "N", "P", "R", "S", "T", "V", "Z", "CH", "SH", "TR", "ST")
_VOWELS = ("A", "E", "I", "O", "U", "AI", "OU", "IA")
_ENDINGS = (
    ("OV", "SKI", "EK", "IC"),
    ("ER", "MAN", "TON", "EAU"),
    ("SON", "LEY", "FORD", "WELL"),
    ("EZ", "OS", "ADO", "INA"),
    ("I", "AN", "OUR", "AD"),
    ("U", "ERE", "ALE", "ISA"),
    ("O", "BA", "YE", "KWE"),
    ("ESH", "AR", "ANI", "UR"),
    ("NG", "N", "TO", "MI"),
)


@cache
def vocabulary(region: int, count: int, *, given: bool) -> tuple[str, ...]:
    """List the names of a region, the most frequent first: syllables in a fixed, shuffled order."""
    syllables = [onset + vowel for onset in _ONSETS for vowel in _VOWELS]
    endings = _ENDINGS[region]
    order = stream(0, "documents.vocabulary", region, int(given)).permutation(len(syllables) ** 2)
    names: dict[str, None] = {}
    for code in order:
        first, second = divmod(int(code), len(syllables))
        ending = ("A", "IN", "E", "US")[code % 4] if given else endings[code % 4]
        names[f"{syllables[first]}{syllables[second][: 1 if given else None]}{ending}"] = None
        if len(names) >= count:
            break
    return tuple(names)


def printed_names(draft: Draft, rows: Ints) -> pl.Series:
    """Print holders' names as documents do: family name, a comma, the given name (which may be empty)."""
    documents, size = draft.documents, draft.scenario.documents.family_names
    surnames, forenames = [], []
    for region in range(len(REGIONS)):
        listed = vocabulary(region, size, given=False)
        surnames += [listed[k % len(listed)] for k in range(size)]
        called = vocabulary(region, 2 * GIVEN_NAMES, given=True)
        forenames += [called[k % len(called)] for k in range(2 * GIVEN_NAMES)]
    of_region = documents["region"][rows]
    family = pl.Series(surnames).gather(of_region * size + documents["family_name"][rows])
    place = documents["given_name"][rows] * 2 + documents["female"][rows]
    given = pl.Series(forenames).gather(of_region * 2 * GIVEN_NAMES + place)
    spelling, unknown = documents["spelling"][rows], pl.Series(documents["given_unknown"][rows])
    family, given = spelt(family, spelling), spelt(given, spelling)
    frame = pl.DataFrame({"family": family, "given": given, "unknown": unknown})
    shown = pl.when("unknown").then(pl.lit("")).otherwise(pl.col("given"))
    return frame.select(pl.col("family") + ", " + shown).to_series()
