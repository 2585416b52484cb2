"""A scenario: everything that a synthetic border world is made from, but for its seed."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Self

from pydantic import model_validator

from biomatch import files
from biomatch.errors import SettingsError
from biomatch.paths import models_dir
from biomatch.settings.base import ASSUMED, Settings, nearest, setting
from biomatch.settings.border import (
    BorderPort,
    Mode,
    PeopleSettings,
    RecordSettings,
    StaySettings,
    TrafficSettings,
)
from biomatch.settings.profile import FaceProfile, load_profile


class DocumentSettings(Settings):
    """Passports, visas and their photos."""

    second_passports: float = setting(0.035, "2 to 5% (overstays-and-ports.md 4.3)", ge=0, le=1)
    passport_years: float = setting(10.0, "validity of adults' passports: usually 10 years", gt=0, le=20)
    child_passport_years: float = setting(
        5.0, "validity of children's passports: usually 5 years", gt=0, le=20
    )
    renewals_a_year: float = setting(0.1, "one in the 10 years of validity", ge=0, le=1)
    changed_names: float = setting(0.05, f"{ASSUMED}: share of renewals with another family name", ge=0, le=1)
    photo_missing: float = setting(
        0.005, "OIG-18-80: missing digital images for some; the share is assumed", ge=0, le=1
    )
    other_spelling: float = setting(
        0.15, f"{ASSUMED}: second passports whose names are transliterated by other rules", ge=0, le=1
    )
    given_name_missing: float = setting(
        0.005, f"{ASSUMED}: second passports without a given name (holders of one name)", ge=0, le=1
    )
    birth_date_exchanged: float = setting(
        0.005, f"{ASSUMED}: second passports with day and month of birth exchanged, where both are months",
        ge=0, le=1,
    )  # fmt: skip
    birth_date_digit: float = setting(
        0.005,
        "1.5% of the birth dates of a state's health records were wrong [C31]; a third of them assumed to be "
        "one digit",
        ge=0,
        le=1,
    )
    birth_day_missing: float = setting(
        0.01, f"{ASSUMED}: second passports that give no day, or no month, printed as the first", ge=0, le=1
    )
    differences_at_renewal: float = setting(
        0.1, f"{ASSUMED}: the same for a renewed passport, as a share of second passports' rates", ge=0, le=1
    )
    family_names: int = setting(3000, f"{ASSUMED}: names of a region", ge=10, le=100_000)
    name_exponent: float = setting(0.9, f"{ASSUMED}: Zipf exponent of name frequencies", ge=0, le=3)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.birth_date_exchanged + self.birth_date_digit + self.birth_day_missing > 1.0 + 1e-9:
            raise ValueError(
                "birth_date_exchanged, birth_date_digit and birth_day_missing must not exceed 1 together"
            )
        return self


class BiometricExit(Settings):
    """Whether a capture at exit is itself the record of the departure, as under mandatory biometric exit.

    Where it is not (the default), a camera only adds a face to what the port has recorded. Where it is, every
    visitor who passes a camera leaves a record, whether or not port, carrier or neighbour wrote the departure
    down: an encounter with source ``capture``. ``captures.exit_coverage`` says who passes a camera.
    """

    record_from: dict[Mode, date] = setting(
        {},
        "by mode, the first day on which it holds; a mode that is not named: never. The United States: 26 "
        "December 2025 at air, sea and land (90 FR 48604)",
    )
    documents_read: float = setting(
        0.0,
        f"{ASSUMED}: share of such records whose document the gate read too; at boarding the face alone is "
        "taken (GAO-20-568)",
        ge=0,
        le=1,
    )


class CaptureSettings(Settings):
    """Cameras and what becomes of an attempt."""

    entry_coverage: dict[Mode, float] = setting(
        {"air": 1.0, "sea": 0.95, "land": 0.6},
        "GAO-22-106154: all airports, 26 seaports, land pedestrians; shares at sea and land assumed",
    )
    exit_coverage: dict[Mode, float] = setting(
        {"air": 0.825, "sea": 0.6, "land": 0.4},
        "GAO-20-568: 80% captured of those in scope, failures included; sea and land assumed",
    )
    entry_coverage_from: dict[date, dict[Mode, float]] = setting(
        {}, "by date: from each day on, what takes the place of entry_coverage, by mode; by the scenario"
    )
    exit_coverage_from: dict[date, dict[Mode, float]] = setting(
        {}, "by date: from each day on, what takes the place of exit_coverage, by mode; by the scenario"
    )
    failure_to_acquire: float = setting(0.03, "GAO-20-568: goal 97% captured", ge=0, le=1)
    opt_out_residents: float = setting(0.02, f"{ASSUMED}: citizens may opt out (90 FR 48604)", ge=0, le=1)
    opt_out_visitors: float = setting(0.0005, f"{ASSUMED}", ge=0, le=1)
    max_attempts: int = setting(3, f"{ASSUMED}", unit="attempts", ge=1, le=7)
    retry_below: float = setting(
        10.0, f"{ASSUMED}: quality below which another image is taken", unit="quality, 0 to 100", ge=0, le=100
    )
    failure_reasons: dict[str, float] = setting(
        {"timeout": 0.5, "no_face": 0.3, "low_quality": 0.2}, "OIG-18-80: outages and haste first; assumed"
    )
    cameras_a_port: int = setting(12, f"{ASSUMED}", ge=1, le=1000)
    biometric_exit: BiometricExit = BiometricExit()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("entry_coverage", "exit_coverage"):
            table = getattr(self, name)
            missing = sorted({"air", "sea", "land"} - set(table))
            if missing:
                raise ValueError(f"{name} lacks {', '.join(missing)}")
            if min(table.values()) < 0 or max(table.values()) > 1:
                raise ValueError(f"{name} must be shares from 0 to 1")
        for name in ("entry_coverage_from", "exit_coverage_from"):
            for day, table in getattr(self, name).items():
                if not table or min(table.values()) < 0 or max(table.values()) > 1:
                    raise ValueError(f"{name} of {day} must be shares from 0 to 1 by mode")
        known = {"timeout", "no_face", "low_quality"}
        if set(self.failure_reasons) - known or abs(sum(self.failure_reasons.values()) - 1) > 1e-6:
            raise ValueError(f"failure_reasons must be shares of {', '.join(sorted(known))} that add up to 1")
        return self


class FaceSettings(Settings):
    """Which synthetic matcher made the templates."""

    profile: str = setting("visa-border-leader", "N1N visa/border, best algorithm", min_length=1)
    dimension: int | None = setting(None, "the face profile's own; where it is given, it must agree", ge=1)
    same_face_days: float = setting(
        45.0, f"{ASSUMED}: ageing within a shorter stay is left out (0.0125 a year)", ge=0, le=3650
    )

    @model_validator(mode="after")
    def _check_dimension(self) -> Self:
        """Refuse another dimension than the profile's: its score laws hold at its own alone."""
        if self.dimension is not None and self.dimension != (own := self.face_profile().dimension):
            raise SettingsError(
                f"faces.dimension = {self.dimension}, but templates of the face profile {self.profile!r} "
                f"have {own} values",
                allowed=f"{own}, or no faces.dimension",
                remedy="leave it out; for another dimension set faces.profile to a profile that has it "
                "(biomatch profile list) or to one of your own (biomatch fit)",
            )
        return self

    def face_profile(self) -> FaceProfile:
        """Load the face profile; see `biomatch.settings.profile.load_profile`."""
        return load_profile(self.profile)


class WatchlistSettings(Settings):
    """Persons who are looked for."""

    size: int = setting(100, f"{ASSUMED}", unit="references", ge=0, le=1_000_000)
    travelling: float = setting(0.1, f"{ASSUMED}: share of them who travel", ge=0, le=1)


class SubversionSettings(Settings):
    """How often each kind of fraud happens; see `biomatch_synthetic.subversion`."""

    impostor: float = setting(
        10.0, "7 to 10 detected per million [A21, A22, E10], of whom 80% were looked at",
        unit="per million visits",
        ge=0, le=200_000,
    )  # fmt: skip
    impostor_pool: int = setting(
        20, f"{ASSUMED}: documents among which the impostor picks the best look-alike", ge=1, le=5000
    )
    impostor_relative: float = setting(0.2, f"{ASSUMED}: share who use a relative's document", ge=0, le=1)
    sham_exit: float = setting(
        10.0, f"{ASSUMED}: [A4] is one case", unit="per million visits", ge=0, le=200_000
    )
    sham_exit_relative: float = setting(0.5, f"{ASSUMED}: [A4]: a relative", ge=0, le=1)
    shared_document: float = setting(
        4.0, f"{ASSUMED}: documents used by several", unit="per million visits", ge=0, le=200_000
    )
    shared_document_users: int = setting(3, f"{ASSUMED}", unit="users", ge=2, le=50)
    second_identity: float = setting(
        10.0,
        f"{ASSUMED}: EES found two identities in one case [E7]",
        unit="per million visits",
        ge=0,
        le=200_000,
    )
    morph: float = setting(4.0, f"{ASSUMED}", unit="per million visits", ge=0, le=200_000)
    ghost_exit: float = setting(
        10.0, f"{ASSUMED}: OIG-17-56: departures reported that did not happen", unit="per million visits",
        ge=0, le=200_000,
    )  # fmt: skip
    stay_laundering: float = setting(4.0, f"{ASSUMED}", unit="per million visits", ge=0, le=200_000)
    swapped_exit: float = setting(4.0, f"{ASSUMED}", unit="pairs per million visits", ge=0, le=200_000)
    concealer: float = setting(10.0, f"{ASSUMED}", unit="per million visits", ge=0, le=200_000)
    concealer_noise: float = setting(3.0, "face-model.md: noise x 3 misses 17%", ge=1, le=10)


KINDS = (
    "impostor",
    "sham_exit",
    "shared_document",
    "second_identity",
    "morph",
    "ghost_exit",
    "stay_laundering",
    "swapped_exit",
    "concealer",
)
"""Kinds of subversion that have a prevalence."""


_LATER: tuple[tuple[str, str, object], ...] = (
    ("captures", "entry_coverage_from", {}),
    ("captures", "exit_coverage_from", {}),
    ("records", "coverage", 1.0),
    ("records", "coverage_from", {}),
    ("stays", "law", "us"),
)
"""Settings that came later, with the defaults under which worlds are what they were."""


class Scenario(Settings):
    """What a synthetic border world is made from.

    Examples
    --------
    >>> Scenario.load("tiny").with_({"travellers": 500}).travellers
    500
    >>> Scenario.names()
    ['airport', 'country', 'land-border', 'schengen', 'seaport', 'tiny']
    """

    name: str = setting(..., "given by the scenario", min_length=1, max_length=200)
    about: str = setting("", "given by the scenario", max_length=2000)
    travellers: int = setting(
        ..., "given by the scenario", unit="people who make journeys", ge=1, le=10_000_000
    )
    first_day: date = setting("2024-01-01", f"{ASSUMED}: any year will do")
    days: int = setting(..., "given by the scenario", ge=2, le=3660)
    warm_up_days: int = setting(..., "given by the scenario: the country must not start empty", ge=0)
    restatement_days: int = setting(
        0, "days after the snapshot in which records are still received; FY2024: 129 [S1]", ge=0
    )
    ports: dict[str, BorderPort] = setting(..., "given by the scenario")
    people: PeopleSettings = PeopleSettings()
    traffic: TrafficSettings = TrafficSettings()
    stays: StaySettings = StaySettings()
    records: RecordSettings = RecordSettings()
    documents: DocumentSettings = DocumentSettings()
    captures: CaptureSettings = CaptureSettings()
    faces: FaceSettings = FaceSettings()
    watchlist: WatchlistSettings = WatchlistSettings()
    subversion: SubversionSettings = SubversionSettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warm_up_days + self.restatement_days >= self.days:
            raise ValueError(
                f"warm_up_days {self.warm_up_days} and restatement_days {self.restatement_days} "
                f"leave nothing of {self.days} days"
            )
        if self.records.left_by_land_at_port and "land" not in {port.mode for port in self.ports.values()}:
            raise ValueError("records.left_by_land_at_port is set, but no port has mode land")
        for mode, share in self.traffic.mode_shares.items():
            if share > 0 and mode not in {port.mode for port in self.ports.values()}:
                raise ValueError(f"traffic.mode_shares has {mode}, but no port has that mode")
        return self

    def canonical(self) -> str:
        """Give the settings as canonical JSON, without what changes nothing.

        That is ``faces.dimension``, which only repeats the profile's, and settings of `_LATER` at their
        defaults: worlds that were made before these existed keep their names.
        """
        values = self.model_dump(mode="json")
        values["faces"]["dimension"] = None
        for part, name, default in _LATER:
            if values[part][name] == default:
                del values[part][name]
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    @property
    def zones(self) -> dict[str, str]:
        """Time zone of each port that does not keep UTC."""
        return {name: port.zone for name, port in self.ports.items() if port.zone != "UTC"}

    @property
    def measure_from(self) -> date:
        """First day that counts."""
        return self.first_day + timedelta(days=self.warm_up_days)

    @property
    def last_day(self) -> date:
        """Last day on which anything happens or is received."""
        return self.first_day + timedelta(days=self.days - 1)

    @property
    def snapshot(self) -> date:
        """End of the reporting period."""
        return self.last_day - timedelta(days=self.restatement_days)

    @classmethod
    def of(cls, given: object) -> Self:
        """Take a scenario as it is, or load it by its name or file, as users write it.

        Raises
        ------
        SettingsError
            For an unknown name, or something that is no scenario.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, (str, Path)):
            return cls.load(given)
        raise SettingsError(
            f"a {type(given).__name__} in place of a scenario",
            allowed="a Scenario, a built-in name or a TOML file",
            remedy='write bm.Scenario.load("tiny"), or just "tiny"',
        )

    @classmethod
    def names(cls) -> list[str]:
        """Names of the built-in scenarios."""
        return sorted(file.stem for file in (models_dir() / "scenarios").glob("*.toml"))

    @classmethod
    def load(cls, name: str | Path) -> Self:
        """Load a built-in scenario by name, or one from a TOML file.

        Raises
        ------
        SettingsError
            For an unknown name (the nearest is named), or a file that does not fit the schema.
        """
        text = str(name)
        if text in cls.names():
            return cls.read(models_dir() / "scenarios" / f"{text}.toml")
        if text.endswith(".toml") or files.exists(text):
            return cls.read(text)
        raise SettingsError(
            f"unknown scenario {text!r}",
            allowed="a built-in name or a TOML file",
            remedy=nearest(text, cls.names()),
        )
