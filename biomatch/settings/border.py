"""The parts of a scenario that describe traffic: people, ports, trips, stays and records."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import field_validator, model_validator

from biomatch.errors import SettingsError
from biomatch.settings.base import ASSUMED, Settings, setting
from biomatch.tables.zones import check_zone

Mode = Literal["air", "sea", "land"]
Region = Literal[
    "E-Europe",
    "W-Europe",
    "N-America",
    "Latin-America",
    "Middle-East",
    "E-Africa",
    "W-Africa",
    "S-Asia",
    "E-Asia",
]
SHORT_STAYS = ("WT", "WB", "B1", "B2", "VISITOR")
"""Classes of short stays, which the European rule may judge."""
VisitorClass = Literal["WT", "WB", "B1", "B2", "F1", "J1", "M1", "H1B", "L1", "C1", "VISITOR"]


def _check_shares(name: str, shares: dict[str, float]) -> None:
    if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1.0) > 1e-6:
        raise ValueError(f"{name} must be shares that add up to 1; they add up to {sum(shares.values()):g}")


class PeopleSettings(Settings):
    """Who travels: parties, kin, regions of birth, ages."""

    alone: float = setting(0.61, "NTTO 2019 [V7, V8]: share of parties", ge=0, le=1)
    couples: float = setting(
        0.22, "NTTO 2019 [V7, V8]: 21% with a spouse; rounded to add up to 1", ge=0, le=1
    )
    families: float = setting(0.17, "NTTO 2019 [V7, V8]: 16% families; rounded to add up to 1", ge=0, le=1)
    children: list[float] = setting(
        [0.45, 0.40, 0.15], f"{ASSUMED}: shares of families with 1, 2, 3 children; mean party 1.7 [V7, V8]"
    )
    twin_births: float = setting(
        0.03, "NISTIR 8439: about 3% of births; that the twin travels too is assumed (the hard side)",
        ge=0, le=0.2,
    )  # fmt: skip
    identical_births: float = setting(0.004, "NISTIR 8439: about 0.4% of births", ge=0, le=0.2)
    siblings_apart: float = setting(
        0.04, f"{ASSUMED}: lone travellers with a sibling who travels apart", ge=0, le=1
    )
    adult_age_mean: float = setting(
        42.0, f"{ASSUMED}: leisure and business mixed", unit="years", ge=20, le=70
    )
    adult_age_sd: float = setting(15.0, f"{ASSUMED}", unit="years", gt=0, le=30)
    women: float = setting(0.5, f"{ASSUMED}: as in the population", ge=0, le=1)
    visitor_regions: dict[Region, float] = setting(
        {
            "E-Europe": 0.06, "W-Europe": 0.26, "N-America": 0.14, "Latin-America": 0.20, "Middle-East": 0.05,
            "E-Africa": 0.02, "W-Africa": 0.03, "S-Asia": 0.09, "E-Asia": 0.15,
        },
        f"{ASSUMED}: order as in overseas arrivals by region; the groups are those of the N1N tables",
    )  # fmt: skip
    resident_regions: dict[Region, float] = setting(
        {
            "E-Europe": 0.04, "W-Europe": 0.10, "N-America": 0.56, "Latin-America": 0.12, "Middle-East": 0.03,
            "E-Africa": 0.02, "W-Africa": 0.03, "S-Asia": 0.05, "E-Asia": 0.05,
        },
        f"{ASSUMED}: most residents are born in the country",
    )  # fmt: skip
    registered_on_1_january: dict[Region, float] = setting(
        {
            "E-Europe": 0.002, "W-Europe": 0.0, "N-America": 0.0, "Latin-America": 0.005, "Middle-East": 0.05,
            "E-Africa": 0.14, "W-Africa": 0.08, "S-Asia": 0.05, "E-Asia": 0.01,
        },
        "11,000 of nearly 80,000 refugees of 2009 (14%), from Africa and Asia above all [V31]; that share "
        "for the region where births are registered least, the other regions assumed",
    )  # fmt: skip
    registered_on_a_first: dict[Region, float] = setting(
        {
            "E-Europe": 0.002, "W-Europe": 0.0, "N-America": 0.0, "Latin-America": 0.005, "Middle-East": 0.03,
            "E-Africa": 0.05, "W-Africa": 0.04, "S-Asia": 0.04, "E-Asia": 0.01,
        },
        f"{ASSUMED}: on the first day of the month of birth (which may be January)",
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_shares("alone, couples and families", {"a": self.alone, "c": self.couples, "f": self.families})
        _check_shares("children", {str(n): share for n, share in enumerate(self.children)})
        _check_shares("visitor_regions", {str(key): share for key, share in self.visitor_regions.items()})
        _check_shares("resident_regions", {str(key): share for key, share in self.resident_regions.items()})
        for name in set(self.registered_on_1_january) | set(self.registered_on_a_first):
            parts = (self.registered_on_1_january.get(name, 0.0), self.registered_on_a_first.get(name, 0.0))
            if min(parts) < 0 or sum(parts) > 1.0 + 1e-9:
                raise ValueError(
                    f"registered_on_1_january and registered_on_a_first of {name} must be shares that do not "
                    "exceed 1 together"
                )
        if self.identical_births > self.twin_births:
            raise ValueError("identical_births must not exceed twin_births")
        return self


class BorderPort(Settings):
    """One port of entry."""

    mode: Mode = setting(..., "given by the scenario")
    weight: float = setting(1.0, f"{ASSUMED}: share of the mode's traffic, relative", gt=0)
    zone: str = setting(
        "UTC",
        f"{ASSUMED}: a name of the IANA time zone database; the port's days and hours are counted there, its "
        "records are kept in UTC",
        min_length=1,
    )

    @field_validator("zone")
    @classmethod
    def _check(cls, given: str) -> str:
        try:
            return check_zone(given)
        except SettingsError as fault:
            raise ValueError(str(fault)) from None


class TrafficSettings(Settings):
    """Where, when and how people cross."""

    resident_share: float = setting(
        1 / 3, f"{ASSUMED}: citizens among travellers at air and sea ports", ge=0, lt=1
    )
    mode_shares: dict[Mode, float] = setting(
        {"air": 1.0}, "given by the scenario; US arrivals FY2016: 31% air, 5% sea, 64% land [V2]"
    )
    same_port_exit: float = setting(0.7, f"{ASSUMED}: leave by the port of entry", ge=0, le=1)
    season_ratio: float = setting(1.8, "O'Hare Terminal 5, 2019: July 1.8 x February [C9]", ge=1, le=5)
    further_journeys: float = setting(
        0.15, f"{ASSUMED}: mean further journeys of a traveller in a year", ge=0, le=3
    )
    journey_gap_days: float = setting(60.0, f"{ASSUMED}: mean time between two journeys", gt=0)
    resident_trip_days: float = setting(11.0, f"{ASSUMED}: mean absence of a resident", gt=0)
    movement_load: float = setting(196.0, "O'Hare Terminal 5, 2019: passengers a flight [C9]", ge=1, le=5000)
    ship_load: float = setting(2000.0, f"{ASSUMED}: 4,300 passengers in the cruise pilot [Q9]", ge=1, le=9000)
    carriers: int = setting(24, f"{ASSUMED}: carriers a port", ge=1, le=500)
    hour_shares: list[float] = setting(
        [1.6, 1.0, 0.6, 0.4, 0.5, 1.2, 1.9, 1.8, 1.8, 1.9, 2.4, 5.1, 7.4, 12.6, 10.6, 10.3, 7.7, 9.0, 8.5,
         6.9, 2.9, 1.6, 1.2, 1.1],
        "O'Hare 2019, share of the day by hour from 11h to 19h [C9]; the other hours assumed below 3.1%",
        min_length=24, max_length=24,
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_shares("mode_shares", {str(key): share for key, share in self.mode_shares.items()})
        if min(self.hour_shares) < 0 or sum(self.hour_shares) <= 0:
            raise ValueError("hour_shares must be 24 numbers from 0, not all 0")
        return self


class StaySettings(Settings):
    """Who is admitted for how long, and who keeps to it."""

    law: Literal["us", "eu"] = setting(
        "us",
        f"{ASSUMED}: the strategy that biomatch is modelled on; eu: 90 days in any 180 over all of a "
        "traveller's stays, whatever the class [E1, E5]",
    )
    class_mix: dict[VisitorClass, float] = setting(
        {
            "WT": 0.372, "WB": 0.05, "B1": 0.05, "B2": 0.285, "VISITOR": 0.17, "F1": 0.020, "J1": 0.010,
            "M1": 0.001, "H1B": 0.020, "L1": 0.010, "C1": 0.012,
        },
        "FY2017 expected departures: VWP 22.5M, B with Mexico 17.6M, Canada 9.2M, F-M-J 1.7M of 52.7M [S17]",
    )  # fmt: skip
    mean_stay_days: dict[VisitorClass, float] = setting(
        {
            "WT": 14.0, "WB": 8.0, "B1": 14.0, "B2": 27.0, "VISITOR": 7.3, "F1": 300.0, "J1": 180.0,
            "M1": 150.0, "H1B": 400.0, "L1": 300.0, "C1": 2.0,
        },
        "overseas visitors 19.0 nights, Canadians by air 7.3 [V7, V8]; by class assumed",
    )  # fmt: skip
    stay_shape: float = setting(1.3, f"{ASSUMED}: shape of the gamma law of stays", gt=0.2, le=20)
    waiver_days: int = setting(
        89, f"{ASSUMED}: last day = entry + 89, the day of entry being the first of 90 (or + 90: table 1.2)",
        ge=1, le=180,
    )  # fmt: skip
    visitor_months: int = setting(6, "B-2: six months by rule [S11]; the last day lies one before [S3]", ge=1)
    in_country_overstay: float = setting(
        0.0060, "identity of overstays-and-ports.md 2.2: (1 - 0.42) x 1.04%", ge=0, le=0.5
    )
    out_of_country_overstay: float = setting(0.00119, "FY2024: 55,594 of 46,657,108 [S1]", ge=0, le=0.5)
    overstay_weights: dict[VisitorClass, float] = setting(
        {
            "WT": 0.30, "WB": 0.30, "B1": 1.9, "B2": 1.9, "VISITOR": 0.75, "F1": 3.3, "J1": 3.3, "M1": 3.3,
            "H1B": 1.0, "L1": 1.0, "C1": 1.0,
        },
        "order of SICO rates by class, FY2015 to FY2024 [S10, S17]; relative, the mean is set above",
    )  # fmt: skip
    short_overstay_days: float = setting(12.0, f"{ASSUMED}: mean days over of those who leave soon", gt=0)
    overstayer_leaving: float = setting(
        0.016, f"{ASSUMED}: share of long overstayers who leave, per 30 days", ge=0, le=1
    )
    extension: float = setting(0.006, f"{ASSUMED}: admissions with a date that file in time", ge=0, le=0.5)
    extension_wait_days: float = setting(90.0, f"{ASSUMED}: from filing to the grant", gt=0)
    adjustment: float = setting(0.002, f"{ASSUMED}: adjust to permanent residence", ge=0, le=0.5)
    satisfactory_departure: float = setting(0.0004, f"{ASSUMED}: waiver travellers [S10]", ge=0, le=0.5)
    early_end: float = setting(0.01, f"{ASSUMED}: students who withdraw early", ge=0, le=0.5)
    event_lag_days: float = setting(4.0, f"{ASSUMED}: until a status event is received", ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        other = sorted(name for name, share in self.class_mix.items() if share and name not in SHORT_STAYS)
        if self.law == "eu" and other:
            raise ValueError(f"law eu knows short stays only ({', '.join(SHORT_STAYS)}), not {other[0]}")
        _check_shares("class_mix", {str(key): share for key, share in self.class_mix.items()})
        for name in ("mean_stay_days", "overstay_weights"):
            table = getattr(self, name)
            missing = sorted(set(self.class_mix) - set(table))
            if missing:
                raise ValueError(f"{name} lacks {', '.join(missing)}")
            if min(table.values()) < 0:
                raise ValueError(f"{name} must not be negative")
        return self


class RecordSettings(Settings):
    """What is written down, by whom and how late."""

    missed_exits: float = setting(
        0.0044,
        "identity of overstays-and-ports.md 2.2: 0.42 x 1.04%: departures without a usable record at the "
        "snapshot, which no later entry explains either",
        ge=0,
        le=0.5,
    )
    coverage: float = setting(
        1.0, f"{ASSUMED}: share of crossings that the system of entries and exits records at all", ge=0, le=1
    )
    coverage_from: dict[date, float] = setting(
        {}, "by date: from each day on, what takes the place of coverage; given by the scenario"
    )
    missed_weights: dict[VisitorClass, float] = setting(
        {
            "WT": 0.55, "WB": 0.55, "B1": 1.5, "B2": 1.5, "VISITOR": 1.0, "F1": 1.5, "J1": 1.5, "M1": 1.5,
            "H1B": 1.2, "L1": 1.2, "C1": 1.0,
        },
        f"{ASSUMED}: relative, by class; with the overstays they give the order of SICO rates [S10, S17]",
    )  # fmt: skip
    missed_unrecorded: float = setting(0.44, f"{ASSUMED}: of the missed: nobody wrote it down", ge=0, le=1)
    missed_other_document: float = setting(0.18, f"{ASSUMED}: of the missed: second passport", ge=0, le=1)
    missed_keying: float = setting(0.18, f"{ASSUMED}: of the missed: document number mistyped", ge=0, le=1)
    missed_late: float = setting(
        0.20,
        "of the missed at the snapshot: received later; with overstayers who leave, SICO falls by 11.5% in "
        "129 days [S1]",
        ge=0,
        le=1,
    )
    late_mean_days: float = setting(
        45.0, f"{ASSUMED}: from the last lawful day to the late record: about 4% per 30 days", gt=0
    )
    manifest_only: float = setting(
        0.04, f"{ASSUMED}: air and sea exits that only the carrier reported", ge=0, le=1
    )
    neighbour_exits: float = setting(
        0.015, f"{ASSUMED}: air and sea visitors who leave by land, known from the neighbour", ge=0, le=1
    )
    left_by_land_exchanged: float = setting(
        1.0,
        "of those who leave by land: the neighbour reports its entry as our exit; US and Canada since 2019 "
        "[A7]; 0: no exchange",
        ge=0,
        le=1,
    )
    left_by_land_at_port: float = setting(
        0.0, f"{ASSUMED}: of those who leave by land: our own land port records it", ge=0, le=1
    )
    neighbour_lag_days: float = setting(1.0, f"{ASSUMED}: until the neighbour's record arrives", ge=0)
    land_port_exits: float = setting(0.30, f"{ASSUMED}: land exits that the port itself records", ge=0, le=1)
    land_neighbour_exits: float = setting(
        0.674, "97.4% of records reconciled with the neighbour, less the port's own (unverified)", ge=0, le=1
    )
    departures_delayed_days: float = setting(
        0.0,
        f"{ASSUMED}: by which every record of a departure is received later than it would be",
        unit="days",
        ge=0,
        le=3660,
    )
    no_shows: float = setting(
        0.002, f"{ASSUMED}: carriers report departures that did not happen [A3], a share of exits", ge=0, le=1
    )
    name_errors: float = setting(0.004, f"{ASSUMED}: claimed name mistyped in a record", ge=0, le=1)
    birth_date_errors: float = setting(0.002, f"{ASSUMED}: birth date mistyped in a record", ge=0, le=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (
            self.coverage_from
            and not 0.0 <= min(self.coverage_from.values()) <= max(self.coverage_from.values()) <= 1.0
        ):
            raise ValueError("coverage_from must be shares from 0 to 1")
        parts = ("unrecorded", "other_document", "keying", "late")
        _check_shares("missed_*", {part: getattr(self, f"missed_{part}") for part in parts})
        if self.land_port_exits + self.land_neighbour_exits > 1.0 + 1e-9:
            raise ValueError("land_port_exits and land_neighbour_exits must not exceed 1 together")
        if self.left_by_land_at_port + self.left_by_land_exchanged > 1.0 + 1e-9:
            raise ValueError("left_by_land_at_port and left_by_land_exchanged must not exceed 1 together")
        return self
