"""A port where people wait: its lanes, booths, times by outcome, targets and costs. No threshold is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from biomatch import files
from biomatch.errors import SettingsError
from biomatch.paths import models_dir
from biomatch.settings.base import ASSUMED, Settings, nearest, setting

Who = Literal["all", "residents", "visitors", "gate_users", "vehicles", "pedestrians"]
Law = Literal["fixed", "gamma", "lognormal", "exponential"]
LAWS: tuple[Law, ...] = ("fixed", "gamma", "lognormal", "exponential")
UK_DESK = "Edinburgh study: 90 s, sd 15 [Q1]"
UK_GATE = "Edinburgh study: 45 s, sd 5 [Q1]"


class Duration(Settings):
    """How long something takes: mean and standard deviation in seconds, and the law between them."""

    mean: float = setting(90.0, UK_DESK, unit="seconds", gt=0, le=86_400)
    sd: float = setting(15.0, UK_DESK, unit="seconds", ge=0, le=86_400)
    law: Law = setting("gamma", f"{ASSUMED}: positive, with a tail; no shape is published")


class Lane(Settings):
    """A bank of booths with one queue, or the queue of people who share another lane's booths."""

    name: str = setting(..., "the port's own", min_length=1, max_length=60)
    who: Who = setting("all", f"{ASSUMED}: everybody that no other lane is for")
    kind: Literal["desk", "gate"] = setting(
        "desk", "a desk has an officer; whoever fails at a gate goes to a desk"
    )
    booths: int | None = setting(
        None, f"{ASSUMED}: none: rostered by the hour at `target_busy` of the load expected", ge=1, le=2000
    )
    shares: str | None = setting(None, f"{ASSUMED}: name of the lane whose booths serve these people too")
    first: bool = setting(False, f"{ASSUMED}: where booths are shared, these people go first")
    service: Duration = setting(Duration().model_dump(), UK_DESK)
    people_per_unit: float = setting(
        1.0, f"{ASSUMED}: people that one service clears: 1 on foot, more in a vehicle", ge=1, le=60
    )


class WaitCosts(Settings):
    """What waiting, officers and missed connections cost, in one currency."""

    officer_hour: float = setting(60.0, f"{ASSUMED}: an officer's hour with overheads; not published", ge=0)
    traveller_hour: float = setting(30.0, f"{ASSUMED}: value of an hour of a traveller's time", ge=0)
    missed_connection: float = setting(200.0, f"{ASSUMED}: another seat, a hotel, goodwill", ge=0)
    missed_alarm: float = setting(0.0, f"{ASSUMED}: a sought person not stopped; the security goal's", ge=0)


class Outage(Settings):
    """Booths of a lane that do not work for a while."""

    lane: str = setting(..., "the port's own")
    begins: float = setting(..., "given", unit="hours after the first midnight", ge=0)
    ends: float = setting(..., "given", unit="hours after the first midnight", gt=0)
    booths: int | None = setting(None, f"{ASSUMED}: none: all of them", ge=1)


class Port(Settings):
    """A port where people wait.

    Examples
    --------
    >>> Port.load("hall").with_({"desks": 24}).desks
    24
    >>> [lane.name for lane in Port.load("hall").lanes]
    ['gates', 'desks']
    """

    name: str = setting("hall", f"{ASSUMED}: a label", min_length=1, max_length=200)
    direction: Literal["entry", "exit"] = setting("entry", f"{ASSUMED}")
    clock: Literal["gate", "door", "lane"] = setting(
        "door",
        "where a wait begins: at the aircraft's gate less a usual walk [P1], at the hall's door [Q1], "
        "or in each lane's queue",
    )
    measure: Literal["travellers", "quarter_hours"] = setting(
        "travellers",
        "what a share counts: travellers, or quarter-hours whose last person in the queue waited longer, "
        "as the United Kingdom measures [P4]",
    )
    hour_is: Literal["landing", "hall"] = setting(
        "landing", "the hour of a row in --hours: the US table has that of landing [P2]"
    )
    lanes: list[Lane] = setting([Lane(name="desks").model_dump()], f"{ASSUMED}", min_length=1)
    desks: int | None = setting(
        None, f"{ASSUMED}: booths of every desk lane that names none; none: rostered by load", ge=1, le=2000
    )
    gates: int | None = setting(None, f"{ASSUMED}: booths of every gate lane that names none", ge=1, le=2000)
    gate_share: float = setting(
        0.48,
        f"{ASSUMED}: 60% of travellers are eligible, of whom 80% use a gate (UK target) [Q1]",
        ge=0,
        le=1,
    )
    visitor_share: float = setting(0.5, f"{ASSUMED}: where the file has none", ge=0, le=1)
    connecting_share: float = setting(0.3, f"{ASSUMED}", ge=0, le=1)
    vehicle_share: float = setting(0.8, f"{ASSUMED}: of those at a land crossing", ge=0, le=1)
    target_busy: float = setting(
        0.95,
        f"{ASSUMED}: a roster opens as many booths as keep them so busy with the load expected",
        gt=0,
        le=1,
    )
    roster_fnir: float = setting(0.03, f"{ASSUMED}: FNIR that the roster was planned for", ge=0, le=1)
    roster_fta: float = setting(0.01, f"{ASSUMED}: FTA that the roster was planned for", ge=0, le=1)
    walk_minutes: float = setting(
        8.0, "usual walk from the gate to the hall; fits of the hours [P2]", ge=0, le=120
    )
    coach_places: int = setting(60, f"{ASSUMED}: passengers of a coached flight come so many at once", ge=1)
    coach_minutes: float = setting(10.0, f"{ASSUMED}: a coached flight's further way", ge=0, le=120)
    leaving_rate: float = setting(
        15.0, f"{ASSUMED}: passengers who leave one aircraft, coach or ship", unit="a minute", gt=0, le=1000
    )
    manual_check: Duration = setting(
        Duration(mean=90.0, sd=45.0).model_dump(),
        f"{ASSUMED}: an officer settles an identity that was not matched or acquired; none published",
    )
    attempts: int = setting(3, f"{ASSUMED}: captures before a failure to acquire", ge=1, le=10)
    attempt_seconds: float = setting(
        5.0,
        "DHS Rally 2019: goal under 5 s a person [P16]; each further capture",
        unit="seconds",
        ge=0,
        le=600,
    )
    gate_failure: float = setting(
        0.045, "gates refuse 9% [Q1], half of it for other reasons than the face (assumed)", ge=0, le=1
    )
    failed_first: float = setting(
        0.75, "who failed at a gate goes first at the desk with this probability [Q1]", ge=0, le=1
    )
    failed_walk_seconds: float = setting(30.0, f"{ASSUMED}: from gate to desk", ge=0, le=3600)
    searches: int = setting(
        1, f"{ASSUMED}: non-mated galleries that each traveller meets: the watchlist", ge=0, le=100
    )
    mated_share: float = setting(1.0, f"{ASSUMED}: travellers with a reference to be matched", ge=0, le=1)
    sought_per_million: float = setting(8.0, f"{ASSUMED}: travellers on the watchlist", ge=0, le=1e6)
    referral: float = setting(0.01, f"{ASSUMED}: sent to secondary for other reasons", ge=0, le=1)
    secondary: Duration = setting(
        Duration(mean=1200.0, sd=900.0, law="lognormal").model_dump(),
        f"{ASSUMED}: 20 minutes; no public figure",
    )
    secondary_officers: int | None = setting(
        None, f"{ASSUMED}: none: rostered by the hour for `roster_fpir`", ge=1, le=2000
    )
    roster_fpir: float = setting(0.003, f"{ASSUMED}: FPIR that secondary was planned for", ge=0, le=1)
    connection_minutes: float = setting(
        60.0, f"{ASSUMED}: median slack of a connecting traveller at the hall's door", gt=0, le=1440
    )
    connection_spread: float = setting(0.5, f"{ASSUMED}: log-sd of that slack", ge=0, le=3)
    boarding_minutes: float = setting(
        40.0, f"{ASSUMED}: exit by air: boarding opens so long before departure", gt=0, le=240
    )
    door_closes_minutes: float = setting(10.0, f"{ASSUMED}: before departure", ge=0, le=120)
    places: int | None = setting(650, "Edinburgh hall: 500 + 150 places [Q1]", ge=1)
    over_minutes: list[float] = setting([15.0, 30.0, 45.0, 60.0], "what ports report [P5] [Q1]", min_length=1)
    outages: list[Outage] = setting([], f"{ASSUMED}: none")
    hours: str = setting(
        "ohare-week", f"{ASSUMED}: built-in traffic, used where no file is given", min_length=1
    )
    costs: WaitCosts = WaitCosts()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [lane.name for lane in self.lanes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"lanes: {name} twice")
        by_name = {lane.name: lane for lane in self.lanes}
        for lane in self.lanes:
            host = by_name.get(lane.shares or lane.name)
            if host is None or host.shares or (lane.shares and host.kind != lane.kind):
                raise ValueError(f"lane {lane.name} shares {lane.shares}: name a lane with booths of its own")
        if not any(lane.kind == "desk" for lane in self.lanes):
            raise ValueError("lanes: none is a desk; whoever fails at a gate needs one")
        for outage in self.outages:
            if outage.lane not in by_name or outage.ends <= outage.begins:
                raise ValueError(f"outage of {outage.lane}: a lane of this port, and begins < ends")
        return self

    @classmethod
    def names(cls) -> list[str]:
        """Names of the built-in ports."""
        return sorted(file.stem for file in (models_dir() / "ports").glob("*.toml"))

    @classmethod
    def load(cls, name: str | Path) -> Self:
        """Load a built-in port by name, or one from a TOML file.

        Raises
        ------
        SettingsError
            For an unknown name (the nearest is named), or a file that does not fit the schema.
        """
        text = str(name)
        if text in cls.names():
            return cls.read(models_dir() / "ports" / f"{text}.toml")
        if text.endswith(".toml") or files.exists(text):
            return cls.read(text)
        raise SettingsError(
            f"unknown port {text!r}",
            allowed="a built-in name or a TOML file",
            remedy=nearest(text, cls.names()),
        )
