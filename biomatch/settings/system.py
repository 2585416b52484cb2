"""The system under test: its gallery, policy, linkage and alerts. No world parameter is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import field_validator

from biomatch.errors import SettingsError
from biomatch.settings.base import ASSUMED, Settings, nearest, setting

Policy = Literal["manifest", "port_day", "open_stays", "all", "watchlist"]


class GallerySettings(Settings):
    """What is enrolled, how it is searched, and how long it is kept."""

    policy: Policy = setting("open_stays", "the exit gallery is the set of open stays (GAO-20-568)")
    index: Literal["flat", "compressed", "milvus", "auto"] = setting(
        "auto", f"{ASSUMED}: exact search until N asks for codes, which lose one mate in a million at most"
    )
    list_length: int = setting(
        20, "NIST FRTE 1:N test driver asks for 20 candidates (validate1N.cpp)", ge=1, le=1000
    )
    reopen_days: float = setting(
        3.0,
        f"{ASSUMED}: a closed stay stays searchable, so that a sham exit does not hide its victim",
        ge=0,
        le=3650,
    )
    images: int = setting(
        0,
        f"{ASSUMED}: policy all keeps every entry photo; else the newest so many of each document",
        unit="newest images of a document; 0: all",
        ge=0,
        le=1000,
    )
    retention_days: float = setting(27_394.0, "US photos of non-citizens: up to 75 years (90 FR 48604)", gt=0)
    directions: list[Literal["entry", "exit"]] = setting(
        ["exit"], f"{ASSUMED}: biometric exit is searched; entry is verified 1:1", min_length=1
    )
    designed_trials: bool = setting(
        True, f"{ASSUMED}: manifest galleries get each probe against another departure, for their FPIR"
    )


class LinkageSettings(Settings):
    """How exits are joined to entries."""

    method: Literal["document", "greedy", "mutual", "optimum"] = setting(
        "document", "the join of record today (DHS/CBP/PIA-024(c))"
    )
    face_check: bool = setting(True, f"{ASSUMED}: a pair whose faces disagree is contradicted, not joined")
    use_manifest: bool = setting(True, "departure manifests close stays (GAO-13-683)")
    use_neighbour: bool = setting(True, "an entry into the neighbour is an exit (DHS, 11 July 2019)")
    use_captures: bool = setting(
        True,
        f"{ASSUMED}: a capture that is itself the record of a departure closes a stay: by its document where "
        "the gate read one, else by face, which takes a method other than `document`; worlds have such "
        "captures only where their `captures.biometric_exit` says so",
    )
    manifest_wait_days: float = setting(
        2.0, f"{ASSUMED}: how long the port's own record is waited for before the manifest's counts", ge=0
    )


class StaySettings(Settings):
    """Which rules say who has overstayed."""

    rules: Literal["us"] = setting("us", f"{ASSUMED}: the strategy that biomatch is modelled on")
    lead_posterior: float = setting(
        0.0,
        f"{ASSUMED}: whoever the rules suspect is a lead, and the posterior orders the review; `tune --for "
        "leads` raises it (0.5 hides more than half of the overstays: benchmarks/results/arithmetic.md)",
        ge=0,
        le=1,
    )


class AlertSettings(Settings):
    """Which conflicts raise alerts."""

    kinds: list[str] = setting(
        ["document_photo_conflict", "sham_exit", "second_identity", "watchlist"],
        f"{ASSUMED}: what face and document can disagree about",
    )
    scoring: Literal["evidence", "fusion"] = setting(
        "evidence", f"{ASSUMED}: each kind by its own evidence, or all by the fused log-likelihood ratio"
    )
    unseen_departures: dict[str, float] = setting(
        {},
        f"{ASSUMED}: by port or mode, the share of declared departures that a port does not see, as an audit "
        "found it; where there is none it is learnt from the same records, ghost exits among them",
        unit="shares, by port or mode",
    )

    @field_validator("unseen_departures")
    @classmethod
    def _check(cls, given: dict[str, float]) -> dict[str, float]:
        for name, share in given.items():
            if not 0.0 < share < 1.0:
                raise ValueError(f"{name} = {share}: between 0 and 1, both excluded")
        return given


class System(Settings):
    """A system under test.

    Examples
    --------
    >>> System.load("default").gallery.policy
    'open_stays'
    >>> System.load("default").with_({"gallery.policy": "manifest"}).gallery.policy
    'manifest'
    """

    name: str = setting("default", f"{ASSUMED}: a label", min_length=1, max_length=200)
    gallery: GallerySettings = GallerySettings()
    linkage: LinkageSettings = LinkageSettings()
    stays: StaySettings = StaySettings()
    alerts: AlertSettings = AlertSettings()

    @classmethod
    def names(cls) -> list[str]:
        """Names of the built-in systems."""
        return sorted(_BUILT_IN)

    @classmethod
    def load(cls, name: str | Path) -> Self:
        """Load a built-in system by name, or one from a TOML file.

        Raises
        ------
        SettingsError
            For an unknown name (the nearest is named), or a file that does not fit the schema.
        """
        text = str(name)
        if text in _BUILT_IN:
            return cls.from_mapping(_BUILT_IN[text])
        if text.endswith(".toml") or Path(text).exists():
            return cls.read(text)
        raise SettingsError(
            f"unknown system {text!r}",
            allowed="a built-in name or a TOML file",
            remedy=nearest(text, cls.names()),
        )


_BUILT_IN: dict[str, dict[str, object]] = {
    "default": {},
    "manifest": {"name": "manifest", "gallery": {"policy": "manifest"}},
    "port-day": {"name": "port-day", "gallery": {"policy": "port_day"}},
    "all": {"name": "all", "gallery": {"policy": "all", "directions": ["entry", "exit"]}},
    "watchlist": {"name": "watchlist", "gallery": {"policy": "watchlist", "directions": ["entry", "exit"]}},
    "linked": {"name": "linked", "linkage": {"method": "optimum"}},
    "document-only": {"name": "document-only", "linkage": {"face_check": False}},
}
