"""Trips of parties: residents leave and return, visitors come and leave."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from biomatch.portable import exponentials, gammas, log1p, poissons
from biomatch.portable.types import Bools, Floats, Ints
from biomatch.settings.scenario import Scenario
from biomatch.streams import stream
from biomatch.tables.observed import CLASSES, MODES
from biomatch_synthetic.itineraries.permission import (
    FAR,
    GRACE_DAYS,
    STATUS_CLASSES,
    add_months,
    last_of_window,
    permission,
)
from biomatch_synthetic.itineraries.shares import LONG_FROM, by_class, class_rates, overstay_shares, seasons
from biomatch_synthetic.people import Parties

RESIDENT = CLASSES.index("RESIDENT")
WITHDRAWN_DAYS = 15
"""Days after an authorised early withdrawal [S13]; for J and M assumed."""
SATISFACTORY_DAYS = 30
"""The most that is granted to waiver travellers [S10]."""
IN_TIME, SHORT, LONG, EXTENDED, ADJUSTED, SATISFACTORY, WITHDRAWN = range(7)
"""What becomes of an admission."""
ROUNDS = 12
"""Journeys of one party at most."""


@dataclass(eq=False)
class Trips:
    """Trips of parties, one entry each; times are days (float) after the first day's midnight.

    Attributes
    ----------
    party, round, admission : ndarray
        Shape (n,), int64: party, number of its trip, place in ``CLASSES``.
    begin, end : ndarray
        Shape (n,), float64: first and second crossing; `end` is inf for those who never leave.
    port_in, port_out : ndarray
        Shape (n,), int64: ports of the first and of the second crossing.
    fate : ndarray
        Shape (n,), int64: ``IN_TIME`` and so on; residents are always in time.
    permitted : ndarray
        Shape (n,), int64: day until which the stay was permitted on entry; FAR: duration of status.
    lawful : ndarray
        Shape (n,), int64: last lawful day in the end; FAR where that is not known in this world.
    programme : ndarray
        Shape (n,), int64: day on which a programme ends (as planned, or early); -1: none.
    filed, granted : ndarray
        Shape (n,), int64: days of filing and of the grant of an extension, or (filed) of an adjustment; -1.
    """

    party: Ints
    round: Ints
    admission: Ints
    begin: Floats
    end: Floats
    port_in: Ints
    port_out: Ints
    fate: Ints
    permitted: Ints
    lawful: Ints
    programme: Ints
    filed: Ints
    granted: Ints

    def __len__(self) -> int:
        return len(self.party)

    def take(self, rows: Ints | Bools) -> Trips:
        """Select trips."""
        return Trips(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def join(cls, parts: list[Trips]) -> Trips:
        """Put parts behind each other."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


def port_modes(scenario: Scenario) -> Ints:
    """Mode of each port, as a place in ``MODES``, in the scenario's order."""
    return np.array([MODES.index(port.mode) for port in scenario.ports.values()], dtype=np.int64)


def make_trips(scenario: Scenario, seed: int, parties: Parties) -> Trips:
    """Draw all trips of all parties, sorted by party and round."""
    days = scenario.days
    party = np.arange(len(parties))
    begin = _starts(scenario, seed, len(parties))
    parts = []
    chance = scenario.traffic.further_journeys * days / 365.25
    more = poissons(stream(seed, "trips.further"), chance, len(parties))
    eu = scenario.stays.law == "eu"
    first, last = np.full((len(parties), ROUNDS), FAR), np.full((len(parties), ROUNDS), -FAR)
    for number in range(ROUNDS):
        allowed = np.full(len(party), FAR)
        if eu:
            day = np.floor(begin).astype(np.int64)
            allowed = last_of_window(day, first[party], last[party])
            # Who has no night left does not set out.
            free = parties.resident[party] | (allowed > day)
            party, begin, allowed = party[free], begin[free], allowed[free]
        if not len(party):
            break
        trips = _one_round(scenario, seed, parties, party, begin, number, allowed)
        parts.append(trips)
        first[party, number] = np.floor(trips.begin).astype(np.int64)
        last[party, number] = np.minimum(np.floor(trips.end), FAR).astype(np.int64)
        gap = 1.0 + scenario.traffic.journey_gap_days * exponentials(
            stream(seed, "trips.gap", number), len(parties)
        )
        again = (more[party] > number) & (trips.end + gap[party] < days)
        begin = (trips.end + gap[party])[again]
        party = party[again]
    trips = Trips.join(parts)
    return trips.take(np.lexsort((trips.round, trips.party)))


def _starts(scenario: Scenario, seed: int, count: int) -> Floats:
    """First crossings over the world's days, with the seasons; the hour follows the port's profile."""
    days = scenario.days
    ladder = np.cumsum(seasons(scenario))
    drawn = stream(seed, "trips.start").random(count)
    day = np.searchsorted(ladder / ladder[-1], drawn, side="right")
    return np.minimum(day, days - 1) + _hours(scenario, seed, "trips.hour", count)


def _hours(scenario: Scenario, seed: int, name: str, count: int, *keys: int) -> Floats:
    """Time of day as a share of the day, by the ports' profile of hours."""
    shares = np.array(scenario.traffic.hour_shares)
    edges = np.concatenate([[0.0], np.cumsum(shares / shares.sum())])
    return np.asarray(np.interp(stream(seed, name, *keys).random(count), edges, np.arange(25) / 24.0))


@dataclass(frozen=True)
class _Draws:
    """Draws of one round: made for all parties, and taken for those who travel in it."""

    seed: int
    number: int
    count: int
    party: Ints

    def uniform(self, name: str) -> Floats:
        return stream(self.seed, f"trips.{name}", self.number).random(self.count)[self.party]

    def exponential(self, name: str) -> Floats:
        return exponentials(stream(self.seed, f"trips.{name}", self.number), self.count)[self.party]


@dataclass(frozen=True, eq=False)
class _Limits:
    """Up to when each stay is lawful; shape (n,), days of the world."""

    permitted: Ints
    lawful: Ints
    programme: Ints
    longer: Ints
    status: Bools  # admitted for the duration of a programme
    grace: Ints


def _one_round(
    scenario: Scenario, seed: int, parties: Parties, party: Ints, begin: Floats, number: int, allowed: Ints
) -> Trips:
    """Draw one trip of each party in `party`, which is lawful up to a day that earlier trips allow.

    Every draw is made for all parties and then selected: who else travels shifts nothing.
    """
    n, count = len(party), len(parties)
    draws = _Draws(seed, number, count, party)
    uniform = draws.uniform
    resident = parties.resident[party]
    mix = by_class(scenario.stays.class_mix)
    admission = np.minimum(
        np.searchsorted(np.cumsum(mix / mix.sum()), uniform("class"), side="right"), len(CLASSES) - 1
    )
    admission = np.where(resident, RESIDENT, admission)
    begin_day = np.floor(begin).astype(np.int64)
    permitted, programme = permission(scenario, admission, begin_day, uniform("programme"))
    means = by_class(scenario.stays.mean_stay_days)
    means[RESIDENT] = scenario.traffic.resident_trip_days
    shape = scenario.stays.stay_shape
    gamma = gammas(stream(seed, "trips.stay", number), shape, count)[party] / shape
    length = np.maximum(means[admission] * gamma, 0.5)

    fate = _fates(scenario, admission, uniform("fate"))
    lawful = np.minimum(permitted, allowed)
    status = programme >= 0
    grace = np.array([GRACE_DAYS.get(name, 0) for name in CLASSES])[admission]
    withdrawn = fate == WITHDRAWN
    early = begin_day + 5 + np.floor((programme - begin_day - 5) * uniform("early")).astype(np.int64)
    programme = np.where(withdrawn & status, np.maximum(early, begin_day + 1), programme)
    lawful = np.where(status, programme + np.where(withdrawn, WITHDRAWN_DAYS, grace), lawful)

    filed, granted = np.full(n, -1), np.full(n, -1)
    extended, adjusted = fate == EXTENDED, fate == ADJUSTED
    before = 3 + np.floor(40 * uniform("filing")).astype(np.int64)
    filing = np.maximum(permitted - before, begin_day + 1)
    filed = np.where(extended | adjusted, filing, filed)
    waited = scenario.stays.extension_wait_days * draws.exponential("grant")
    grant = filing + 10 + waited.astype(np.int64)
    granted = np.where(extended & (grant < scenario.days), grant, granted)
    day_0 = np.datetime64(scenario.first_day, "D")
    longer = add_months(day_0, permitted, scenario.stays.visitor_months)
    lawful = np.where(granted >= 0, longer, lawful)

    limits = _Limits(permitted, lawful, programme, longer, status, grace)
    end = _ends(scenario, draws, fate, begin, length, limits)
    end = np.maximum(end, begin + 0.5)
    hour = stream(seed, "trips.hour_back", number).random(count)[party]
    shares = np.array(scenario.traffic.hour_shares)
    edges = np.concatenate([[0.0], np.cumsum(shares / shares.sum())])
    of_day = np.interp(hour, edges, np.arange(25) / 24.0)
    nights = np.floor(end) > begin_day
    with np.errstate(invalid="ignore"):
        end = np.where(nights, np.floor(end) + of_day, end)
    lawful = np.where(fate == SATISFACTORY, permitted + SATISFACTORY_DAYS, lawful)
    port_in, port_out = _ports(scenario, uniform("mode"), uniform("port"), uniform("same"), uniform("out"))
    return Trips(
        party, np.full(n, number), admission, begin, end, port_in, port_out, fate,
        permitted, lawful, programme, filed, granted,
    )  # fmt: skip


def _ends(
    scenario: Scenario, draws: _Draws, fate: Ints, begin: Floats, length: Floats, limits: _Limits
) -> Floats:
    """Draw when each stay ends, by what becomes of it; before the hour of the day is known."""
    begin_day = np.floor(begin).astype(np.int64)
    permitted, lawful, status = limits.permitted, limits.lawful, limits.status
    within = draws.uniform("within")
    over_short = 1.0 + scenario.stays.short_overstay_days * draws.exponential("over_short")
    leaving = -30.0 / float(log1p(-min(max(scenario.stays.overstayer_leaving, 1e-12), 1 - 1e-9)))
    over_long = LONG_FROM + leaving * draws.exponential("over_long")
    latest = np.where(status, limits.programme + 0.8 * limits.grace, lawful.astype(float))
    # Who would outstay the permission leaves in its last week; students leave when the programme ends.
    in_time = np.where(length < latest - begin_day, begin + length, latest - 7.0 * within)
    in_time = np.where(status, latest - within * np.minimum(0.8 * limits.grace + 10.0, 40.0), in_time)
    return np.select(
        [fate == SHORT, fate == LONG, fate == EXTENDED, fate == ADJUSTED, fate == SATISFACTORY],
        [
            lawful + over_short,
            lawful + over_long,
            permitted + 1.0 + within * np.minimum(170.0, limits.longer - permitted - 5.0),
            np.full(len(fate), np.inf),
            permitted + 1.0 + within * (SATISFACTORY_DAYS - 3.0),
        ],
        in_time,
    )


def _fates(scenario: Scenario, admission: Ints, drawn: Floats) -> Ints:
    """What becomes of each admission, by class; the shares of one class stack up from 0."""
    stays = scenario.stays
    long, short = overstay_shares(scenario)
    names = np.array(CLASSES)
    date = np.isin(names, ("B1", "B2", "VISITOR"))
    visitors = names != "RESIDENT"
    weights = stays.overstay_weights
    shares = [
        (LONG, class_rates(scenario, weights, long)),
        (SHORT, class_rates(scenario, weights, short)),
    ]
    changes = [
        (EXTENDED, np.where(date, stays.extension, 0.0)),
        (ADJUSTED, np.where(date, stays.adjustment, 0.0)),
        (SATISFACTORY, np.where(np.isin(names, ("WT", "WB")), stays.satisfactory_departure, 0.0)),
        (WITHDRAWN, np.where(np.isin(names, STATUS_CLASSES), stays.early_end, 0.0)),
    ]
    if stays.law == "us":  # short stays in the Union are not changed inside
        shares += changes
    fate = np.full(len(admission), IN_TIME)
    top = np.zeros(len(CLASSES))
    for code, share in shares:
        bottom, top = top, top + np.where(visitors, share, 0.0)
        fate[(drawn >= bottom[admission]) & (drawn < top[admission])] = code
    return fate


def _ports(scenario: Scenario, mode: Floats, port: Floats, same: Floats, out: Floats) -> tuple[Ints, Ints]:
    """Ports of both crossings; who does not leave by the port of entry takes another of that mode."""
    modes = port_modes(scenario)
    weights = np.array([entry.weight for entry in scenario.ports.values()])
    shares = np.array([dict[Any, float](scenario.traffic.mode_shares).get(name, 0.0) for name in MODES])
    chosen = np.minimum(np.searchsorted(np.cumsum(shares), mode, side="right"), len(MODES) - 1)
    port_in, port_out = np.zeros(len(mode), np.int64), np.zeros(len(mode), np.int64)
    for code in np.unique(chosen):
        here = np.flatnonzero(modes == code)
        ladder = np.cumsum(weights[here] / weights[here].sum())
        rows = np.flatnonzero(chosen == code)
        top = len(here) - 1
        port_in[rows] = here[np.minimum(np.searchsorted(ladder, port[rows], side="right"), top)]
        port_out[rows] = here[np.minimum(np.searchsorted(ladder, out[rows], side="right"), top)]
    return port_in, np.where(same < scenario.traffic.same_port_exit, port_in, port_out)
