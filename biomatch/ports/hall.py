"""The hall: gate, desk, secondary. Outcomes follow from each person's draws and the rates of a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from biomatch import checks
from biomatch.errors import SettingsError
from biomatch.portable.types import Bools, Floats, Ints
from biomatch.ports.arrivals import HOUR, Crowd
from biomatch.ports.engine import serve, serve_classes
from biomatch.ports.rosters import SECONDARY, Roster, hosts
from biomatch.settings.port import Port
from biomatch.streams import stream


@dataclass(frozen=True)
class ErrorRates:
    """The rates at which a matcher errs at one threshold.

    Attributes
    ----------
    fnir : float
        Share of mated searches without a match, in [0, 1].
    fpir : float
        Share of non-mated searches with an alarm, for each gallery that is searched.
    fta : float
        Share of travellers of whom no usable image is captured, in all attempts together.
    """

    fnir: float
    fpir: float
    fta: float

    def __post_init__(self) -> None:
        for name in ("fnir", "fpir", "fta"):
            checks.share(getattr(self, name), name, error=SettingsError)


@dataclass(frozen=True)
class Bank:
    """How one bank of booths was used.

    Attributes
    ----------
    name : str
        Lane that has the booths, or ``"secondary"``.
    work_hours, booth_hours : float
        Booth-hours of work brought, and of open booths inside the counted hours.
    staffed : bool
        Whether its booths need officers.
    unserved : int
        People whom no booth took.
    """

    name: str
    work_hours: float
    booth_hours: float
    staffed: bool
    unserved: int

    @property
    def busy(self) -> float:
        """Work brought by open booth; above 1 the queue only grows."""
        return self.work_hours / self.booth_hours if self.booth_hours else np.inf

    @property
    def holds(self) -> bool:
        """Whether the staff can do the work: otherwise waits have no meaning, they grow with the days."""
        return self.unserved == 0 and self.busy <= 1.0


@dataclass(frozen=True)
class Flow:
    """What became of a crowd at one set of rates. Arrays of shape (n,) in the crowd's order.

    Attributes
    ----------
    crowd : Crowd
        The people.
    queued : ndarray of float64
        Seconds in queues at primary (a gate's and a desk's).
    started : ndarray of float64
        When the last primary service began; +inf where it never did.
    cleared : ndarray of float64
        When primary let the person go.
    left : ndarray of float64
        When secondary did, or primary where there was none.
    at_gate, at_desk, checked, to_secondary : ndarray of bool
        Which stations the person met; `checked`: an officer settled the identity by hand.
    alarmed, sought_alarmed : ndarray of bool
        False alarms; people on the watchlist who raised one.
    desk_arrival, desk_start : ndarray of float64
        At the desk; NaN for those who met none.
    secondary_wait : ndarray of float64
        Seconds; of those in secondary, in the order of `secondary_of`.
    secondary_of : ndarray of int64
        Who they are.
    banks : tuple of Bank
    """

    crowd: Crowd
    queued: Floats
    started: Floats
    cleared: Floats
    left: Floats
    at_gate: Bools
    at_desk: Bools
    checked: Bools
    to_secondary: Bools
    alarmed: Bools
    sought_alarmed: Bools
    desk_arrival: Floats
    desk_start: Floats
    secondary_wait: Floats
    secondary_of: Ints
    banks: tuple[Bank, ...]

    @property
    def holds(self) -> bool:
        """Whether every bank can do its work."""
        return all(bank.holds for bank in self.banks)


@dataclass(frozen=True)
class Gates:
    """The gate stage, which no threshold moves: arrival at the desk of everybody, and queueing before it."""

    ends: Floats
    starts: Floats
    queued: Floats
    extra: Floats
    banks: tuple[Bank, ...]
    fta: float


def gates(port: Port, crowd: Crowd, plan: dict[str, Roster], fta: float) -> Gates:
    """Run the gates of a crowd at a failure-to-acquire rate; the same for every threshold."""
    # Attempts before the last fail independently, so that all fail with probability FTA (assumed).
    once = fta ** (1.0 / port.attempts) if fta > 0 else 0.0
    further = np.zeros(crowd.size)
    for k in range(1, port.attempts):
        further += crowd.acquired < once**k
    extra = further * port.attempt_seconds
    starts, ends, queued = crowd.door.copy(), crowd.door.copy(), np.zeros(crowd.size)
    used = []
    for name, members in hosts(port).items():
        if port.lanes[members[0]].kind != "gate":
            continue
        people = np.flatnonzero(np.isin(crowd.lane, members))
        work = crowd.gate[people].astype(np.float64) + extra[people]
        served = serve(crowd.door[people], work, plan[name].booths)
        starts[people], ends[people] = served.starts, served.ends
        queued[people] = served.waits
        used.append(_used(name, plan[name], work, served.starts))
    return Gates(ends, starts, queued, extra, tuple(used), fta)


def flow(
    port: Port,
    crowd: Crowd,
    plan: dict[str, Roster],
    rates: ErrorRates,
    *,
    seed: int,
    replication: int = 0,
    passed: Gates | None = None,
) -> Flow:
    """Send a crowd through the hall at given rates.

    Parameters
    ----------
    port : Port
    crowd : Crowd
        Of `biomatch.ports.arrivals.crowd`, of the same port.
    plan : dict of str to Roster
        Of `biomatch.ports.rosters.rosters`.
    rates : ErrorRates
    seed, replication : int
        As for the crowd.
    passed : Gates, optional
        The gate stage at the same FTA, to share between thresholds.

    Returns
    -------
    Flow
    """
    done = gates(port, crowd, plan, rates.fta) if passed is None or passed.fta != rates.fta else passed
    fate = _outcomes(port, crowd, rates)
    brought = _brought(port, crowd, done, fate)
    queued, started, cleared = done.queued.copy(), done.starts.copy(), done.ends.copy()
    desk_start = np.full(crowd.size, np.nan)
    used = list(done.banks)
    for number, (name, members) in enumerate(hosts(port).items()):
        if port.lanes[members[0]].kind == "gate":
            continue
        people = np.flatnonzero(
            fate.at_desk & np.isin(crowd.fallback, members) & np.isfinite(brought.arrival)
        )
        people = people[np.argsort(brought.arrival[people], kind="stable")]
        draws = stream(seed, "ports.priority", replication, number)
        begins, ends, work = _desks(crowd, plan[name], people, brought, draws, port.failed_first)
        desk_start[people] = begins
        queued[people] += begins - brought.arrival[people]
        started[people], cleared[people] = begins, ends
        used.append(_used(name, plan[name], work, begins))
    lost = fate.at_desk & ~np.isfinite(brought.arrival)  # whom no gate took
    started[lost], cleared[lost] = np.inf, np.inf
    to_secondary = fate.referred & np.isfinite(cleared)
    sent = np.flatnonzero(to_secondary)
    sent = sent[np.argsort(cleared[sent], kind="stable")]
    work = crowd.secondary[sent].astype(np.float64)
    second = serve(cleared[sent], work, plan[SECONDARY].booths)
    left = cleared.copy()
    left[sent] = second.ends
    used.append(_used(SECONDARY, plan[SECONDARY], work, second.starts))
    return Flow(
        crowd=crowd,
        queued=queued,
        started=started,
        cleared=cleared,
        left=left,
        at_gate=fate.at_gate,
        at_desk=fate.at_desk,
        checked=fate.checked,
        to_secondary=to_secondary,
        alarmed=fate.alarmed,
        sought_alarmed=fate.caught,
        desk_arrival=np.where(fate.at_desk, brought.arrival, np.nan),
        desk_start=desk_start,
        secondary_wait=second.waits,
        secondary_of=sent,
        banks=tuple(used),
    )


@dataclass(frozen=True)
class _Outcomes:
    """What each person's draws and the rates come to."""

    at_gate: Bools
    refused: Bools
    at_desk: Bools
    checked: Bools
    alarmed: Bools
    caught: Bools
    referred: Bools


def _outcomes(port: Port, crowd: Crowd, rates: ErrorRates) -> _Outcomes:
    missing = crowd.acquired < rates.fta
    unmatched = ~missing & (crowd.mated < port.mated_share) & (crowd.matched < rates.fnir)
    checked = missing | unmatched
    at_gate = np.array([lane.kind == "gate" for lane in port.lanes])[crowd.lane]
    refused = at_gate & (checked | (crowd.refused < port.gate_failure))
    alarmed = ~missing & (crowd.alarmed < 1.0 - (1.0 - rates.fpir) ** port.searches)
    sought = crowd.sought < port.sought_per_million * 1e-6
    caught = ~missing & sought & (crowd.matched >= rates.fnir)
    referred = alarmed | caught | (crowd.referred < port.referral)
    return _Outcomes(at_gate, refused, ~at_gate | refused, checked, alarmed, caught, referred)


@dataclass(frozen=True)
class _Brought:
    """What people bring to a desk: when they come, seconds beside the desk's own, and who goes first."""

    arrival: Floats
    seconds: Floats
    first: Bools


def _brought(port: Port, crowd: Crowd, done: Gates, fate: _Outcomes) -> _Brought:
    arrival = np.where(fate.at_gate, done.ends + port.failed_walk_seconds, crowd.door)
    # Captures are repeated at the desk only for those who were not at a gate.
    seconds = np.where(fate.checked, crowd.check, 0.0) + np.where(fate.at_gate, 0.0, done.extra)
    first_lanes = np.array([lane.first for lane in port.lanes])
    return _Brought(arrival, seconds, fate.refused | first_lanes[crowd.lane])


def _desks(
    crowd: Crowd,
    roster: Roster,
    people: Ints,
    brought: _Brought,
    draws: np.random.Generator,
    probability: float,
) -> tuple[Floats, Floats, Floats]:
    """Serve the people of one bank of desks: starts and ends by person, and the work of each unit.

    Those who are served together (a vehicle's) share the first one's desk time, and add their own checks.
    """
    own = brought.seconds[people]
    _, heads, of = np.unique(crowd.unit[people], return_index=True, return_inverse=True)
    alone = heads.size == people.size
    lead, work = people, crowd.desk[people].astype(np.float64) + own
    if not alone:
        order = np.argsort(heads, kind="stable")  # units in the order of arrival
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        of, lead = place[of], people[heads[order]]
        work = crowd.desk[lead].astype(np.float64) + np.bincount(of, own, minlength=lead.size)
    at, first = brought.arrival[lead], brought.first[lead]
    if first.any() and not first.all():
        chances = draws.random(lead.size)
        served = serve_classes(at, work, roster.booths, first, draws=chances, probability=probability)
    else:
        served = serve(at, work, roster.booths)
    if alone:
        return served.starts, served.ends, work
    return served.starts[of], served.ends[of], work


def _used(name: str, roster: Roster, work: Floats, starts: Floats) -> Bank:
    return Bank(
        name,
        float(work.sum()) / HOUR,
        roster.booth_hours,
        roster.staffed,
        int((~np.isfinite(starts)).sum()),
    )
