"""The system under test: its gallery, policy, linkage and alerts. No world parameter is in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import field_validator, model_validator

from biomatch import files
from biomatch.errors import SettingsError
from biomatch.registry import INDEXES, RULES
from biomatch.settings.base import ASSUMED, Settings, nearest, setting

Policy = Literal["manifest", "port_day", "open_stays", "all", "watchlist"]


Direction = Literal["entry", "exit"]
_DIRECTIONS: tuple[Direction, ...] = ("entry", "exit")


class SearchSettings(Settings):
    """One search: which gallery, and whose faces are searched against it."""

    policy: Policy = setting(..., "the user's own choice")
    directions: list[Direction] = setting(
        ["entry", "exit"], f"{ASSUMED}: whoever crosses is searched", min_length=1
    )
    list_length: int | None = setting(
        None, f"{ASSUMED}: gallery.list_length where none is given", ge=1, le=1000
    )


class GallerySettings(Settings):
    """What is enrolled, how it is searched, and how long it is kept.

    `policy` and `directions` describe the primary search; `searches` lists further ones, each against a
    gallery of its own. Settings that name `policy` or `directions` and no `searches` make one search.
    """

    policy: Policy = setting("open_stays", "the exit gallery is the set of open stays (GAO-20-568)")
    searches: list[SearchSettings] = setting(
        [
            {"policy": "all", "directions": ["entry"]},
            {"policy": "watchlist", "directions": ["entry", "exit"], "list_length": 5},
        ],
        f"{ASSUMED}: a border asks who is leaving, whether an arrival is known under another name, and who "
        "is wanted; none where only policy or directions are given",
    )
    index: str = setting(
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
    directions: list[Direction] = setting(
        ["exit"], f"{ASSUMED}: biometric exit is searched; entry is verified 1:1", min_length=1
    )
    designed_trials: bool = setting(
        True, f"{ASSUMED}: manifest galleries get each probe against another departure, for their FPIR"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_search(cls, given: Any) -> Any:
        """Take a policy or directions without `searches` as the one search that they describe."""
        if isinstance(given, dict) and {"policy", "directions"} & given.keys() and "searches" not in given:
            return {**given, "searches": []}
        return given

    @field_validator("index")
    @classmethod
    def _check_index(cls, given: str) -> str:
        if given not in INDEXES.shipped and given not in INDEXES:
            raise ValueError(f"one of {', '.join([*INDEXES.shipped, *INDEXES])}")
        return given

    @field_validator("searches")
    @classmethod
    def _check_searches(cls, given: list[SearchSettings]) -> list[SearchSettings]:
        policies = [one.policy for one in given]
        for policy in policies:
            if policies.count(policy) > 1:
                raise ValueError(f"{policy} stands twice: list each policy once, with all its directions")
        return given

    @property
    def every_search(self) -> tuple[SearchSettings, ...]:
        """The primary search and the further ones, each with its list length.

        A further search of the primary's own policy adds its directions to it.
        """
        first = SearchSettings(policy=self.policy, directions=self.directions, list_length=self.list_length)
        found = {self.policy: first}
        for one in self.searches:
            ways = {*one.directions, *(self.directions if one.policy == self.policy else ())}
            length = self.list_length if one.policy == self.policy else one.list_length or self.list_length
            found[one.policy] = SearchSettings(
                policy=one.policy,
                directions=[way for way in _DIRECTIONS if way in ways],
                list_length=length,
            )
        return tuple(found.values())

    def list_length_of(self, policy: str) -> int:
        """Give L of one of the searches."""
        lengths = {one.policy: one.list_length or self.list_length for one in self.every_search}
        return lengths.get(cast(Policy, policy), self.list_length)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Policies that are searched, the primary one first."""
        return tuple(one.policy for one in self.every_search)


class LinkageSettings(Settings):
    """How exits are joined to entries."""

    method: Literal["document", "greedy", "mutual", "optimum"] = setting(
        "optimum",
        f"{ASSUMED}: what documents leave open is joined by faces and evidence, all at once; the join of "
        "record today is document (DHS/CBP/PIA-024(c))",
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

    rules: str = setting(
        "us",
        f"{ASSUMED}: the strategy that biomatch is modelled on; eu: 90 days in any 180 of a person, over all "
        "passports that linkage unites",
    )
    lead_posterior: float = setting(
        0.0,
        f"{ASSUMED}: whoever the rules suspect is a lead, and the posterior orders the review; `tune --for "
        "leads` raises it (0.5 hides more than half of the overstays: benchmarks/results/arithmetic.md)",
        ge=0,
        le=1,
    )

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, given: str) -> str:
        known = ["us", "eu", *RULES]
        if given not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return given


class AlertSettings(Settings):
    """Which conflicts raise alerts."""

    kinds: list[str] = setting(
        [
            "document_photo_conflict", "sham_exit", "shared_document", "second_identity", "morph",
            "watchlist", "ghost_exit", "stay_laundering", "swapped_exit", "concealer",
        ],
        f"{ASSUMED}: every kind; one whose gallery is not searched is reported as not searched",
    )  # fmt: skip
    scoring: Literal["evidence", "fusion"] = setting(
        "fusion",
        "every kind but the watchlist by the fused log-likelihood ratio, which catches more at equal stops "
        "(benchmarks/results/fraud.md); evidence: each kind by its own comparison",
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
    >>> System.load("default").gallery.policies
    ('open_stays', 'all', 'watchlist')
    >>> System.from_mapping({"gallery": {"policy": "manifest"}}).gallery.policies
    ('manifest',)
    >>> System.load("default").with_({"gallery.policy": "manifest"}).gallery.policies
    ('manifest',)
    """

    name: str = setting("default", f"{ASSUMED}: a label", min_length=1, max_length=200)
    gallery: GallerySettings = GallerySettings()
    linkage: LinkageSettings = LinkageSettings()
    stays: StaySettings = StaySettings()
    alerts: AlertSettings = AlertSettings()

    def with_(self, changes: Mapping[str, Any], *, where: str = "the changes") -> Self:
        """Copy the settings with some of them changed; keys may be dotted.

        As in a file, a policy or directions without ``gallery.searches`` make one search.

        Raises
        ------
        SettingsError
            For an unknown key or a value out of range.
        """
        if {"gallery.policy", "gallery.directions"} & changes.keys() and "gallery.searches" not in changes:
            changes = {**changes, "gallery.searches": []}
        return super().with_(changes, where=where)

    @classmethod
    def of(cls, given: object) -> Self:
        """Take a system as it is, or load it by its name or file, as users write it.

        Raises
        ------
        SettingsError
            For an unknown name, or something that is no system.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, (str, Path)):
            return cls.load(given)
        raise SettingsError(
            f"a {type(given).__name__} in place of a system",
            allowed="a System, a built-in name or a TOML file",
            remedy='write bm.System.load("default"), or just "default"',
        )

    @classmethod
    def about(cls, name: str) -> str:
        """Say in a line what a built-in system is.

        Examples
        --------
        >>> System.about("document-only")
        'exits join entries by document alone; no face is compared'
        """
        return _ABOUT[name]

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
        if text.endswith(".toml") or files.exists(text):
            return cls.read(text)
        raise SettingsError(
            f"unknown system {text!r}",
            allowed="a built-in name or a TOML file",
            remedy=nearest(text, cls.names()),
        )


_TODAY_ALERTS = {
    "kinds": ["document_photo_conflict", "sham_exit", "second_identity", "watchlist"],
    "scoring": "evidence",
}
_TODAY_GALLERY = {"policy": "open_stays", "searches": [{"policy": "watchlist", "list_length": 5}]}
_DOCUMENT = {"method": "document"}
_BOTH = ["entry", "exit"]
_BUILT_IN: dict[str, dict[str, object]] = {
    "default": {},
    # The practice of record: exits join entries by document, a face only contradicts.
    "today": {
        "name": "today", "gallery": _TODAY_GALLERY, "linkage": _DOCUMENT, "alerts": _TODAY_ALERTS,
    },
    "document-only": {
        "name": "document-only",
        "gallery": _TODAY_GALLERY,
        "linkage": {**_DOCUMENT, "face_check": False},
        "alerts": _TODAY_ALERTS,
    },
    "linked": {"name": "linked", "gallery": _TODAY_GALLERY, "alerts": _TODAY_ALERTS},
    "manifest": {"name": "manifest", "gallery": {"policy": "manifest"}, "linkage": _DOCUMENT},
    "port-day": {"name": "port-day", "gallery": {"policy": "port_day"}, "linkage": _DOCUMENT},
    "all": {"name": "all", "gallery": {"policy": "all", "directions": _BOTH}, "linkage": _DOCUMENT},
    "watchlist": {
        "name": "watchlist", "gallery": {"policy": "watchlist", "directions": _BOTH}, "linkage": _DOCUMENT,
    },
}  # fmt: skip
_ABOUT = {
    "default": "open stays at exit, everyone at entry, the watchlist at both; linkage by faces; fused alerts",
    "today": "the practice of record: exits join entries by document, a face only contradicts",
    "document-only": "exits join entries by document alone; no face is compared",
    "linked": "as today, and what documents leave open is joined by faces and evidence",
    "manifest": "each departure's own travellers are searched: small galleries",
    "port-day": "the travellers of one port and day are searched",
    "all": "everyone ever enrolled is searched, at entry and exit",
    "watchlist": "only the watchlist is searched, at entry and exit",
}
"""A line about each built-in system."""
