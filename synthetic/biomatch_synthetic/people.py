"""Who exists: parties, kin, twins, sex, region of birth, birth dates, names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from biomatch.portable import normals, power
from biomatch.portable.types import Bools, Floats, Ints
from biomatch.settings.border import Region
from biomatch.settings.scenario import Scenario
from biomatch.streams import stream

ALONE, COUPLE, FAMILY = 0, 1, 2
FIRST_EXTRA_FACE = 1 << 41
"""Face keys of people who make no journey of their own begin here, so that travellers keep theirs."""


@dataclass(eq=False)
class Parties:
    """Who travels together.

    Attributes
    ----------
    first, size, kind : ndarray
        Shape (parties,), int64: row of the first member, members, ``ALONE`` / ``COUPLE`` / ``FAMILY``.
    resident : ndarray
        Shape (parties,), bool.
    """

    first: Ints
    size: Ints
    kind: Ints
    resident: Bools

    def __len__(self) -> int:
        return len(self.first)


@dataclass(eq=False)
class People:
    """Everybody, one entry a person; travellers first, in parties.

    Attributes
    ----------
    party : ndarray
        Shape (n,), int64; -1: makes no journey of their own.
    female, adult, identical : ndarray
        Shape (n,), bool.
    birth : ndarray
        Shape (n,), datetime64[D].
    region : ndarray
        Shape (n,), int64, place in `REGIONS`.
    family, blood : ndarray
        Shape (n,), int64; a family's number, -1: alone. Spouses share a family, not their blood.
    twin : ndarray
        Shape (n,), int64, row of the twin; -1: none.
    face : ndarray
        Shape (n,), int64: the key of the face.
    family_name, given_name : ndarray
        Shape (n,), int64, places in the region's lists of names.
    nationality : ndarray
        Shape (n,), int64, place in `documents.ISSUERS`.
    """

    party: Ints
    female: Bools
    adult: Bools
    identical: Bools
    birth: NDArray[np.datetime64]
    region: Ints
    family: Ints
    blood: Ints
    twin: Ints
    face: Ints
    family_name: Ints
    given_name: Ints
    nationality: Ints

    def __len__(self) -> int:
        return len(self.party)

    def group(self) -> Ints:
        """Number of the demographic group: twice the region, plus 1 for men."""
        return self.region * 2 + ~self.female


REGIONS: tuple[str, ...] = get_args(Region)
NATIONS_A_REGION = 3
"""Nationalities of a region; 0 is the country itself, 1 + 3 * region + k are the others."""
GIVEN_NAMES = 600


def make_parties(scenario: Scenario, seed: int) -> Parties:
    """Draw parties until every traveller has one; the last may be cut short."""
    count, settings = scenario.travellers, scenario.people
    rng = stream(seed, "people.parties")
    kind = rng.choice(3, size=count, p=[settings.alone, settings.couples, settings.families])
    children = 1 + stream(seed, "people.children").choice(
        len(settings.children), size=count, p=settings.children
    )
    parents = np.where(stream(seed, "people.parents").random(count) < 0.8, 2, 1)
    size = np.select([kind == ALONE, kind == COUPLE], [1, 2], parents + children)
    ends = np.cumsum(size)
    number = int(np.searchsorted(ends, count)) + 1
    kind, size, ends = kind[:number], size[:number], ends[:number]
    first = ends - size
    size[-1] = count - first[-1]
    kind = np.where(size == 1, ALONE, kind)
    resident = stream(seed, "people.resident").random(count)[:number] < scenario.traffic.resident_share
    return Parties(first, size, kind, resident)


def make_people(scenario: Scenario, seed: int, parties: Parties, extra_kin: int, extras: int) -> People:
    """Draw everybody.

    Parameters
    ----------
    extra_kin : int
        How many of the extra people are a sibling of some traveller (who may lend or borrow a document).
    extras : int
        People who make no journey of their own: kin, the watchlist, contributors to morphs.
    """
    n, settings = scenario.travellers, scenario.people
    party = np.repeat(np.arange(len(parties)), parties.size)
    place = np.arange(n) - parties.first[party]
    kind, size = parties.kind[party], parties.size[party]
    family_of_two = kind == FAMILY
    parent_two = family_of_two & (place == 1) & (size - 2 >= 1) & _two_parents(parties, seed)[party]
    parent = (place == 0) | parent_two | (kind == COUPLE)
    adult = parent | ~family_of_two
    family = np.where(kind == ALONE, -1, party)
    blood = np.where(family_of_two & ~parent_two, party, -1)

    female = stream(seed, "people.sex").random(n) < settings.women
    spouse = (place == 1) & ((kind == COUPLE) | parent_two)
    same = stream(seed, "people.spouse").random(n) < 0.03  # assumed: couples of one sex
    rows = np.flatnonzero(spouse)
    female[rows] = female[rows - 1] ^ ~same[rows]

    region = _regions(settings.visitor_regions, stream(seed, "people.region"), len(parties))
    at_home = _regions(settings.resident_regions, stream(seed, "people.resident_region"), len(parties))
    region = np.where(parties.resident, at_home, region)[party]
    birth = _births(scenario, seed, parties, party, adult, spouse)
    names = _names(scenario, seed, n)
    family_name = np.where(kind == ALONE, names[0], names[0][parties.first[party]])
    keeps = parent & (place == 1) & (stream(seed, "people.maiden").random(n) < 0.35)  # assumed
    family_name = np.where(keeps, names[0], family_name)
    nation = stream(seed, "people.nationality").integers(0, NATIONS_A_REGION, len(parties))[party]
    nationality = np.where(parties.resident[party], 0, 1 + region * NATIONS_A_REGION + nation)
    people = People(
        party, female, adult, np.zeros(n, np.bool_), birth, region, family, blood,
        np.full(n, -1), np.arange(n), family_name, names[1], nationality,
    )  # fmt: skip
    _pair_up(scenario, seed, parties, people, place, size)
    return _with_extras(scenario, seed, people, extra_kin, extras)


def _two_parents(parties: Parties, seed: int) -> Bools:
    return stream(seed, "people.second_parent").random(len(parties)) < 0.85  # assumed


def _regions(shares: Mapping[Any, float], rng: np.random.Generator, count: int) -> Ints:
    p = np.array([shares.get(name, 0.0) for name in REGIONS])
    return np.asarray(rng.choice(len(REGIONS), size=count, p=p / p.sum()), dtype=np.int64)


def _births(
    scenario: Scenario, seed: int, parties: Parties, party: Ints, adult: Bools, spouse: Bools
) -> NDArray[np.datetime64]:
    """Birth dates: adults about the mean age, spouses alike, children younger than their parents."""
    settings, n = scenario.people, len(party)
    rng = stream(seed, "people.age")
    age = _folded(settings.adult_age_mean + settings.adult_age_sd * normals(rng, n), 18.0, 88.0)
    with_children = (parties.kind == FAMILY)[party]
    parents_age = 24.0 + 26.0 * stream(seed, "people.parents_age").random(n)
    age = np.where(with_children & adult, parents_age, age)
    lead = age[parties.first[party]]
    near = lead + 3.0 * normals(stream(seed, "people.spouse_age"), n)
    age = np.where(spouse, _folded(near, 18.0, 90.0), age)
    young = stream(seed, "people.child_age").random(n) * np.minimum(17.9, np.maximum(lead - 20.0, 0.5))
    age = np.where(adult, age, young)
    origin = np.datetime64(scenario.first_day, "D")
    return origin - (age * 365.25).astype(np.int64).astype("timedelta64[D]")


def _folded(age: Floats, low: float, high: float) -> Floats:
    """Fold ages back at both bounds: cut off there, one in twenty adults would share a birth date."""
    age = np.where(age < low, 2 * low - age, age)
    return np.asarray(np.clip(np.where(age > high, 2 * high - age, age), low, high))


def _names(scenario: Scenario, seed: int, n: int) -> tuple[Ints, Ints]:
    settings = scenario.documents
    weights = power(np.arange(1, settings.family_names + 1), -settings.name_exponent)
    ladder = np.cumsum(weights / weights.sum())
    drawn = stream(seed, "people.family_name").random(n)
    family = np.minimum(np.searchsorted(ladder, drawn), settings.family_names - 1)
    weights = power(np.arange(1, GIVEN_NAMES + 1), -settings.name_exponent)
    ladder = np.cumsum(weights / weights.sum())
    drawn = stream(seed, "people.given_name").random(n)
    return family, np.minimum(np.searchsorted(ladder, drawn), GIVEN_NAMES - 1)


def _pair_up(
    scenario: Scenario, seed: int, parties: Parties, people: People, place: Ints, size: Ints
) -> None:
    """Make siblings who travel apart, and twins: among the children of a family, and among the apart."""
    settings, n = scenario.people, len(people)
    lone = np.flatnonzero(parties.kind == ALONE)
    couples: NDArray[Any] = lone[: len(lone) // 2 * 2].reshape(-1, 2)
    couples = couples[parties.resident[couples[:, 0]] == parties.resident[couples[:, 1]]]
    pairs = parties.first[couples]
    chance = stream(seed, "people.apart").random(len(pairs))
    # Twins who travel apart come out of the same pairs, so these must suffice for both.
    child = people.adult == 0
    last_two = np.flatnonzero(child & (place == size - 1) & np.roll(child, 1) & (place > 0))
    wanted = settings.twin_births * n / 2.0
    eligible = len(last_two) + len(pairs)
    share = min(1.0, wanted / eligible) if eligible else 0.0
    twins_apart = chance < share
    siblings = twins_apart | (chance < share + settings.siblings_apart)
    in_family = last_two[stream(seed, "people.twins").random(len(last_two)) < share]

    a, b = pairs[siblings].T
    number = len(parties) + np.arange(len(a))
    for rows in (a, b):
        people.family[rows] = number
        people.blood[rows] = number
    people.region[b], people.nationality[b] = people.region[a], people.nationality[a]
    people.family_name[b] = people.family_name[a]
    gap = stream(seed, "people.sibling_gap").integers(400, 3000, len(a))
    people.birth[b] = people.birth[a] - gap.astype("timedelta64[D]")

    one = np.concatenate([pairs[twins_apart][:, 0], in_family - 1])
    two = np.concatenate([pairs[twins_apart][:, 1], in_family])
    people.twin[one], people.twin[two] = two, one
    people.birth[two] = people.birth[one]
    ratio = settings.identical_births / settings.twin_births if settings.twin_births else 0.0
    identical = stream(seed, "people.identical").random(len(one)) < ratio
    for rows in (one, two):
        people.identical[rows[identical]] = True
    people.female[two[identical]] = people.female[one[identical]]


def _with_extras(scenario: Scenario, seed: int, people: People, extra_kin: int, extras: int) -> People:
    """Append people who make no journey of their own; the first `extra_kin` are travellers' siblings."""
    n = len(people)
    rng = stream(seed, "people.extras")
    model = rng.integers(0, n, extras)  # whom each is like in region, names and age
    kin = np.arange(extras) < min(extra_kin, extras)
    host = np.where(kin, model, -1)
    # A sibling joins the host's blood; hosts without one get one of their own.
    fresh = np.unique(host[kin & (people.blood[model] < 0)])
    number = 2 * n + np.arange(len(fresh))
    people.blood[fresh] = number
    lonely = fresh[people.family[fresh] < 0]
    people.family[lonely] = people.blood[lonely]
    age_gap = rng.integers(-3000, 3000, extras).astype("timedelta64[D]")
    birth = people.birth[model] + age_gap
    adult_by = np.datetime64(date(scenario.first_day.year - 18, 1, 1), "D")
    birth = np.where(birth > adult_by, adult_by - (birth - adult_by), birth)

    def more(values: NDArray[Any], added: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([values, added.astype(values.dtype)])

    return People(
        party=more(people.party, np.full(extras, -1)),
        female=more(people.female, np.where(kin, people.female[model], rng.random(extras) < 0.5)),
        adult=more(people.adult, np.ones(extras, np.bool_)),
        identical=more(people.identical, np.zeros(extras, np.bool_)),
        birth=more(people.birth, birth),
        region=more(people.region, people.region[model]),
        family=more(people.family, np.where(kin, people.family[model], -1)),
        blood=more(people.blood, np.where(kin, people.blood[model], -1)),
        twin=more(people.twin, np.full(extras, -1)),
        face=more(people.face, FIRST_EXTRA_FACE + np.arange(extras)),
        family_name=more(people.family_name, people.family_name[model]),
        given_name=more(people.given_name, rng.integers(0, GIVEN_NAMES, extras)),
        nationality=more(people.nationality, people.nationality[model]),
    )
