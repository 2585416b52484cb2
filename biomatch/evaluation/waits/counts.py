"""Counts of one replication: waits of everybody, by lane, by hour of the day and by hour of landing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from biomatch.errors import SettingsError
from biomatch.portable.types import Floats, Ints
from biomatch.ports.arrivals import HOUR, MINUTE, Crowd
from biomatch.ports.hall import Flow
from biomatch.ports.rosters import SECONDARY
from biomatch.settings.port import Port

QUARTER = 900.0


@dataclass(frozen=True)
class LaneWaits:
    """Waits of some people, minutes.

    Attributes
    ----------
    people : int
    mean, median, p95, longest : float
        Of those people; infinite where somebody was never served.
    over : mapping of float to int
        Travellers over so many minutes.
    quarters : int
        Quarter-hours in which somebody of them came.
    quarters_over : mapping of float to int
        Of those quarter-hours, the ones whose last person waited longer.
    """

    people: int
    mean: float
    median: float
    p95: float
    longest: float
    over: Mapping[float, int]
    quarters: int
    quarters_over: Mapping[float, int]

    def share_over(self, minutes: float, measure: str) -> float:
        """Give the share of travellers, or of quarter-hours, over so many minutes."""
        if float(minutes) not in self.over:
            counted = ", ".join(f"{one:g}" for one in self.over)
            raise SettingsError(
                f"a share over {minutes:g} minutes", allowed=counted, remedy="add it to `over_minutes`"
            )
        if measure == "quarter_hours":
            return self.quarters_over[float(minutes)] / self.quarters
        return self.over[float(minutes)] / self.people


@dataclass(frozen=True)
class Replicate:
    """The counts of one replication.

    Attributes
    ----------
    whole : LaneWaits
        Everybody.
    lanes, hours : mapping of str to LaneWaits
        By lane, and by hour of the day (of landing), ``"00"`` to ``"23"``.
    landings : polars.DataFrame
        A row an hour of landing and lane.
    busy, unserved : mapping
        By bank.
    queue_peak : int
        Most people in queues of primary at once.
    minutes_over_places : float
        Minutes in which they were more than the hall's places.
    waited_hours : float
        Traveller-hours of waiting, secondary included.
    missed : int
        Missed connections (entry) or departures (exit).
    """

    whole: LaneWaits
    lanes: Mapping[str, LaneWaits]
    hours: Mapping[str, LaneWaits]
    landings: pl.DataFrame
    busy: Mapping[str, float]
    unserved: Mapping[str, int]
    queue_peak: int
    minutes_over_places: float
    waited_hours: float
    service_minutes: Mapping[str, float]
    secondary_people: int
    secondary_wait: float
    missed: int
    checks: int
    false_alarms: int
    caught: int
    sought: int
    boarding_minutes: float

    @property
    def holds(self) -> bool:
        """Whether every bank can do its work."""
        return all(self.bank_holds(name) for name in self.busy)

    def bank_holds(self, name: str) -> bool:
        """Whether a bank can do its work."""
        return self.busy[name] <= 1.0 and not self.unserved[name]

    def cost(self, port: Port, staff_hours: float) -> float:
        """Price waiting, officers, missed connections and missed alarms."""
        prices = port.costs
        return (
            prices.traveller_hour * self.waited_hours
            + prices.officer_hour * staff_hours
            + prices.missed_connection * self.missed
            + prices.missed_alarm * (self.sought - self.caught)
        )

    def table(self, replication: int) -> pl.DataFrame:
        """Give the rows by hour of landing and lane, with the replication's number."""
        return self.landings.with_columns(pl.lit(replication, dtype=pl.Int64).alias("replication"))


def wait_seconds(port: Port, flow: Flow) -> Floats:
    """Give each person's wait by the port's clock.

    Returns
    -------
    ndarray of float64
        Shape (n,), seconds. ``lane``: in queues. ``door``: from the hall's door to the start of the last
        primary service. ``gate``: from the aircraft's gate to primary's decision, less the usual walk.
    """
    if port.clock == "lane":
        return flow.queued
    if port.clock == "door":
        return flow.started - flow.crowd.door
    return flow.cleared - flow.crowd.landed - port.walk_minutes * MINUTE


def count_waits(port: Port, flow: Flow) -> Replicate:
    """Count one replication."""
    crowd = flow.crowd
    minutes = wait_seconds(port, flow) / MINUTE
    limits = [float(one) for one in port.over_minutes]
    quarter = (crowd.door // QUARTER).astype(np.int64)
    hour = (crowd.landed // HOUR).astype(np.int64)
    whole = _waits(minutes, quarter, limits)
    lanes = {
        lane.name: _waits(minutes[members], quarter[members], limits)
        for number, lane in enumerate(port.lanes)
        if (members := np.flatnonzero(crowd.lane == number)).size
    }
    lanes |= _refused(flow, minutes, quarter, limits)
    of_day = hour % 24
    hours = {
        f"{k:02d}": _waits(minutes[members], quarter[members], limits)
        for k in range(24)
        if (members := np.flatnonzero(of_day == k)).size
    }
    peak, over = _queue(port, flow)
    exits = port.direction == "exit"
    sent = flow.secondary_of
    finite = np.isfinite(flow.secondary_wait)
    held = np.where(np.isfinite(flow.queued), flow.queued, 0.0).sum()
    return Replicate(
        whole=whole,
        lanes=lanes,
        hours=hours,
        landings=_landings(port, flow, minutes, hour, limits),
        busy={bank.name: bank.busy for bank in flow.banks},
        unserved={bank.name: bank.unserved for bank in flow.banks},
        queue_peak=peak,
        minutes_over_places=over,
        waited_hours=float(held + flow.secondary_wait[finite].sum()) / HOUR,
        service_minutes=_service(flow),
        secondary_people=int(sent.size),
        secondary_wait=float(flow.secondary_wait.mean()) / MINUTE if sent.size else 0.0,
        missed=_missed_departures(port, flow) if exits else _missed_connections(flow),
        checks=int(flow.checked.sum()),
        false_alarms=int(flow.alarmed.sum()),
        caught=int(flow.sought_alarmed.sum()),
        sought=int((crowd.sought < port.sought_per_million * 1e-6).sum()),
        boarding_minutes=_boarding(crowd, flow) if exits else 0.0,
    )


def _waits(minutes: Floats, quarter: Ints, limits: list[float]) -> LaneWaits:
    n = minutes.size
    middle, most = (n - 1) // 2, max(int(np.ceil(0.95 * n)) - 1, 0)
    placed = np.partition(minutes, (middle, most))
    # People come in order of arrival, so the last of each run of equal quarters came last in it.
    last = np.flatnonzero(np.append(quarter[1:] != quarter[:-1], True))
    timed = minutes[last]
    return LaneWaits(
        people=n,
        mean=float(minutes.mean()),
        median=float(placed[middle]),
        p95=float(placed[most]),
        longest=float(minutes.max()),
        over={limit: int((minutes > limit).sum()) for limit in limits},
        quarters=int(timed.size),
        quarters_over={limit: int((timed > limit).sum()) for limit in limits},
    )


def _refused(flow: Flow, minutes: Floats, quarter: Ints, limits: list[float]) -> dict[str, LaneWaits]:
    """Count those whom a gate refused as a lane of their own: their wait is what a failure costs."""
    members = np.flatnonzero(flow.at_gate & flow.at_desk)
    if not members.size:
        return {}
    return {"refused at a gate": _waits(minutes[members], quarter[members], limits)}


def _landings(port: Port, flow: Flow, minutes: Floats, hour: Ints, limits: list[float]) -> pl.DataFrame:
    first = flow.crowd.groups.first_day
    frame = pl.DataFrame({"hour_of": hour, "lane_of": flow.crowd.lane, "wait": minutes})
    wait = pl.col("wait")
    found = (
        frame.group_by("hour_of", "lane_of")
        .agg(
            pl.len().cast(pl.Int64).alias("people"),
            wait.sum().alias("total"),
            wait.quantile(0.95, "higher").alias("p95_minutes"),
            wait.max().alias("longest_minutes"),
            *((wait > limit).sum().cast(pl.Int64).alias(f"over_{limit:g}") for limit in limits),
        )
        .sort("hour_of", "lane_of")
    )
    names = pl.Series([lane.name for lane in port.lanes])
    days = (found["hour_of"] // 24).to_list()
    return found.select(
        pl.Series("date", [first + timedelta(days=int(day)) for day in days], dtype=pl.Date),
        (pl.col("hour_of") % 24).alias("hour"),
        names.gather(found["lane_of"]).alias("lane"),
        "people",
        (pl.col("total") / pl.col("people")).alias("mean_minutes"),
        "p95_minutes",
        "longest_minutes",
        *(f"over_{limit:g}" for limit in limits),
    )


def _queue(port: Port, flow: Flow) -> tuple[int, float]:
    """Give the most people in queues at once, and the minutes in which they are more than the places."""
    gate, desk = flow.at_gate, flow.at_desk & np.isfinite(flow.desk_arrival)
    # A gate user's first queue ends when its gate service starts: arrival plus what it queued there.
    first = flow.crowd.door[gate]
    # Long runs are in order already, which a merge sort uses.
    comes = np.sort(np.concatenate((first, flow.desk_arrival[desk])), kind="stable")
    starts = np.sort(np.concatenate((first + _gate_queue(flow)[gate], flow.desk_start[desk])), kind="stable")
    waiting = np.arange(1, comes.size + 1) - np.searchsorted(starts, comes, side="right")
    peak = int(max(waiting.max(), 0)) if comes.size else 0
    if port.places is None or peak <= port.places:
        return peak, 0.0
    minutes = np.arange(0.0, comes[-1] + 48 * HOUR, MINUTE)
    held = np.searchsorted(comes, minutes, side="right") - np.searchsorted(starts, minutes, side="right")
    return peak, float((held > port.places).sum())


def _gate_queue(flow: Flow) -> Floats:
    """Seconds that each queued before its gate: all queueing less what it queued at the desk."""
    at_desk = np.where(flow.at_desk, flow.desk_start - flow.desk_arrival, 0.0)
    served = np.isfinite(at_desk)  # whoever is never served queues for ever, at whichever place
    return np.maximum(np.subtract(flow.queued, at_desk, out=np.zeros_like(at_desk), where=served), 0.0)


def _service(flow: Flow) -> dict[str, float]:
    """Give mean minutes a traveller spends by station, for saying where waits come from."""
    crowd, size = flow.crowd, max(flow.crowd.size, 1)
    desk_wait = flow.desk_start - flow.desk_arrival
    desk_wait = desk_wait[np.isfinite(desk_wait)]
    gate_wait = _gate_queue(flow)[flow.at_gate]
    second = flow.secondary_wait[np.isfinite(flow.secondary_wait)]
    return {
        "leaving and walking": float((crowd.door - crowd.landed).mean()) / MINUTE,
        "gate queue": float(gate_wait.sum()) / size / MINUTE,
        "desk queue": float(desk_wait.sum()) / size / MINUTE,
        SECONDARY: float(second.sum()) / size / MINUTE,
    }


def _missed_connections(flow: Flow) -> int:
    late = flow.left - flow.crowd.door > flow.crowd.slack
    return int((flow.crowd.connecting & late).sum())


def _missed_departures(port: Port, flow: Flow) -> int:
    """Count those who are not through when the door closes; of hours no departure is known."""
    if flow.crowd.groups.spread:
        return 0
    closes = flow.crowd.landed - port.door_closes_minutes * MINUTE
    return int((flow.left > closes).sum())


def _boarding(crowd: Crowd, flow: Flow) -> float:
    """Give the mean minutes from the first who steps up to the last who is through, over departures."""
    if crowd.groups.spread:
        return 0.0
    size = crowd.groups.people.size
    last = np.full(size, -np.inf)
    first = np.full(size, np.inf)
    np.maximum.at(last, crowd.group, flow.left)
    np.minimum.at(first, crowd.group, crowd.door)
    return float((last - first).mean()) / MINUTE
